"""Clock offsets of a sender: seconds to add to its stamps, each valid from a sample on."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

JUMP_S = 1.0
FEW = 8
"""Most stamps for which plain floats are faster than arrays; the results are the same."""
_NONE = np.zeros(0, np.int64)


class ClockOffsets:
    """Offsets between a sender's clock and ours, each valid from a raw stamp on.

    An offset with time ``t`` holds from the first sample whose stamp reaches ``t``. Where stamps
    jump by more than a second (first sample, gap, clock reset), the offset nearest in time is used,
    because after a reset only it belongs to the new clock.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._values: list[float] = []
        self._current = -1
        self._reached = math.nan  # largest raw stamp since the last jump
        self._last = math.nan

    def add(self, time: float, value: float) -> None:
        """Append an offset (seconds to add) that holds from raw stamp `time` on."""
        if math.isfinite(time) and math.isfinite(value):
            self._times.append(time)
            self._values.append(value)

    @property
    def reached(self) -> float:
        """Largest raw stamp seen since the last jump; NaN before the first."""
        return self._reached

    @property
    def value(self) -> float:
        """Present offset; 0 before the first."""
        return self._values[self._current] if self._current >= 0 else 0.0

    def jumps(self, raw: Floats) -> NDArray[np.int64]:
        """Return indices in `raw` at which stamps jump away from the stamp before."""
        if raw.size <= FEW and self._is_steady(raw.tolist()):
            return _NONE
        steps = np.abs(np.diff(raw, prepend=self._last))
        return np.flatnonzero(~(steps <= JUMP_S))

    def correct(self, raw: Floats) -> Floats:
        """Return stamps on our clock; shape (n,) in and out."""
        if raw.size == 0 or not self._times:
            if raw.size:
                self._last = float(raw[-1])
            return raw.copy()
        if raw.size <= FEW:
            stamps = raw.tolist()
            reached = max(stamps)
            if reached < self._until() and self._is_steady(stamps):
                self._reached = max(self._reached, reached)
                self._last = stamps[-1]
                return raw + self._values[self._current]
        out = np.empty_like(raw)
        cuts = self.jumps(raw)
        edges = [0, *(int(cut) for cut in cuts if cut > 0), raw.size]
        for start, stop in pairwise(edges):
            part = raw[start:stop]
            if start in cuts:
                self._reseat(float(part[0]))
            out[start:stop] = part + self._held(part)
        self._last = float(raw[-1])
        return out

    def _is_steady(self, stamps: list[float]) -> bool:
        """Return True if no stamp jumps away from its predecessor."""
        last = self._last
        for stamp in stamps:
            if not abs(stamp - last) <= JUMP_S:  # also if one of them is NaN
                return False
            last = stamp
        return bool(stamps)

    def _until(self) -> float:
        """Raw stamp at which the present offset ends; -inf without one."""
        if self._current < 0:
            return -math.inf
        following = self._current + 1
        if following == len(self._times) or self._times[following] < self._times[self._current]:
            return math.inf
        return self._times[following]

    def _reseat(self, stamp: float) -> None:
        if not math.isfinite(stamp):
            return
        first = max(self._current, 0)
        away = np.abs(np.array(self._times[first:]) - stamp)
        nearest = int(np.flatnonzero(away == away.min())[-1])
        self._current, self._reached = first + nearest, stamp

    def _held(self, part: Floats) -> Floats:
        """Offset of each stamp of a stretch without jumps."""
        values = np.empty(part.size)
        if self._current < 0:  # no finite stamp yet
            self._current = 0
        reached = np.fmax.accumulate(np.concatenate(([self._reached], part)))[1:]
        done = 0
        while done < part.size:
            until = self._until()  # an earlier offset that follows belongs to a reset clock
            stop = max(done, int(np.searchsorted(reached, until, "left")))
            values[done:stop] = self._values[self._current]
            if stop < part.size:
                self._current += 1
            done = stop
        if part.size and math.isfinite(reached[-1]):
            self._reached = float(reached[-1])
        return values
