"""`bci-affect process`: the live pipeline on a recording, at full speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.safe_text import make_console, make_progress


def process(
    file: Annotated[Path, typer.Argument(help="Recording (XDF).", show_default=False)],
    out: Annotated[Path, typer.Option(help="New CSV file for the estimates.")],
    features: Annotated[
        Path | None, typer.Option(help="New NPZ file for the band features.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(help="Name of the EEG stream, if the file has several.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Name of a calibrated profile.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Model file, or base; default: the shipped demo.")
    ] = None,
    align: Annotated[
        bool,
        typer.Option("--align", help="Shift EEG or markers that are on another clock."),
    ] = False,
    config: Annotated[Path | None, typer.Option(help="Settings (TOML), as for live.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Write the estimates of a recording, as a live session makes them.

    Example: bci-affect process session.xdf --out estimates.csv
    """
    import time
    from collections import Counter
    from dataclasses import replace

    import numpy as np

    from bci_affect.affect import EstimateCsv, features_document
    from bci_affect.app import RecordingAnalysis
    from bci_affect.cli.output import print_json
    from bci_affect.errors import BciAffectError
    from bci_affect.storage import atomic_file

    analysis = RecordingAnalysis(
        file, stream=stream, profile=profile, model=model, align=align, settings=config
    )
    source, info = analysis.source, analysis.info
    console = make_console(stderr=True)
    started = time.perf_counter()
    states: Counter[str] = Counter()
    kept = []
    with (
        analysis,
        atomic_file(out, overwrite=False) as partial,
        make_progress(console) as progress,
    ):
        task = progress.add_task(file.name, total=source.duration_s)
        with EstimateCsv(partial) as rows:
            first = None
            for step in analysis.steps():
                window = step.window
                first = window.time if first is None else first
                rows.write(step.estimate)
                states[step.estimate.state.value] += 1
                if features is not None:
                    kept.append(replace(window, covariance=None))
                progress.update(task, completed=window.time - first)
        if features is not None:
            with atomic_file(features, overwrite=False) as partial_features:
                arrays = features_document(kept, info.labels, analysis.band_names, info.rate_hz)
                with partial_features.open("xb") as sink:
                    np.savez(sink, allow_pickle=False, **arrays)
        reason = source.health.reason
    seconds = time.perf_counter() - started
    difference = source.recording.clock_difference()
    summary = {
        "file": str(file),
        "stream": info.name,
        "channels": list(info.labels),
        "estimates": sum(states.values()),
        "states": dict(states),
        "seconds_of_eeg": source.duration_s,
        "seconds_taken": seconds,
        "times_real_time": source.duration_s / seconds,
        "clocks": difference.text if difference else "",
        "damage": [str(damage) for damage in source.recording.damage],
    }
    if as_json:
        print_json(summary)
    if not states["ok"]:
        faults = analysis.path.pipeline.quality_reasons.items()
        reasons = [reason, *(f"{name}: {', '.join(found)}" for name, found in faults)]
        if not states and source.duration_s > analysis.path.pipeline.warm_up_s:
            reasons.append("no sample has a finite value in any electrode")
        raise BciAffectError(
            f"{file.name} gives no reading in {sum(states.values())} estimates "
            f"({'; '.join(filter(None, reasons)) or 'it is too short'}); see 'bci-affect inspect'."
        )
    if as_json:
        return
    for problem in source.recording.damage:
        console.print(f"{file}: at byte {problem.offset}: {problem.what}", style="yellow")
    console.print(
        f"{sum(states.values())} estimates ({states['ok']} readings) of {source.duration_s:.1f} s "
        f"to {out}, {source.duration_s / seconds:.0f} times real time."
    )
