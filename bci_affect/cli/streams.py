"""``bci-affect streams``: which LSL streams can be seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bci_affect.cli.output import print_json


def streams(
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to listen.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the LSL streams that can be seen.

    Example: bci-affect streams --timeout 3
    """
    from bci_affect.streams import find_streams

    found = find_streams(timeout)
    if as_json:
        print_json([asdict(stream) for stream in found])
        return
    if not found:
        typer.echo("No LSL streams can be seen. Is the headset's program sending?", err=True)
        return
    from rich.console import Console
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
    Console().print(table)
