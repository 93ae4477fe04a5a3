"""Robust statistics of a few electrodes, cheap enough for every hop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

MIN_PEERS = 4
"""Fewest electrodes among which one can be an outlier."""

SPREAD_FLOOR = 0.15
"""Least spread of log amplitudes, in nats, in a robust z."""


def middle(values: NDArray[np.float64]) -> float:
    """Median of a few values at a tenth of ``np.median``'s cost."""
    ordered = values.copy()
    ordered.sort()
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def rms(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square over time of samples (n, n_channels)."""
    power: NDArray[np.float64] = np.einsum("nc,nc->c", samples, samples)
    return np.sqrt(power / len(samples))


def per_hop(samples: NDArray[np.float64], sizes: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return the samples hop by hop, with neighbours of equal length stacked.

    Parameters
    ----------
    samples : ndarray of float64, shape (..., n, n_channels)
        All hops, one after the other.
    sizes : sequence of int
        Samples of each hop.

    Returns
    -------
    list of ndarray of float64, shape (..., n_alike, size, n_channels)
        Views; together, all hops in their order.
    """
    *kinds, _, n_channels = samples.shape
    if len(sizes) == 1:
        return [samples[..., None, :, :]]
    parts, start = [], 0
    for size, alike in groupby(sizes):
        n = len(list(alike))
        end = start + n * size
        parts.append(samples[..., start:end, :].reshape(*kinds, n, size, n_channels))
        start = end
    return parts


def outlier(amplitude: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Robust z of log amplitudes among the electrodes that are alive; 0 with too few of them.

    Parameters
    ----------
    amplitude : ndarray of float64, shape (n_kinds, n_channels)
        Amplitudes of several kinds, each evaluated separately.
    among : ndarray of bool, shape (n_channels,)
        Electrodes that are alive.
    """
    logs = np.log(np.maximum(amplitude, 1e-6))
    peers = logs if among.all() else logs[:, among]
    if peers.shape[1] < MIN_PEERS:
        return np.zeros(logs.shape)
    typical = _middles(peers)
    spread = 1.4826 * _middles(np.abs(peers - typical))
    z: NDArray[np.float64] = (logs - typical) / np.maximum(spread, SPREAD_FLOOR)
    return z


def _middles(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row, (n_rows, 1)."""
    ordered = np.sort(rows, axis=1)
    n = ordered.shape[1]
    middles: NDArray[np.float64] = (ordered[:, (n - 1) // 2] + ordered[:, n // 2]) / 2
    return middles[:, None]
