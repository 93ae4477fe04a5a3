"""``bci-affect leak-check``: leaks of anyone's split, from a table or arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo


def leak_check(
    file: Annotated[
        Path, typer.Argument(help="Table (CSV) or arrays (NPZ), one row per window or trial.")
    ],
    out: Annotated[Path | None, typer.Option(help="HTML page for the report.")] = None,
    window: Annotated[
        float | None, typer.Option(min=0, help="Length of a row's window in seconds.")
    ] = None,
    new: Annotated[
        list[str] | None,
        typer.Option(
            help="Unit that is claimed to be new in the test: subject, session or stimulus."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=COLUMN", help="Other name of a column, as in subject=sub."),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Report the leaks of a split of any program.

    Columns: fold (in which a row is tested) or split (train, validation, test); label, subject,
    session, trial, stimulus, time. Exit status 1 if the split leaks.

    Example: bci-affect leak-check folds.csv --new subject --out leaks.html
    """
    from bci_affect.training import check_split, read_split

    names = [text.partition("=") for text in column or []]
    if wrong := next((name for name, sign, theirs in names if not sign or not theirs), None):
        raise typer.BadParameter(f"give NAME=COLUMN, not '{wrong}'", param_hint="--column")
    arguments = read_split(file, {name: theirs for name, _, theirs in names})
    report = check_split(**arguments, window_s=window, new=tuple(new or ()), seed=seed)
    page = report.write(out, title or f"Leak check of {file.name}") if out else None
    if as_json:
        print_json({**report.as_dict(), "page": str(page) if page else None})
    else:
        echo(str(report))
        if page:
            echo(f"Wrote {page}.")
    if report.leaks:
        raise typer.Exit(1)
