"""Keeps Python's own house-keeping off the data path while a session runs."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.001
"""Longest time that a thread which computes may keep the interpreter from one that waits for it.
Python's own 5 ms are more than an estimate takes."""


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
