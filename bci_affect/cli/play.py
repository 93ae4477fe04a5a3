"""``bci-affect play``: republish a recording over LSL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.ending import call_at_end_of_input, handle_signals
from bci_affect.safe_text import echo


def play(
    file: Annotated[Path, typer.Argument(help="XDF recording.", metavar="FILE.xdf")],
    speed: Annotated[float, typer.Option(help="Speed relative to the recording.")] = 1.0,
    loop: Annotated[bool, typer.Option(help="Restart at the end.")] = False,
    start: Annotated[float, typer.Option(min=0.0, help="Start position in seconds.")] = 0.0,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the EEG stream has a receiver.")
    ] = True,
    head_start: Annotated[
        float, typer.Option(min=0.0, help="Seconds of data to send immediately at the start.")
    ] = 0.0,
    suffix: Annotated[
        str,
        typer.Option(help="Suffix for every source id, to distinguish this player from others."),
    ] = "",
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input ends.")
    ] = False,
) -> None:
    """Republish a recording over LSL with its original timing.

    Example: bci-affect play recordings/demo.xdf --loop
    """
    from bci_affect.streams import XdfPlayer

    player = XdfPlayer(
        file,
        speed,
        loop,
        start,
        wait=wait,
        head_start_s=head_start,
        suffix=suffix,
        notify=lambda text: echo(text, err=True),
    )
    for damage in player.damage:
        echo(f"{file}: at byte {damage.offset}: {damage.what}", err=True)

    def stop(*_: Any) -> None:
        player.stop()

    if with_parent:
        call_at_end_of_input(player.stop)
    handle_signals(stop)
    echo(f"Playing {file} ({player.duration_s:.1f} s).", err=True)
    player.run()
