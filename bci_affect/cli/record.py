"""``bci-affect record``: LSL streams to a crash-safe XDF file."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from bci_affect.cli.output import print_json
from bci_affect.ending import handling_signals
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import echo, make_console


def record(
    out: Annotated[Path, typer.Argument(help="New XDF file, or a folder.", metavar="OUT.xdf")],
    stream: Annotated[
        list[str] | None,
        typer.Option(help="Name or source id of a stream; repeatable. All by default."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds; until Ctrl-C by default.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for streams.")] = 10.0,
    participant: Annotated[
        str, typer.Option(help="Part of the file name, if OUT is a folder.")
    ] = "P001",
    session: Annotated[
        str, typer.Option(help="Part of the file name, if OUT is a folder.")
    ] = "S001",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Record LSL streams to a crash-safe file.

    Streams that appear later are recorded too. In a folder, the file is named as LabRecorder does.
    Existing files are never overwritten.

    Example: bci-affect record session.xdf --stream Muse --duration 60
    """
    from bci_affect.streams import record_streams, recording_path

    if out.is_dir() or out.suffix.lower() != ".xdf":
        out = recording_path(out, participant, session)
    stop = threading.Event()
    received: list[int] = []

    def end(number: int, _: Any) -> None:
        received.append(number)
        stop.set()

    from rich.text import Text

    console = make_console(stderr=True, highlight=False)
    result: dict[str, Any] | None = None
    with handling_signals(end), console.status("Searching for streams ...") as line:
        try:
            result = record_streams(
                out,
                wanted=tuple(stream or ()),
                duration_s=duration,
                timeout_s=timeout,
                stop=stop,
                progress=lambda text, missing: line.update(
                    Text.assemble(
                        text, (f" missing: {', '.join(missing)}" if missing else "", "red")
                    )
                ),
            )
        except BciAffectError:
            if not received:
                raise
    if result is None:  # ended while it waited for the streams
        signal.raise_signal(received[0])
        return
    if as_json:
        print_json(result)
    else:
        echo(f"{result['path']}: {result['seconds']:.1f} s, {result['bytes']:,} bytes")
        for name, count in result["samples"].items():
            echo(f"  {name}: {count:,} samples")
