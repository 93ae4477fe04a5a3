"""``report``: a run of a study, or a session's recording, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo, make_console, make_progress


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_SESSION",
            help="Run folder of 'train', recording of a session (XDF), or a folder of recordings.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Output page; default: RUN/report.html, or next to the recording."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the data set, if it was moved after training.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features.")] = None,
    profile: Annotated[
        str, typer.Option(help="Profile of the session; default: the one in the recording.")
    ] = "",
    model: Annotated[
        Path | None,
        typer.Option(help="Model file for a session, or base; default: the shipped demo."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's path as JSON.")] = False,
) -> None:
    """Write a self-contained HTML report of a run or a session.

    Example: bci-affect report runs/streaming

    Example: bci-affect report ~/sessions/sub-P001/ses-20260105/eeg
    """
    recording = _recording(run)
    if recording is not None:
        path = _session(recording, out, profile, model)
    else:
        from bci_affect.cli.study_output import study_progress
        from bci_affect.training import write_report

        with study_progress() as shown:
            path = write_report(run, out, data=data, cache=cache, progress=shown)
    if as_json:
        print_json({"report": str(path)})
    else:
        echo(f"Wrote {path}.")


def _recording(place: Path) -> Path | None:
    """Return the recording: the file itself, or the newest one in a folder."""
    if place.is_file():
        return place
    found = sorted(place.rglob("*.xdf"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def _session(recording: Path, out: Path | None, profile: str, model: Path | None) -> Path:

    from bci_affect.app import report_recording

    console = make_console(stderr=True)
    with make_progress(console, transient=True) as bar:
        task = bar.add_task(recording.name, total=1.0)
        return report_recording(
            recording,
            out,
            profile=profile,
            model=model,
            progress=lambda share: bar.update(task, completed=share),
        )
