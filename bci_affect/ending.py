"""Signals that ask the program to end, handled in one way by every command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, the request to terminate, and the end of the terminal (not on Windows)."""


def handle_signals(handler: Handler) -> dict[signal.Signals, Any]:
    """Call a function at each signal to end; return the previous handlers.

    A signal that is ignored stays so: ``nohup`` ignores SIGHUP.
    """
    return {
        number: signal.signal(number, handler)
        for number in SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN
    }


def stopped_line(number: int) -> str:
    """Return the line of a command that a signal has ended."""
    return f"bci-affect: stopped by {signal.Signals(number).name}; what was finished is kept."


def end_at_once_on_signals() -> None:
    """End the process at a signal with one line and its status, while no work has begun.

    An exception in the middle of an import could be turned into another one.
    """

    def end(number: int, _: FrameType | None) -> None:
        with suppress(OSError):  # the terminal may be closed
            os.write(2, f"{stopped_line(number)}\n".encode())
        os._exit(128 + number)

    handle_signals(end)


@contextmanager
def handling_signals(handler: Handler) -> Iterator[None]:
    """Call a function at each signal to end while the block runs."""
    before = handle_signals(handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def call_at_end_of_input(call: Callable[[], object]) -> None:
    """Call a function on another thread when standard input ends.

    A parent process that holds the other end of the pipe thereby ends this one, however it ends.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        call()

    threading.Thread(target=watch, name="bci-parent", daemon=True).start()
