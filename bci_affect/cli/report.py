"""``report``: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json


def report(
    run: Annotated[Path, typer.Argument(help="Folder that 'train' made.")],
    out: Annotated[Path | None, typer.Option(help="The page; RUN/report.html if absent.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The data set, if it has moved since training.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached features.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's path as JSON.")] = False,
) -> None:
    """Write tables and figures of a run into one HTML page that needs nothing else.

    Example: bci-affect report runs/streaming
    """
    from bci_affect.cli.study_output import study_progress
    from bci_affect.training.report import write_report

    with study_progress("Features of") as shown:
        path = write_report(run, out, data=data, cache=cache, progress=shown)
    if as_json:
        print_json({"report": str(path)})
    else:
        typer.echo(f"Wrote {path}.")
