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
EVEN_SHARE = 0.9
"""Least share of intervals within a quarter of the median one."""


def even_rate(stamps: NDArray[np.float64]) -> float:
    """Return the rate of evenly spaced stamps (n,) in hertz; NaN if they are not.

    Gaps do not count. The rate is rounded to an integer where it is within 0.1 % of one.

    Examples
    --------
    >>> even_rate(np.arange(1000) / 220)
    220.0
    """
    if stamps.size < 2:
        return math.nan
    intervals = np.diff(stamps)
    typical = float(np.median(intervals))
    if not 0 < typical <= 1 / LEAST_HZ:
        return math.nan
    even = np.abs(intervals - typical) <= 0.25 * typical
    if even.mean() < EVEN_SHARE or np.count_nonzero(even) * typical < LEAST_S:
        return math.nan
    rate = 1.0 / float(intervals[even].mean())
    return float(round(rate)) if abs(rate / round(rate) - 1) < 1e-3 else round(rate, 3)
