"""When a frame sounds, as well as the device lets us know."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

Clock = Callable[[], float]
_NEAR_S = 5.0  # clocks further apart than this are different ones
_SPAN_S, _STEADY_S = 0.75, 0.002
_KEPT = 512  # measurements that count: a minute at most, in which clocks hardly drift apart
_JUMP_S, _JUMPED = 0.02, 12  # off by this much so often running is no error of measurement


class FrameTime:
    """When a device's frames are heard, on our clock, however late its callback is run.

    PortAudio says when it looked (`current`) and when the buffer's first frame will sound (`dac`),
    on a clock of its own. Two things are wrong with that on a busy machine (measured with twelve
    programs on two cores), and mended here:

    - Reading our clock in the callback and adding the difference is late by as long as the callback
      waited for a processor or for Python's lock: 30 to 300 ms. PortAudio's clock is one that
      Python can read too, so both are read side by side.
    - A sound server's word on its delay is off by up to 7 ms for seconds. Frames sound at a steady
      rate, so the median of the last measurements counts.

    Parameters
    ----------
    clock : callable
        Our clock.
    rate_hz : int
        Frames a second.
    known : sequence of callable
        Clocks that PortAudio may use; where it uses none of these, the callback counts as prompt.
    """

    def __init__(
        self,
        clock: Clock,
        rate_hz: int,
        known: Sequence[Clock] = (time.time, time.monotonic, time.perf_counter),
    ) -> None:
        self._clock, self._rate = clock, rate_hz
        self._known = known
        self._looked = False
        self._theirs: Clock | None = None
        self._frames: deque[int] = deque()  # that were measured
        self._origins: deque[float] = deque()  # when frame 0 would have been heard, by each
        self._in_order: list[float] = []  # the same, by size: the callback has no time to sort

    @property
    def steady(self) -> bool:
        """Whether the last measurements neither rise nor fall, by two stretches side by side."""
        if not self._frames or self._frames[-1] - self._frames[0] < 2 * _SPAN_S * self._rate:
            return False
        ages = [(self._frames[-1] - frame) / self._rate for frame in self._frames]
        both = list(zip(ages, self._origins, strict=True))
        new = [origin for age, origin in both if age <= _SPAN_S]
        old = [origin for age, origin in both if _SPAN_S < age <= 2 * _SPAN_S]
        return bool(old) and abs(median(new) - median(old)) < _STEADY_S

    def forget(self) -> None:
        """Begin anew: frames were lost, so that those to come sound later."""
        self._frames.clear()
        self._origins.clear()
        self._in_order.clear()

    def __call__(self, current: float, dac: float, frame: int) -> float:
        """Return when this frame, the buffer's first, is heard."""
        self._keep(frame, self._measured(current, dac) - frame / self._rate)
        middle = self._in_order[len(self._in_order) // 2]
        n = min(_JUMPED, len(self._origins))
        last = [(self._frames[-i], self._origins[-i]) for i in range(n, 0, -1)]
        if n == _JUMPED and min(abs(origin - middle) for _, origin in last) > _JUMP_S:
            self.forget()
            for one in last:
                self._keep(*one)
            middle = self._in_order[_JUMPED // 2]
        return middle + frame / self._rate

    def _keep(self, frame: int, origin: float) -> None:
        if len(self._origins) == _KEPT:
            del self._in_order[bisect_left(self._in_order, self._origins.popleft())]
            self._frames.popleft()
        self._frames.append(frame)
        self._origins.append(origin)
        insort(self._in_order, origin)

    def _measured(self, current: float, dac: float) -> float:
        if not self._looked:
            near = (theirs for theirs in self._known if abs(theirs() - current) < _NEAR_S)
            self._looked, self._theirs = True, next(near, None)
        if self._theirs is None:
            return self._clock() + (dac - current)
        for _ in range(3):  # again, where something came between the readings
            before, now, after = self._theirs(), self._clock(), self._theirs()
            if after - before < 0.001:
                break
        return now + (dac - (before + after) / 2)
