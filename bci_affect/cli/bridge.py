"""``bci-affect bridge``: a headset through BrainFlow to LSL."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_affect.ending import call_at_end_of_input, handle_signals
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import echo, make_console

if TYPE_CHECKING:
    from bci_affect.streams import Bridge, BridgeStatus

_GRACE_S = 5.0
"""Seconds that a board has to disconnect after a signal."""


def bridge(
    board: Annotated[
        str, typer.Option(help="BrainFlow's name: synthetic, cyton, muse_2, ...")
    ] = "",
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
    scan: Annotated[
        bool, typer.Option("--scan", help="List headsets over Bluetooth and at serial ports.")
    ] = False,
    watchdog: Annotated[
        float, typer.Option(min=0.5, help="Seconds without a sample until it connects again.")
    ] = 5.0,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds for the board to answer.")] = 10,
    keep_trying: Annotated[
        bool, typer.Option("--keep-trying", help="Retry also if the first connection fails.")
    ] = False,
    side_streams: Annotated[
        bool,
        typer.Option(
            "--side-streams/--no-side-streams",
            help="Publish accelerometer, gyroscope, PPG, battery and other sensors too.",
        ),
    ] = True,
    config: Annotated[str, typer.Option(help="Command sent to the board at the start.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the state, or the scan, as JSON on stdout.")
    ] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input ends.")
    ] = False,
) -> None:
    """Publish a headset over LSL through BrainFlow (extra 'headset').

    It connects again by itself when the headset was away; streams keep their source ids, so that a
    session continues. With --json each line is an object with the state, its cause and the battery.

    Example: bci-affect bridge --board cyton --serial-port /dev/ttyUSB0
    """
    if scan:
        _scan(as_json)
        return
    if not board:
        raise BciAffectError(
            "Name the headset with --board (such as muse_2 or cyton), or list those in reach with "
            "--scan."
        )
    from bci_affect.streams import BoardSettings, Bridge, BridgeOptions

    names = tuple(name.strip() for name in labels.split(",")) if labels else ()
    settings = BoardSettings(
        *(board, serial_port, mac, serial_number, ip, ip_port, file, master),
        labels=names,
        timeout_s=timeout,
        configuration=config,
    )
    options = BridgeOptions(watchdog, keep_trying, side_streams)
    reporter = _Reporter()
    made = Bridge(settings, options, notify=_print_line if as_json else reporter)
    reporter.bridge = made
    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()

    handle_signals(end)
    if with_parent:
        call_at_end_of_input(stop.set)
    if duration is not None:
        threading.Timer(duration, stop.set).start()
    echo(f"{_run(made, stop):,} samples sent.", err=True)


def _run(bridge: Bridge, stop: threading.Event) -> int:
    """Run the bridge on a thread: calls of BrainFlow would delay signals."""
    problems: list[Exception] = []

    def work() -> None:
        try:
            bridge.run(stop)
        except Exception as error:
            problems.append(error)

    thread = threading.Thread(target=work, name="bci-bridge", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.wait(0.1):
        pass
    thread.join(_GRACE_S)
    if thread.is_alive():  # inside a call of BrainFlow, which cannot be interrupted
        echo("The board does not disconnect; the bridge ends without it.", err=True)
        sys.stdout.flush()
        os._exit(0)
    if problems:
        raise problems[0]
    return bridge.status.sent


class _Reporter:
    """Printer of state changes for people."""

    def __init__(self) -> None:
        self.bridge: Bridge | None = None
        self._before = ""

    def __call__(self, status: BridgeStatus) -> None:
        if status.state == "stopped" or self.bridge is None:
            return
        line = status.reason
        if status.state == "streaming":
            side = [header.type for header in self.bridge.headers[1:]]
            header = self.bridge.header
            line = (
                f"Sending '{header.name}' ({header.n_channels} ch, {header.rate_hz:g} Hz): "
                f"{', '.join(header.labels)}" + (f"; also {', '.join(side)}." if side else ".")
            )
        elif status.retry_s and status.tries > 1:
            line += f" (try {status.tries}, next in {math.ceil(status.retry_s)} s)"
        if line and line.partition(" (try")[0] != self._before:
            self._before = line.partition(" (try")[0]
            echo(line, err=True)


def _print_line(status: BridgeStatus) -> None:
    """Print a state as one line of JSON."""
    fields = {k: None if v != v else v for k, v in asdict(status).items()}
    try:
        print(json.dumps(fields), flush=True)
    except (OSError, ValueError):  # the reader has gone; the bridge ends by --with-parent
        return


def _scan(as_json: bool) -> None:
    """List headsets in reach."""
    from rich.table import Table

    from bci_affect.cli.output import print_json
    from bci_affect.streams import scan_devices

    with make_console(stderr=True).status("Searching over Bluetooth and at serial ports ..."):
        result = scan_devices()
    if as_json:
        print_json(asdict(result))
        return
    for note in result.notes:
        echo(note, err=True)
    if not result.devices:
        echo("No headset found. Switch it on, and close its app on the phone.", err=True)
        return
    table = Table("headset", "--board", "connect with", "signal", box=None)
    for device in result.devices:
        settings = device.settings()
        by = (
            f"--serial-port {settings.serial_port}"
            if settings.serial_port
            else f"--mac {settings.mac_address}"
            if settings.mac_address
            else f"--serial-number {settings.serial_number}"
        )
        strength = f"{device.strength_dbm} dBm" if device.strength_dbm else ""
        table.add_row(device.title, " or ".join(device.boards), by, strength)
    make_console().print(table)
