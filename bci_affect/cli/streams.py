"""``bci-affect streams``: list of the visible LSL streams."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo, make_console


def streams(
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to search.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the visible LSL streams.

    Example: bci-affect streams --timeout 3
    """
    from bci_affect.streams import find_streams

    found = find_streams(timeout)
    if as_json:
        print_json([asdict(stream) for stream in found])
        return
    if not found:
        echo("No LSL streams are visible. Is the program of the headset sending?", err=True)
        return
    from rich.table import Table

    table = Table("name", "type", "channels", "rate (Hz)", "format", "source id", "host")
    for stream in found:
        table.add_row(
            stream.name,
            stream.type,
            str(stream.n_channels),
            f"{stream.rate_hz:g}",
            stream.format,
            stream.source_id,
            stream.hostname,
        )
    make_console().print(table)
