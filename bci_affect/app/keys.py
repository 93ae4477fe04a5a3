"""Keys of the terminal dashboard: marks by M and by the digits."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bci_affect.session import LiveSession

_POLL_S = 0.1


def mark_on_key(session: LiveSession, marks: Mapping[str, str], key: str) -> None:
    """Set a mark for M, or for a digit with its meaning; ignore any other key."""
    if key in ("m", "M"):
        session.mark()
    elif key in "0123456789":
        session.mark(marks.get(key, key))


@contextmanager
def reading_keys(on_key: Callable[[str], None]) -> Iterator[None]:
    """Call a function with each key that is pressed in the terminal while the block runs.

    Does nothing if the standard input is no terminal. The function runs on a thread of its own, so
    that a mark has the time of its key.
    """
    if not sys.stdin.isatty():
        yield
        return
    stop = threading.Event()
    keys = _windows_keys if sys.platform == "win32" else _posix_keys

    def run() -> None:
        for key in keys(stop):
            on_key(key)

    with _each_key_at_once():
        thread = threading.Thread(target=run, name="keys", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(2 * _POLL_S)


@contextmanager
def _each_key_at_once() -> Iterator[None]:
    """Make the terminal pass on each key without Enter, and not print it."""
    if sys.platform == "win32":
        yield
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)  # Ctrl-C still sends its signal
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal may be closed
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _posix_keys(stop: threading.Event) -> Iterator[str]:
    import select

    terminal = sys.stdin.fileno()
    while not stop.is_set():
        if select.select([terminal], [], [], _POLL_S)[0]:
            try:
                data = os.read(terminal, 64)
            except OSError:
                return
            if not data:  # the terminal is closed
                return
            yield from data.decode("ascii", "ignore")


def _windows_keys(stop: threading.Event) -> Iterator[str]:
    import msvcrt

    while not stop.is_set():
        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            yield msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        time.sleep(_POLL_S / 4)
