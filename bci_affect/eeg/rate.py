"""Measured rate of the stream, compared with the rate of the filters."""

from __future__ import annotations

import math
from collections import deque

WARN_SHARE = 0.01
"""Deviation of the measured from the nominal rate that is reported."""

CHANGED_SHARE = 0.2
"""Deviation over the last seconds that indicates another rate, not a bad clock."""

LONG_S, SHORT_S = 10.0, 4.0


class RateMonitor:
    """Measurement of the rate by stamps, over all the stream and over the last seconds.

    Parameters
    ----------
    rate_hz : float
        Rate of the samples passed to `observe`.
    nominal_hz : float
        Nominal rate of the stream; the two differ if the stream is resampled.
    """

    def __init__(self, rate_hz: float, nominal_hz: float) -> None:
        self._rate = rate_hz
        self._nominal = nominal_hz
        self.message = ""
        self.reset()

    def reset(self) -> None:
        """Restart the measurement (after a gap)."""
        self.measured_hz = float("nan")
        self.changed = False
        self._warned = False
        self._changed_at = float("nan")
        self._reported_change = False
        self._start = float("nan")
        self._samples = 0
        self._recent: deque[tuple[int, float]] = deque()

    def observe(self, n: int, start: float, end: float) -> bool:
        """Add a hop of n samples with the stamps of its first and last, in seconds.

        Returns True when `message` is new.
        """
        if not self._samples:
            self._start = start
        self._samples += n
        self._recent.append((self._samples, end))
        while end - self._recent[0][1] > SHORT_S:
            self._recent.popleft()
        first, since = self._recent[0]
        new = False
        if self._samples > SHORT_S * self._rate and end > since:
            now = self._nominal * (self._samples - first) / (end - since) / self._rate
            self.changed = abs(now / self._nominal - 1) > CHANGED_SHARE
            if not self.changed:
                self._changed_at = float("nan")
                self._reported_change = False
            else:
                self.message = (
                    f"The stream runs at {now:.0f} Hz, not at the {self._nominal:g} Hz that the "
                    "filters are made for; connect to it again."
                )
                if math.isnan(self._changed_at):
                    self._changed_at = end
                # Reported once the last seconds hold nothing of the old rate.
                new = end - self._changed_at > SHORT_S and not self._reported_change
                self._reported_change |= new
        if end - self._start > LONG_S:
            span = end - self._start
            self.measured_hz = self._nominal * (self._samples - 1) / span / self._rate
            off = self.measured_hz / self._nominal - 1
            if abs(off) > WARN_SHARE and not self._warned and not self.changed:
                self._warned = new = True
                self.message = (
                    f"The stream runs at {self.measured_hz:.2f} Hz by its stamps, "
                    f"{abs(off):.1%} off its nominal {self._nominal:g} Hz; band edges shift by as "
                    "much."
                )
        return new
