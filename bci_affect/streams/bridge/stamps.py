"""Time stamps of a board: from Unix time to LSL's clock, without jitter."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.clock.clock_events import Stretch
from bci_affect.streams.clock.dejitter import Dejitter

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

FAR_S = 5.0
"""Distance of a fresh stamp from the present that is another clock than Unix time."""
EARLY_S = 1.0


class UnixToLsl:
    """Converter of Unix stamps to LSL times.

    The offset between the two clocks is measured at every call, so that a set system clock moves no
    sample. Stamps of boards with a clock of their own are shifted by one constant.

    Parameters
    ----------
    lsl : callable
        Clock of LSL.
    unix : callable
        System clock, by which the board's driver stamps.
    """

    def __init__(self, lsl: Callable[[], float], unix: Callable[[], float] = time.time) -> None:
        self._lsl, self._unix = lsl, unix
        self._offset = math.nan
        self._before = -math.inf  # time of the last call
        self._constant = 0.0

    def __call__(self, stamps: Floats) -> Floats:
        """Return the times of stamps (n,) that have just been read, newest last."""
        now = self._lsl()
        offset = now - self._unix()
        times = stamps + (offset + self._constant)
        if abs(offset - self._offset) > EARLY_S:  # the clock was set after some of these stamps
            old = stamps + (self._offset + self._constant)
            wrong = (times < self._before - EARLY_S) | (times > now + EARLY_S)
            fits = (old >= self._before - EARLY_S) & (old <= now + EARLY_S)
            times = np.where(wrong & fits, old, times)
        if times.size:
            away = now - float(times[-1])
            if abs(away) > FAR_S:
                self._constant += away
                times = times + away
        self._offset, self._before = offset, now
        return times


class Stamper:
    """Pairing of a feed's samples with even times; samples wait until theirs are certain.

    Every sample comes out once, in order, with strictly increasing times, also across connections.

    Parameters
    ----------
    rate_hz : float
        Rate; 0 keeps the stamps.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._dejitter = self._new()
        self._waiting: deque[Rows] = deque()
        self._reached = -math.inf

    def push(self, samples: Rows, times: Floats) -> list[tuple[Rows, Floats]]:
        """Append samples (n, n_channels) with LSL times (n,); return those that are certain."""
        if not len(samples):
            return []
        self._waiting.append(samples)
        if self._dejitter is None:
            return self._paired([Stretch(0.0, times)])
        return self._paired(self._dejitter.push(times))

    def end_connection(self) -> list[tuple[Rows, Floats]]:
        """Return the samples that wait; the next connection has a time line of its own."""
        dejitter, self._dejitter = self._dejitter, self._new()
        return [] if dejitter is None else self._paired(dejitter.flush())

    def _new(self) -> Dejitter | None:
        return Dejitter(self._rate_hz) if self._rate_hz > 0 else None

    def _paired(self, stretches: Sequence[Stretch]) -> list[tuple[Rows, Floats]]:
        pairs = []
        for stretch in stretches:
            n = stretch.times.size
            if not n:
                continue
            least = self._reached + 1e-6 * np.arange(1, n + 1)
            times = np.maximum(stretch.times, least)
            self._reached = float(times[-1])
            pairs.append((self._next(n), times))
        return pairs

    def _next(self, count: int) -> Rows:
        parts: list[Rows] = []
        while count:
            head = self._waiting.popleft()
            parts.append(head[:count])
            if len(head) > count:
                self._waiting.appendleft(head[count:])
            count -= len(parts[-1])
        return np.concatenate(parts)
