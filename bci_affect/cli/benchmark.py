"""`bci-affect benchmark`: speed of the parts on this machine, and results on recorded people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.safe_text import make_console

PEOPLE = "people"
"""Benchmark of accuracy; all others measure speed."""

TIMEOUT_S = 3600.0


def benchmark(
    only: Annotated[
        str | None, typer.Option(help="Names, separated by commas; default: all.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Measure for a shorter time, with more noise.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=1.0, help="Limit for each benchmark; default: 3600; not: people."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="ROOT", help="Folder of recorded data sets, for --only people."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=20, help="Repetitions of --only people; default: 2.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="New .json file, written again after each benchmark; for people an .html page, "
            "with its .svg figure, .md table and .json document next to it.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document at the end.")
    ] = False,
) -> None:
    """Measure the performance of each part on this machine.

    Latency, replay, signal, streams, training, tagger, retrieval, window, start. Each benchmark
    runs in its own process; one that fails becomes a row with the reason, and the exit status
    is 1. Ctrl-C ends the run and keeps the figures so far.

    With --only people --data ROOT, accuracy instead: the encoder and plain methods on every data
    set under ROOT, on people held out.

    Example: bci-affect benchmark --only live,signal --json
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from bci_affect.app import BENCHMARKS, BenchmarkResult, run_benchmark
    from bci_affect.cli.output import json_text, print_json
    from bci_affect.errors import BciAffectError
    from bci_affect.storage import write_atomically

    names = [name.strip() for name in only.split(",")] if only else list(BENCHMARKS)
    if names == [PEOPLE]:
        _people(data, seeds, quick=quick, timeout=timeout, out=out, as_json=as_json)
        return
    if PEOPLE in names:
        raise typer.BadParameter(f"'{PEOPLE}' runs alone", param_hint="--only")
    if data is not None or seeds is not None:
        raise typer.BadParameter(
            f"belongs to --only {PEOPLE}", param_hint="--seeds" if data is None else "--data"
        )
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise typer.BadParameter(
            f"'{unknown[0]}' is none of {', '.join((*BENCHMARKS, PEOPLE))}", param_hint="--only"
        )
    if out is not None and out.exists():
        raise BciAffectError(f"{out} exists already and is not overwritten; choose another name.")
    document: dict[str, Any] = {"machine": _machine(), "seconds": {}}
    console = make_console(stderr=True)
    failed, stopped = 0, False
    for number, name in enumerate(names, 1):
        of = f"{name} ({number} of {len(names)})"
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        try:
            with Progress(
                *columns, console=console, transient=True, disable=not console.is_terminal
            ) as bar:
                bar.add_task(f"Measuring {of}", total=None)
                result = run_benchmark(name, quick=quick, timeout_s=timeout or TIMEOUT_S)
        except KeyboardInterrupt:
            stopped = True
            result = BenchmarkResult(name, 0.0, error="stopped by the user")
        failed += result.error is not None
        document[name] = {"error": result.error} if result.error else result.figures
        document["seconds"][name] = round(result.seconds, 1)
        console.print(f"{of}: {result.error or f'{result.seconds:.0f} s'}", highlight=False)
        if out is not None:
            write_atomically(out, json_text(document))
        if not as_json:
            _print_rows(result)
        if stopped:
            break
    if as_json:
        print_json(document)
    if stopped:
        raise typer.Exit(130)
    if failed:
        raise BciAffectError(f"{failed} of {len(names)} benchmarks failed.")


def _people(
    data: Path | None,
    seeds: int | None,
    *,
    quick: bool,
    timeout: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run the benchmark of people in this process, with the time left on stderr."""
    import time

    from bci_affect.cli.output import print_json
    from bci_affect.cli.study_output import study_progress
    from bci_affect.errors import BciAffectError
    from bci_affect.safe_text import echo
    from bci_affect.training import PEOPLE_FILES, benchmark_people, people_table, write_people_page

    if data is None:
        raise typer.BadParameter("give the folder of the recorded data sets", param_hint="--data")
    if timeout is not None:
        raise typer.BadParameter(f"has no effect on {PEOPLE}", param_hint="--timeout")
    if quick and seeds not in (None, 1):
        raise typer.BadParameter("--quick has one seed", param_hint="--seeds")
    if out is not None:
        if out.suffix != ".html":
            raise typer.BadParameter("give an .html file", param_hint="--out")
        for suffix in PEOPLE_FILES:
            if out.with_suffix(suffix).exists():
                raise BciAffectError(
                    f"{out.with_suffix(suffix)} exists already and is not overwritten; choose "
                    "another name."
                )
    began = time.monotonic()
    with study_progress() as progress:
        result = benchmark_people(data, seeds=seeds or 2, quick=quick, progress=progress)
    if out is not None:
        write_people_page(result, out)
    if as_json:
        seconds = {PEOPLE: round(time.monotonic() - began, 1)}
        print_json({"machine": _machine(), "seconds": seconds, PEOPLE: result})
    else:
        echo(people_table(result).rstrip())


def _machine() -> dict[str, Any]:
    import os
    import platform

    from bci_affect import __version__

    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "bci_affect": __version__,
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _print_rows(result: Any) -> None:
    rows = [("failed", result.error)] if result.error else _flat(result.figures)
    for key, value in rows:
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{result.name:<12} {key:<52} {shown}", flush=True)


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, value))
    return rows
