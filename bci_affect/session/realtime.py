"""Keeps Python's own house-keeping off the data path while a session runs."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_ARENA_MAX, _ARENAS = -8, 2  # of malloc.h

SWITCH_S = 0.001
"""Longest time that a thread which computes may keep the interpreter from one that waits for it.
Python's own 5 ms are more than an estimate takes."""


def few_heaps() -> None:
    """Have the C library keep two heaps for all threads, where it is glibc.

    It opens a heap for every new thread, up to eight a core, and each keeps what it once had. A
    session goes on for hours and begins threads with every track and every time that the headset
    comes back: with two heaps it has 17 MB less, and ten deaths of a headset add nothing to it.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)


class Undisturbed:
    """From `begin` to `end`, no thread holds the data path up for longer than it has to.

    A full garbage collection walks over every object of the program, a quarter of a million of
    them from libraries alone: 0.1 s in which nothing else runs. What is there when a session begins
    is looked through once more and then left out until the session's end.
    """

    def __init__(self) -> None:
        self._switch_s: float | None = None

    def begin(self) -> None:
        """Set the limits; the full collection comes now, before anything waits for data."""
        gc.collect()
        gc.freeze()
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_S, self._switch_s))

    def end(self) -> None:
        """Put everything back as it was; safe to call without `begin`, and twice."""
        if self._switch_s is not None:
            gc.unfreeze()
            sys.setswitchinterval(self._switch_s)
            self._switch_s = None
