"""``bci-affect bridge``: a headset through BrainFlow to LSL."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import typer

from bci_affect.ending import handle_signals
from bci_affect.safe_text import echo


def bridge(
    board: Annotated[str, typer.Option(help="BrainFlow's name: synthetic, cyton, muse_2, ...")],
    serial_port: Annotated[str, typer.Option(help="Such as /dev/ttyUSB0 or COM3.")] = "",
    mac: Annotated[str, typer.Option(help="Bluetooth address.")] = "",
    serial_number: Annotated[str, typer.Option(help="Name or number of the device.")] = "",
    ip: Annotated[str, typer.Option(help="Address of a board on the network.")] = "",
    ip_port: Annotated[int, typer.Option(help="Port of that board.")] = 0,
    file: Annotated[str, typer.Option(help="Recording of the playback_file board.")] = "",
    master: Annotated[str, typer.Option(help="Board of that recording.")] = "",
    labels: Annotated[str, typer.Option(help="Electrode names, separated by commas.")] = "",
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds; until Ctrl-C by default.")
    ] = None,
) -> None:
    """Publish a headset over LSL through BrainFlow (extra 'headset').

    Example: bci-affect bridge --board cyton --serial-port /dev/ttyUSB0
    """
    from bci_affect.streams import BoardSettings, Bridge

    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()

    handle_signals(end)
    names = tuple(name.strip() for name in labels.split(",")) if labels else ()
    made = Bridge(
        BoardSettings(
            board, serial_port, mac, serial_number, ip, ip_port, file, master, labels=names
        )
    )
    if duration is not None:
        threading.Timer(duration, stop.set).start()
    header = made.header
    echo(
        f"Sending '{header.name}' ({header.n_channels} ch, {header.rate_hz:g} Hz): "
        f"{', '.join(header.labels)}.",
        err=True,
    )
    echo(f"{made.run(stop):,} samples sent.", err=True)
