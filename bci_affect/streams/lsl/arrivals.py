"""When the next samples will come, so that whoever needs them is awake by then.

Devices send samples in blocks, at a steady pace. Waking a thread costs the more the longer a
processor had nothing to do: measured on a virtual machine with idle processors, a sample that a
sleeping reader waits for takes 1 to 2 ms over the loopback and one in ten 12 to 14 ms; a reader
that is awake has it after 0.7 ms, nine in ten within 2.3 ms.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

KEPT = 64  # blocks from which the pace is learned
LEAST, RELEARN = 16, 8  # blocks that are needed, and after which the pace is learned anew
APART_S = 0.0015  # samples that come closer together are of one block
UNSTEADY_S = 0.008  # a device whose blocks come this late at the median keeps no pace
AHEAD_S, BEHIND_S = 0.003, 0.004
"""A reader is awake so long before its sample is due, and waits so long for a late one."""
EARLY = 0.1  # of a period: where two blocks may have the sample, the first is looked for first


class BlockTiming(NamedTuple):
    """Pace of the blocks, as of one of them."""

    due: float  # when it should have come
    newest: float  # time of its newest sample
    period: float  # seconds from block to block
    age: float  # of the newest sample of a block, at least


class Arrivals:
    """Learns the pace of a device's blocks.

    The times of the samples tell how far blocks are apart, as nothing that delays a block moves
    them; the earliest arrivals tell when they are due, as blocks come late but never early. A
    device that sends one and two samples by turns is taken for one that sends each by itself: what
    is said of it may be off by one of its blocks.
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[float, float]] = deque(maxlen=KEPT)  # arrival, newest sample
        self._pace: BlockTiming | None = None
        self._news = 0  # blocks that came since the pace was learned

    def note(self, arrival: float, newest: float) -> None:
        """Take a block that came at `arrival`, whose newest sample has the time `newest`."""
        if not math.isfinite(newest):
            return
        if self._blocks:
            last_arrival, last_newest = self._blocks[-1]
            if newest <= last_newest or newest - last_newest > 1.0:
                self._blocks.clear()  # the clock was set, or samples are missing: begin anew
                self._pace = None
            elif arrival - last_arrival < APART_S:
                arrival = last_arrival
                self._blocks.pop()
                self._news -= 1
        self._blocks.append((arrival, newest))
        self._news += 1

    def expect(self, sample: float) -> float:
        """Return when the block with the sample of time `sample` comes; NaN where none can tell.

        That is a block behind the newest that was noted.
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
    """Return for how long who awaits a sample may sleep; 0 while it is about to come."""
    left = due - now
    if left > AHEAD_S:
        return left - AHEAD_S
    return 0.0 if left >= -BEHIND_S else math.inf  # late, or nobody can tell
