"""Rate of evenly stamped samples, whatever rate their stream announces."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

WRONG_SHARE = 0.05
"""Deviation from the announced rate above which a recording is read at its measured rate."""
LEAST_S = 10.0
"""Least seconds of even stamps: over a shorter part, blocks make the rate of a stream uncertain."""
LEAST_HZ = 20.0
GLANCE_S = 0.4
"""Seconds of stamps after which a live stream that agrees with its announced rate is accepted."""
MEASURE_S = 3.0
"""Seconds of stamps over which the rate of any other live stream is measured."""
EVEN_SHARE = 0.9
"""Least share of intervals within a quarter of the median one."""


def even_rate(stamps: NDArray[np.float64], least_s: float = LEAST_S) -> float:
    """Return the rate of evenly spaced stamps (n,) in hertz; NaN if they are not.

    Gaps do not count. The rate is rounded to an integer where it is within 0.1 % of one.

    Parameters
    ----------
    stamps : ndarray of float64, shape (n,)
    least_s : float
        Least seconds of even stamps.

    Examples
    --------
    >>> even_rate(np.arange(2500) / 220)
    220.0
    """
    if stamps.size < 2:
        return math.nan
    intervals = np.diff(stamps)
    typical = float(np.median(intervals))
    if not 0 < typical <= 1 / LEAST_HZ:
        return math.nan
    even = np.abs(intervals - typical) <= 0.25 * typical
    if even.mean() < EVEN_SHARE or np.count_nonzero(even) * typical < least_s:
        return math.nan
    rate = 1.0 / float(intervals[even].mean())
    return float(round(rate)) if abs(rate / round(rate) - 1) < 1e-3 else round(rate, 3)


def rate_note(name: str, announced_hz: float, rate_hz: float) -> str:
    """Return a sentence on a measured rate that replaces the announced one; "" if they are equal.

    Examples
    --------
    >>> rate_note("Cap", 256.0, 256.0)
    ''
    """
    if rate_hz == announced_hz:
        return ""
    announced = f"{announced_hz:g} Hz" if announced_hz else "no regular rate"
    return (
        f"Stream '{name}' announces {announced}, but its samples are evenly stamped at "
        f"{rate_hz:g} Hz; that rate is used."
    )


class OpeningRate:
    """Rate of a live stream from its first stamps, before anything is processed.

    A stream that is stamped as announced is accepted within `GLANCE_S` of samples. One that
    announces no rate, or is evenly stamped at another one, is measured over `MEASURE_S`. Uneven
    stamps leave the announced rate.

    Parameters
    ----------
    announced_hz : float
        Announced rate; 0 for none.

    Attributes
    ----------
    decided : bool
        True once `rate_hz` is final.
    rate_hz : float
        Rate to process at; NaN for a stream without a regular rate.
    """

    def __init__(self, announced_hz: float) -> None:
        self.decided = False
        self.rate_hz = announced_hz or math.nan
        self._announced_hz = announced_hz
        self._stamps = np.zeros(0)

    def push(self, stamps: NDArray[np.float64]) -> None:
        """Append the next stamps (n,)."""
        self._stamps = np.concatenate([self._stamps, stamps[np.isfinite(stamps)]])
        span = float(np.ptp(self._stamps)) if self._stamps.size else 0.0
        if span < GLANCE_S:
            return
        if span < MEASURE_S:
            if self._announced_hz:
                self.decided = not self._is_other(even_rate(self._stamps, 0.9 * GLANCE_S))
            return
        rate_hz = even_rate(self._stamps, 0.9 * MEASURE_S)
        if not self._announced_hz or self._is_other(rate_hz):
            self.rate_hz = rate_hz
        self.decided = True

    def _is_other(self, rate_hz: float) -> bool:
        """Return True for a measured rate that contradicts the announced one."""
        return abs(rate_hz / self._announced_hz - 1) > WRONG_SHARE  # false for NaN
