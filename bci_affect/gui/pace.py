"""Frame scheduler: 25 frames a second, fewer when drawing costs too much CPU.

No frame is drawn while the session computes an estimate: Python runs one thread at a time, so an
estimate would wait up to 20 ms for the frame.
"""

from __future__ import annotations

import math
import time

INTERVAL_MS = 40
SLOWEST_MS = 240
SHARE_OF_CORE = 0.25
"""Largest share of one core that the window's thread may use."""
_AIM = 0.92  # of the share: what varies from second to second stays below it
_LOOK_S = 1.0
LATE_S = 0.010
"""Longest delay after the EEG was due for which a frame waits for the estimate."""
_COMPUTING_S = 0.003  # from the EEG to its estimate
_HOLD_S = 0.03  # longest that a frame is held, whatever is due


class FramePacer:
    """Counter of ticks that chooses the frame interval from the thread's own CPU time.

    The thread's CPU time includes painting and excludes other threads. If 25 ticks a second would
    cost more than a quarter of a core, the interval grows until they do not; it grows by half when
    ticks come late because the machine is busy. It shrinks again when there is capacity.
    """

    def __init__(self) -> None:
        self.interval_ms = INTERVAL_MS
        self.ticks = 0
        self.fps = 0.0
        self.cpu_share = 0.0
        self.tick_ms = 0.0
        self._since: tuple[float, float, int] | None = None
        self._cpu_s = 0.0
        self._frame_s = self._frame_before_s = 0.0  # slowest frame of this second, and of the last
        self._begin = -math.inf  # when the next frame should begin
        self._held_since = math.inf

    def due(self, divisor: int) -> bool:
        """Return True if a panel that draws at every `divisor`-th tick is due."""
        return self.ticks % divisor == 0

    def hold_s(self, due_in_s: float, now: float | None = None) -> float:
        """Return the time in seconds that a frame should wait for the session.

        Parameters
        ----------
        due_in_s : float
            Time until the session computes, see `SessionControl.due_in_s`.
        now : float, optional
            Wall time in seconds; the monotonic clock by default.
        """
        now = time.monotonic() if now is None else now
        frame_s = max(self._frame_s, self._frame_before_s)
        if -LATE_S < due_in_s < frame_s:
            self._held_since = min(self._held_since, now)
            if now - self._held_since <= _HOLD_S:
                return max(due_in_s + _COMPUTING_S, 0.001)
        self._held_since = math.inf
        return 0.0

    def until_next_s(self, now: float | None = None) -> float:
        """Return the time until the next frame, less the time that the last one was held."""
        now = time.monotonic() if now is None else now
        interval_s = self.interval_ms / 1000
        self._begin = max(self._begin + interval_s, now - interval_s)
        return max(0.0, self._begin - now)

    def after_tick(self, took_s: float, cpu_s: float, now: float | None = None) -> int:
        """Record a tick and return the next interval in milliseconds.

        Parameters
        ----------
        took_s : float
            Wall time of the tick.
        cpu_s : float
            CPU time of the thread so far.
        now : float, optional
            Wall time in seconds; the monotonic clock by default.
        """
        now = time.monotonic() if now is None else now
        self.ticks += 1
        self.tick_ms += 0.1 * (took_s * 1000 - self.tick_ms)
        if self.ticks > 1:
            self._frame_s = max(self._frame_s, cpu_s - self._cpu_s)
        self._cpu_s = cpu_s
        if self._since is None:
            self._since = (now, cpu_s, self.ticks)
            return self.interval_ms
        began, cpu_began, ticks_began = self._since
        if now - began >= _LOOK_S:
            self.cpu_share = (cpu_s - cpu_began) / (now - began)
            self.fps = (self.ticks - ticks_began) / (now - began)
            self._frame_before_s, self._frame_s = self._frame_s, 0.0
            self._since = (now, cpu_s, self.ticks)
            late = self.fps < 0.7 * 1000 / self.interval_ms
            self.interval_ms = self._fitting(late)
        return self.interval_ms

    def _fitting(self, late: bool) -> int:
        """Return the interval at which the measured cost of a tick stays within `CPU_SHARE`."""
        if late:
            wanted = self.interval_ms * 1.5
        else:
            wanted = self.interval_ms * self.cpu_share / (_AIM * SHARE_OF_CORE)
            wanted = max(wanted, self.interval_ms / 1.5)  # slowly: the next may cost more
        return min(SLOWEST_MS, max(INTERVAL_MS, round(wanted)))
