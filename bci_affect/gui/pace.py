"""How often the window draws: 25 times a second, slower by itself when that costs too much."""

from __future__ import annotations

import time

INTERVAL_MS = 40
SLOWEST_MS = 240
SHARE_OF_CORE = 0.25
"""Most that the window's thread may take of one core."""
_AIM = 0.92  # of the share: what varies from second to second stays below it
_LOOK_S = 1.0


class Pace:
    """Counts ticks and chooses the interval from the thread's own CPU time.

    The thread's CPU time holds everything that the window costs, painting included, and nothing
    that others do. Where a tick costs so much that 25 a second would pass a quarter of a core, the
    interval grows to what fits; it grows by half when ticks come late because the machine is busy.
    With room to spare it shrinks again.
    """

    def __init__(self) -> None:
        self.interval_ms = INTERVAL_MS
        self.ticks = 0
        self.fps = 0.0
        self.cpu_share = 0.0
        self.tick_ms = 0.0
        self._since: tuple[float, float, int] | None = None

    def due(self, divisor: int) -> bool:
        """Whether it is the turn of a panel that draws at every `divisor`-th tick."""
        return self.ticks % divisor == 0

    def after_tick(self, took_s: float, cpu_s: float, now: float | None = None) -> int:
        """Note a tick and return the interval in milliseconds from now on.

        Parameters
        ----------
        took_s : float
            Wall time of the tick.
        cpu_s : float
            CPU time of the thread so far.
        now : float, optional
            Wall time; the monotonic clock's where not given.
        """
        now = time.monotonic() if now is None else now
        self.ticks += 1
        self.tick_ms += 0.1 * (took_s * 1000 - self.tick_ms)
        if self._since is None:
            self._since = (now, cpu_s, self.ticks)
            return self.interval_ms
        began, cpu_began, ticks_began = self._since
        if now - began >= _LOOK_S:
            self.cpu_share = (cpu_s - cpu_began) / (now - began)
            self.fps = (self.ticks - ticks_began) / (now - began)
            self._since = (now, cpu_s, self.ticks)
            late = self.fps < 0.7 * 1000 / self.interval_ms
            self.interval_ms = self._fitting(late)
        return self.interval_ms

    def _fitting(self, late: bool) -> int:
        """Return the interval at which the measured cost of a tick takes the share it may."""
        if late:
            wanted = self.interval_ms * 1.5
        else:
            wanted = self.interval_ms * self.cpu_share / (_AIM * SHARE_OF_CORE)
            wanted = max(wanted, self.interval_ms / 1.5)  # not at once: the next second may be dear
        return min(SLOWEST_MS, max(INTERVAL_MS, round(wanted)))
