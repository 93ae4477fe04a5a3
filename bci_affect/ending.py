"""Signals that ask the program to end, handled in one way by every command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
