"""Prediction of block arrivals, so that a reader is awake when its sample arrives.

Devices send samples in blocks at a steady pace. Waking a thread takes longer the longer a processor
was idle: on a virtual machine with idle processors, a sleeping reader receives a sample over the
loopback after 1 to 2 ms, and one in ten after 12 to 14 ms; a reader that is awake receives it after
0.7 ms, and nine in ten within 2.3 ms.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

KEPT = 64  # blocks from which the pace is learned
LEAST, RELEARN = 16, 8  # blocks that are needed, and after which the pace is estimated again
APART_S = 0.0015  # samples that come closer together are of one block
UNSTEADY_S = 0.008  # median delay of blocks above which the pace is not used
AHEAD_S, BEHIND_S = 0.003, 0.004
"""Time in seconds that a reader is awake before its sample is due, and after."""
EARLY = 0.1  # of a period: if two blocks may hold the sample, the first is expected


class BlockTiming(NamedTuple):
    """Pace of the blocks, relative to one of them."""

    due: float  # expected arrival
    newest: float  # time of its newest sample
    period: float  # seconds from block to block
    age: float  # of the newest sample of a block, at least


class Arrivals:
    """Estimator of the pace of a device's blocks.

    Sample times give the interval between blocks, because delays do not move them; the earliest
    arrivals give the due time, because blocks arrive late but never early. A device that sends one
    and two samples in turn is treated as one that sends each by itself: its prediction may be off
    by one block.
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[float, float]] = deque(maxlen=KEPT)  # arrival, newest sample
        self._pace: BlockTiming | None = None
        self._news = 0  # blocks since the pace was estimated

    def note(self, arrival: float, newest: float) -> None:
        """Record a block that arrived at `arrival`, whose newest sample has the time `newest`."""
        if not math.isfinite(newest):
            return
        if self._blocks:
            last_arrival, last_newest = self._blocks[-1]
            if newest <= last_newest or newest - last_newest > 1.0:
                self._blocks.clear()  # the clock was set, or samples are missing: start again
                self._pace = None
            elif arrival - last_arrival < APART_S:
                arrival = last_arrival
                self._blocks.pop()
                self._news -= 1
        self._blocks.append((arrival, newest))
        self._news += 1

    def expect(self, sample: float) -> float:
        """Return the expected arrival of the block with the sample of time `sample`, or NaN.

        The block is one after the newest that was recorded.
        """
        if not math.isfinite(sample):
            return math.nan
        if self._news >= RELEARN:
            self._news, self._pace = 0, self._learn()
        if self._pace is None:
            return math.nan
        pace = self._pace
        came = round((self._blocks[-1][1] - pace.newest) / pace.period)
        has_it = math.ceil((sample + pace.age - pace.due) / pace.period - EARLY)
        return pace.due + max(came + 1, has_it) * pace.period

    def _learn(self) -> BlockTiming | None:
        if len(self._blocks) < LEAST:
            return None
        arrivals, newest = np.array(self._blocks).T
        steps = np.diff(newest)
        numbers = np.cumsum([0.0, *np.maximum(1.0, np.rint(steps / np.median(steps)))])
        centred = numbers - numbers.mean()
        period = float(centred @ (newest - newest[-1]) / (centred @ centred))
        due = np.sort(arrivals + (numbers[-1] - numbers) * period)
        if due[len(due) // 2] - due[len(due) // 10] > UNSTEADY_S:
            return None
        return BlockTiming(
            due=float(due[len(due) // 10]),
            newest=float(newest[-1]),
            period=period,
            age=float((arrivals - newest).min()),
        )


def time_to_rest(due: float, now: float) -> float:
    """Return the time that a waiting reader may sleep; 0 if the sample is about to arrive."""
    left = due - now
    if left > AHEAD_S:
        return left - AHEAD_S
    return 0.0 if left >= -BEHIND_S else math.inf  # late or unknown
