"""Covariance between electrodes per band: causal sums per window, and their logarithms on sites.

`BandCovariance` accumulates behind the band filters, hop by hop, in channel space. The functions
map a window's covariance to the virtual sites of `sites` and to logarithms, where differences
between states are additive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import WindowSettings
from bci_affect.eeg.sites import N_SITES, Projection

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KAPPA = 0.05
"""Share of the person's mean power that an unseen direction of the scalp holds."""

JITTER = 1e-4
"""Floor of the unseen variance, so that every site covariance has full rank."""

FLOOR_UV2 = 1e-6
"""Smallest variance, (1 nV)^2: the logarithm of a dead electrode stays finite."""

N_TANGENT = N_SITES * (N_SITES + 1) // 2
"""Numbers in `tangent_vector` per band."""

_UPPER = np.triu_indices(N_SITES, 1)


@dataclass(frozen=True, slots=True)
class ChannelCovariance:
    """Sums of products between electrodes over one window.

    Attributes
    ----------
    sums : ndarray of float64, shape (n_bands, n_channels, n_channels)
        Sum of ``x x^T`` in square microvolts; the mean over the valid electrodes is subtracted from
        every sample, and an electrode adds nothing while it is masked.
    samples : ndarray of int64, shape (n_channels,)
        Samples of each electrode in the sums.
    """

    sums: Floats
    samples: NDArray[np.int64]

    def matrix(self, electrodes: NDArray[np.int64]) -> Floats:
        """Return the covariance of some electrodes against their common mean.

        Parameters
        ----------
        electrodes : ndarray of int64, shape (n,)
            Channels.

        Returns
        -------
        ndarray of float64, shape (n_bands, n, n)
            Square microvolts; positive semi-definite, 0 for an electrode without samples.
        """
        chosen = self.sums[:, electrodes[:, None], electrodes]
        weight = 1.0 / np.sqrt(np.maximum(self.samples[electrodes], 1))
        return centred(chosen * weight[:, None] * weight)


class BandCovariance:
    """Covariance between electrodes over the sliding window, per band.

    The sums of a step are kept in a ring; a window adds those of its steps, so the cost does not
    depend on the length of the recording, and sums never accumulate rounding errors. All memory
    but that of the returned windows is allocated once.

    Parameters
    ----------
    window : WindowSettings
        Lengths of window, step and hop.
    n_bands, n_channels : int
        Bands and EEG channels.
    most_hops : int
        Most hops that one call of `add` receives.

    Examples
    --------
    >>> import numpy as np
    >>> from bci_affect.config import WindowSettings
    >>> covariance = BandCovariance(WindowSettings(window_s=1, step_s=0.5, hop_s=0.5), 1, 2)
    >>> signal = np.array([[[1.0, -1.0]] * 64])
    >>> for _ in range(2):
    ...     covariance.add(signal, (64,), np.array([True, True]))
    >>> covariance.window().matrix(np.array([0, 1])).round(6).tolist()
    [[[1.0, -1.0], [-1.0, 1.0]]]
    """

    def __init__(
        self, window: WindowSettings, n_bands: int, n_channels: int, most_hops: int = 1
    ) -> None:
        self._per_step, self._n_steps = window.hops_per_step, window.n_steps
        # Hops of one phase form a sequence of adjoining steps, each of which is kept in a slot.
        self._n_slots = self._n_steps + -(-(most_hops - 1) // self._per_step)
        shape = (n_bands, n_channels, n_channels)
        self._hops = np.zeros((self._per_step, *shape))
        self._hop_samples = np.zeros((self._per_step, n_channels), np.int64)
        self._steps = np.zeros((self._per_step, self._n_slots, *shape))
        self._step_samples = np.zeros((self._per_step, self._n_slots, n_channels), np.int64)
        self._room = np.empty((n_bands, 0, n_channels))
        self._n_hops = 0

    def reset(self) -> None:
        """Forget all sums (after a gap)."""
        self._n_hops = 0
        for sums in (self._hops, self._hop_samples, self._steps, self._step_samples):
            sums[:] = 0

    def add(self, bands: Floats, sizes: Sequence[int], good: Bools) -> None:
        """Add hops of band-passed EEG.

        Parameters
        ----------
        bands : ndarray of float64, shape (n_bands, n_samples, n_channels)
            Microvolts, any reference.
        sizes : sequence of int
            Samples of each hop.
        good : ndarray of bool, shape (n_channels,)
            Valid electrodes; the others' samples are ignored, whatever their values.
        """
        n_good = np.count_nonzero(good)
        bad = None if n_good == len(good) else ~good
        for size, end in zip(sizes, accumulate(sizes), strict=True):
            if self._room.shape[1] < size:
                self._room = np.empty((len(bands), size, len(good)))
            hop = self._room[:, :size]  # (n_bands, size, n_channels)
            hop[:] = bands[:, end - size : end]
            if bad is not None:
                hop[:, :, bad] = 0.0
            hop -= np.add.reduce(hop, axis=2, keepdims=True) / max(n_good, 1)
            if bad is not None:
                hop[:, :, bad] = 0.0
            slot, phase = divmod(self._n_hops, self._per_step)
            slot %= self._n_slots
            np.matmul(hop.transpose(0, 2, 1), hop, out=self._hops[phase])
            self._hop_samples[phase] = size * good
            np.add.reduce(self._hops, axis=0, out=self._steps[phase, slot])
            np.add.reduce(self._hop_samples, axis=0, out=self._step_samples[phase, slot])
            self._n_hops += 1

    def window(self, back: int = 0) -> ChannelCovariance:
        """Return the sums of the window that ended `back` hops ago.

        A window that is not yet full holds what there is.
        """
        step, phase = divmod(max(self._n_hops - 1 - back, 0), self._per_step)
        end = step % self._n_slots + 1
        parts = [slice(max(end - self._n_steps, 0), end)]
        if end < self._n_steps:
            parts.append(slice(self._n_slots - self._n_steps + end, self._n_slots))
        sums, samples = (
            reduce(np.add, [np.add.reduce(kept[phase, part], axis=0) for part in parts])
            for kept in (self._steps, self._step_samples)
        )
        return ChannelCovariance(sums, samples)


def centred(covariance: Floats) -> Floats:
    """Return covariance against the mean of all electrodes, (..., n, n)."""
    rows = covariance - covariance.mean(axis=-2, keepdims=True)
    against: Floats = rows - rows.mean(axis=-1, keepdims=True)
    return against


def mean_power(covariance: Floats) -> Floats:
    """Return the mean variance over electrodes in square microvolts, (...,) of (..., n, n)."""
    power: Floats = np.trace(covariance, axis1=-2, axis2=-1) / covariance.shape[-1]
    return np.maximum(power, FLOOR_UV2)


def log_power(covariance: Floats) -> Floats:
    """Return the natural logarithm of each electrode's variance, (..., n) of (..., n, n)."""
    power: Floats = np.log(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), FLOOR_UV2))
    return power


def site_covariance(
    covariance: Floats, projection: Projection, scale_uv2: Floats, kappa: float = KAPPA
) -> Floats:
    """Return the covariance between virtual sites.

    ``S = P C P^T + kappa scale (unseen + 1e-4 I)``: directions that the electrodes cannot see hold
    their prior.

    Parameters
    ----------
    covariance : ndarray of float64, shape (..., n_bands, n, n)
        Of the projection's electrodes, in square microvolts.
    projection : Projection
        Of the same electrodes.
    scale_uv2 : ndarray of float64, shape (n_bands,)
        The person's mean power at rest.
    kappa : float
        See `KAPPA`.

    Returns
    -------
    ndarray of float64, shape (..., n_bands, n_sites, n_sites)
        Positive definite.
    """
    unseen = projection.unseen + JITTER * np.eye(N_SITES)
    seen = projection.matrix @ covariance @ projection.matrix.T
    sites: Floats = seen + (kappa * scale_uv2)[:, None, None] * unseen
    return sites


def spd_log(matrices: Floats) -> Floats:
    """Return the matrix logarithm of symmetric positive definite matrices, (..., k, k).

    Examples
    --------
    >>> import numpy as np
    >>> spd_log(np.eye(2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    values, vectors = np.linalg.eigh(matrices)
    return _rebuild(np.log(np.maximum(values, 1e-12)), vectors)


def spd_exp(matrices: Floats) -> Floats:
    """Return the matrix exponential of symmetric matrices, (..., k, k)."""
    values, vectors = np.linalg.eigh(matrices)
    return _rebuild(np.exp(values), vectors)


def tangent_vector(logs: Floats) -> Floats:
    """Return the diagonal and sqrt(2) times the upper triangle of symmetric matrices.

    Parameters
    ----------
    logs : ndarray of float64, shape (..., n_sites, n_sites)

    Returns
    -------
    ndarray of float64, shape (..., 300)
        Of the same Euclidean norm as the matrices.

    References
    ----------
    Barachant, Bonnet, Congedo, Jutten (2012), "Multiclass brain-computer interface classification
    by Riemannian geometry".
    """
    diagonal = np.diagonal(logs, axis1=-2, axis2=-1)
    return np.concatenate([diagonal, np.sqrt(2.0) * logs[..., _UPPER[0], _UPPER[1]]], axis=-1)


def _rebuild(values: Floats, vectors: Floats) -> Floats:
    rebuilt: Floats = (vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return rebuilt
