"""Times at which audio frames are audible, estimated from the device's timestamps."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

Clock = Callable[[], float]
_NEAR_S = 5.0  # maximum difference between readings of the same clock
_SPAN_S, _STEADY_S = 0.75, 0.002
_WINDOW = 512  # number of recent measurements used, at most a minute, with little clock drift
_JUMP_S, _JUMPED = 0.02, 12  # deviation, and number of consecutive ones, that count as a jump


class FrameTime:
    """Estimator of the time at which a device's frames are audible, on the session's clock.

    PortAudio reports the time of the callback (`current`) and the time at which the buffer's first
    frame will be audible (`dac`), on its own clock. On a busy machine (measured with twelve
    programs on two cores) two errors occur, which are corrected here:

    - If the session's clock is read in the callback, the result is late by the delay of the
      callback waiting for a processor or for Python's lock: 30 to 300 ms. Python can read
      PortAudio's clock too, so both clocks are read together.
    - The delay reported by a sound server is wrong by up to 7 ms for seconds. The rate of the
      frames is constant, so the median of recent measurements is used.

    Parameters
    ----------
    clock : callable
        Clock of the session.
    rate_hz : int
        Frames per second.
    known : sequence of callable
        Candidates for PortAudio's clock; if none matches, the delay of the callback is ignored.
    """

    def __init__(
        self,
        clock: Clock,
        rate_hz: int,
        known: Sequence[Clock] = (time.time, time.monotonic, time.perf_counter),
    ) -> None:
        self._clock, self._rate = clock, rate_hz
        self._known = known
        self._searched = False
        self._device_clock: Clock | None = None
        self._frames: deque[int] = deque()  # measured frames
        self._origins: deque[float] = deque()  # time of frame 0 according to each measurement
        # sorted origins, maintained to avoid sorting in the callback
        self._sorted: list[float] = []

    @property
    def steady(self) -> bool:
        """True if the last measurements have no trend between two consecutive intervals."""
        if not self._frames or self._frames[-1] - self._frames[0] < 2 * _SPAN_S * self._rate:
            return False
        ages = [(self._frames[-1] - frame) / self._rate for frame in self._frames]
        both = list(zip(ages, self._origins, strict=True))
        new = [origin for age, origin in both if age <= _SPAN_S]
        old = [origin for age, origin in both if _SPAN_S < age <= 2 * _SPAN_S]
        return bool(old) and abs(median(new) - median(old)) < _STEADY_S

    def reset(self) -> None:
        """Discard all measurements, because frames were lost and later ones are delayed."""
        self._frames.clear()
        self._origins.clear()
        self._sorted.clear()

    def __call__(self, current: float, dac: float, frame: int) -> float:
        """Return the time at which `frame`, the first of the buffer, is audible."""
        self._keep(frame, self._measured(current, dac) - frame / self._rate)
        middle = self._sorted[len(self._sorted) // 2]
        n = min(_JUMPED, len(self._origins))
        last = [(self._frames[-i], self._origins[-i]) for i in range(n, 0, -1)]
        if n == _JUMPED and min(abs(origin - middle) for _, origin in last) > _JUMP_S:
            self.reset()
            for one in last:
                self._keep(*one)
            middle = self._sorted[_JUMPED // 2]
        return middle + frame / self._rate

    def _keep(self, frame: int, origin: float) -> None:
        if len(self._origins) == _WINDOW:
            del self._sorted[bisect_left(self._sorted, self._origins.popleft())]
            self._frames.popleft()
        self._frames.append(frame)
        self._origins.append(origin)
        insort(self._sorted, origin)

    def _measured(self, current: float, dac: float) -> float:
        if not self._searched:
            near = (known for known in self._known if abs(known() - current) < _NEAR_S)
            self._searched, self._device_clock = True, next(near, None)
        if self._device_clock is None:
            return self._clock() + (dac - current)
        for _ in range(3):  # retry if the readings were interrupted
            before, now, after = self._device_clock(), self._clock(), self._device_clock()
            if after - before < 0.001:
                break
        return now + (dac - (before + after) / 2)
