"""Real-time settings of the process: malloc arenas, garbage collection, thread switching."""

from __future__ import annotations

import ctypes
import gc
import sys

_M_ARENA_MAX, _ARENAS = -8, 2  # of malloc.h

SWITCH_S = 0.001
"""Longest time that a thread which computes may keep the interpreter from one that waits for it.
Python's own 5 ms are more than an estimate takes."""


def limit_malloc_arenas() -> None:
    """Limit glibc's malloc to two arenas for all threads; do nothing under another C library.

    By default it opens an arena for every new thread, up to eight per core, and each keeps its
    largest size. A session runs for hours and starts threads with every track and every reconnect
    of the headset: with two arenas it needs 17 MB less, and ten reconnects add nothing.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)


class RealtimeMode:
    """Short thread switches and small garbage collections, from `enable` to `disable`.

    A full garbage collection visits every object of the program, a quarter of a million from
    libraries alone: 0.1 s in which nothing else runs. Objects that exist when a session starts are
    collected once and then frozen (left out of collections) until the session ends.
    """

    def __init__(self) -> None:
        self._switch_s: float | None = None

    def enable(self) -> None:
        """Collect and freeze existing objects, and shorten the switch interval."""
        gc.collect()
        gc.freeze()
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_S, self._switch_s))

    def disable(self) -> None:
        """Restore the previous settings; safe to call without `enable`, and twice."""
        if self._switch_s is not None:
            gc.unfreeze()
            sys.setswitchinterval(self._switch_s)
            self._switch_s = None
