"""Band power per step of the window, at a cost independent of the window's length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import WindowSettings
from bci_affect.eeg.ring import SampleRing

GAUSS = float(0.5 * np.log(2 * np.pi * np.e))
"""Differential entropy of a Gaussian of variance 1, in nats."""

FLOOR_UV2 = 1e-6
"""Smallest variance, (1 nV)^2: the entropy of a dead electrode stays finite."""


class BandPower:
    """Differential entropy per step, electrode and band: ``0.5 ln(2 pi e variance)``.

    A step's sum of squares is that of its hops; its entropy is computed once, when it ends, and
    kept in a ring from which every later window reads it. A window costs one step's logarithm and
    one copy.

    Parameters
    ----------
    window : WindowSettings
        Lengths of window, step and hop.
    n_bands, n_channels : int
        Bands and channels.
    most_hops : int
        Most hops in one call of `add`.

    References
    ----------
    Duan, Zhu, Lu (2013), "Differential entropy feature for EEG-based emotion classification".
    """

    def __init__(
        self, window: WindowSettings, n_bands: int, n_channels: int, most_hops: int = 1
    ) -> None:
        self._hops_per_step = window.hops_per_step
        self._n_hops = window.n_steps * self._hops_per_step
        # Earlier hops of the next step, oldest first, and their samples.
        self._squares = np.zeros((self._hops_per_step - 1, n_bands, n_channels))
        self._counts = [0] * (self._hops_per_step - 1)
        self._entropy = SampleRing(self._n_hops + most_hops, (n_channels, n_bands), np.float32)

    def reset(self) -> None:
        """Clear all sums (after a gap)."""
        self._squares = np.zeros_like(self._squares)
        self._counts = [0] * len(self._counts)
        self._entropy.clear()

    def add(self, energy: NDArray[np.float64], sizes: Sequence[int]) -> None:
        """Add hops: sums of squares of band-passed EEG, (n_hops, n_bands, n_channels).

        `sizes` are the samples of each hop.
        """
        n, before = len(sizes), self._hops_per_step - 1
        squares = np.concatenate((self._squares, energy)) if before else energy
        counts = [*self._counts, *sizes]
        variance = squares[:n]
        for i in range(1, before + 1):  # the same order of sums for any number of hops
            variance = variance + squares[i : i + n]
        samples = [sum(counts[k : k + before + 1]) for k in range(n)]
        variance = variance / (samples[0] if n == 1 else np.array(samples)[:, None, None])
        self._squares, self._counts = squares[n:], counts[n:]
        self._entropy.append(entropy(variance).transpose(0, 2, 1))

    def window(self, back: int = 0) -> NDArray[np.float32]:
        """Entropies of the window that ended `back` hops ago, oldest step first.

        Returns
        -------
        ndarray of float32, shape (n_steps, n_channels, n_bands)
        """
        hops = self._entropy.newest(self._n_hops + back)
        last = slice(self._hops_per_step - 1, self._n_hops, self._hops_per_step)
        steps: NDArray[np.float32] = hops[last].copy()
        return steps


def entropy(variance_uv2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differential entropy in nats of a Gaussian with this variance (floored at 1 nV squared)."""
    nats = np.maximum(variance_uv2, FLOOR_UV2)
    np.log(nats, out=nats)
    nats *= 0.5
    nats += GAUSS
    return nats
