"""When a frame sounds, as well as the device lets us know."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence

Clock = Callable[[], float]
_NEAR_S = 5.0  # clocks further apart than this are different ones
_AGREE, _STEADY_S = 5, 0.003
_KEPT = 512  # measurements that count: some seconds, in which clocks drift apart by under 1 ms
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
        self._origins: deque[float] = deque()  # when frame 0 would have been heard
        self._in_order: list[float] = []  # the same, by size: the callback has no time to sort

    @property
    def steady(self) -> bool:
        """Whether the last measurements agree."""
        last = [self._origins[-i] for i in range(1, min(_AGREE, len(self._origins)) + 1)]
        return len(last) == _AGREE and max(last) - min(last) < _STEADY_S

    def forget(self) -> None:
        """Begin anew: frames were lost, so that those to come sound later."""
        self._origins.clear()
        self._in_order.clear()

    def __call__(self, current: float, dac: float, frame: int) -> float:
        """Return when this frame, the buffer's first, is heard."""
        self._keep(self._measured(current, dac) - frame / self._rate)
        middle = self._in_order[len(self._in_order) // 2]
        last = [self._origins[-i] for i in range(1, min(_JUMPED, len(self._origins)) + 1)]
        if len(last) == _JUMPED and min(abs(origin - middle) for origin in last) > _JUMP_S:
            self.forget()
            for origin in reversed(last):
                self._keep(origin)
            middle = self._in_order[_JUMPED // 2]
        return middle + frame / self._rate

    def _keep(self, origin: float) -> None:
        if len(self._origins) == _KEPT:
            del self._in_order[bisect_left(self._in_order, self._origins.popleft())]
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
