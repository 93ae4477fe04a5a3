"""Min-max decimation of traces for display."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def peaks(
    times: NDArray[np.float64], values: NDArray[np.float32], width: int, rate_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Keep the smallest and largest value of every screen column.

    The columns are tied to the clock and not to the newest sample, so that a scrolling trace does
    not shimmer. A column with any NaN is NaN, so a gap stays a gap.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Seconds, increasing.
    values : ndarray, shape (n_channels, n)
        What is drawn.
    width : int
        Samples in a column; with two or fewer, the input is returned unchanged.
    rate_hz : float
        Sampling rate, which gives the columns their place on the clock.

    Returns
    -------
    times : ndarray, shape (m,)
    values : ndarray, shape (n_channels, m)
    """
    n = values.shape[1]
    if width <= 2 or not n:
        return times, values
    start = int(-round(times[0] * rate_hz) % width) if np.isfinite(times[0]) else 0
    whole = (n - start) // width
    blocks = values[:, start : start + whole * width].reshape(len(values), whole, width)
    pairs = np.empty((len(values), whole, 2), dtype=values.dtype)
    low, high = pairs[:, :, 0], pairs[:, :, 1]
    low[...] = high[...] = blocks[:, :, 0]
    for k in range(1, width):  # a few passes over all columns beat a reduction over a short axis
        np.minimum(low, blocks[:, :, k], out=low)
        np.maximum(high, blocks[:, :, k], out=high)
    stamps = times[start : start + whole * width].reshape(whole, width)
    moments = np.stack([stamps[:, 0], stamps[:, width // 2]], axis=1)
    return moments.reshape(-1), pairs.reshape(len(values), 2 * whole)
