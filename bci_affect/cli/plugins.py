"""``bci-affect plugins``: plug-ins of other packages, and whether they load."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo


def plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the plug-ins of other packages and test that each loads.

    Example: bci-affect plugins
    """
    from bci_affect.errors import BciAffectError
    from bci_affect.plugins import KINDS, find_plugins

    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        for plug_in in find_plugins(kind).values():
            problem = ""
            try:
                plug_in.load()
            except BciAffectError as error:
                problem = str(error)
            rows.append({**asdict(plug_in), "problem": problem})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = row["problem"] or "ok"
        echo(f"{row['kind']}: {row['name']} ({row['package']} {row['version']}): {state}")
    if not rows:
        echo("No plug-ins are installed.")
