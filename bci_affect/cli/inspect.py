"""``bci-affect inspect``: content of a recording and its defects."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import make_console

SHOWN = 20
"""Most gaps, clock resets and channels of a stream that are printed."""


def inspect(
    file: Annotated[Path, typer.Argument(help="XDF recording.", metavar="FILE.xdf")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the content of a recording and its defects.

    Streams, rates, labels, units, gaps, clock resets, damage and channel quality.

    Example: bci-affect inspect recordings/demo.xdf
    """
    from bci_affect.streams import inspect_xdf

    document = inspect_xdf(file)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _show(document: dict[str, Any]) -> None:

    console = make_console(highlight=False, soft_wrap=True)
    console.print(f"{document['file']}  {document['bytes']:,} bytes", style="bold")
    covered = "checksums cover the samples" if document["checksums"] else "no checksums"
    console.print("healthy" if document["healthy"] else "damaged", f"({covered})")
    for damage in document["damage"]:
        console.print(
            f"  at byte {damage['offset']:,}: {damage['length']:,} bytes: {damage['what']}"
        )
    if document["clocks"]:
        console.print(document["clocks"], markup=False, style="yellow")
    for stream in document["streams"]:
        console.print()
        console.print(
            f"{stream['id']}. {stream['name']} ({stream['type'] or 'no type'}, "
            f"{stream['channels']} ch, {stream['format']}): {stream['role']}",
            style="bold",
        )
        rate = "irregular"
        if stream["rate_hz"] > 0 or math.isfinite(stream["measured_hz"]):
            rate = (
                f"nominal {stream['rate_hz']:g} Hz, measured {stream['measured_hz']:.3f} Hz\n"
                f"   {stream['lost']:,} lost, gaps: {len(stream['gaps'])}, "
                f"clock resets: {len(stream['clock_resets'])}"
            )
        console.print(f"   {stream['samples']:,} samples in {stream['duration_s']:.1f} s, {rate}")
        for gap in stream["gaps"][:SHOWN]:
            console.print(f"   gap of {gap['seconds']:.3f} s before {gap['time']:.3f}")
        for reset in stream["clock_resets"][:SHOWN]:
            console.print(f"   clock jumped by {reset['seconds']:.3f} s at {reset['time']:.3f}")
        more = max(0, len(stream["gaps"]) - SHOWN) + max(0, len(stream["clock_resets"]) - SHOWN)
        if more:
            console.print(f"   and {more} more gaps and clock resets (--json lists them all)")
        for text, count in document["markers"].get(stream["name"], {}).items():
            console.print(f"   {count:>6} x {text}")
        if "quality" not in stream and "events" not in stream:
            pairs = zip(stream["labels"], stream["units"], strict=True)
            named = (f"{label} ({unit})" if unit else label for label, unit in pairs)
            console.print(f"   channels: {', '.join(islice(named, SHOWN))}")
        for note in stream["notes"]:
            console.print(f"   note: {note}")
        for channel in stream.get("quality", ()):
            if "spread_uv" in channel:
                console.print(
                    f"   {channel['label']:>8}  {channel['verdict']:<8} "
                    f"spread {channel['spread_uv']:7.1f} uV, offset {channel['offset_uv']:9.0f}"
                )
            else:
                console.print(f"   {channel['label']:>8}  {channel['verdict']}")
