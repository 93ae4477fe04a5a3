"""Band power per step of the window, at a cost that does not grow with the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import WindowSettings
from bci_affect.eeg.ring import Ring

GAUSS = float(0.5 * np.log(2 * np.pi * np.e))
"""Differential entropy of a Gaussian of variance 1, in nats."""

FLOOR_UV2 = 1e-6
"""Smallest variance told apart, (1 nV)^2: a dead electrode's entropy stays finite."""


class BandPower:
    """Differential entropy per step, electrode and band: ``0.5 ln(2 pi e variance)``.

    A hop's sum of squares enters a ring; a step is the sum of its hops; its entropy is computed
    once, when it ends, and kept in a ring from which every later window reads it. A window costs
    one step's logarithm and one copy.

    References
    ----------
    Duan, Zhu, Lu (2013), "Differential entropy feature for EEG-based emotion classification".
    """

    def __init__(self, window: WindowSettings, n_bands: int, n_channels: int) -> None:
        self._hops_per_step = window.hops_per_step
        self._n_steps = window.n_steps
        shape = (n_channels, n_bands)
        self._squares = Ring(self._hops_per_step, shape)
        self._counts = Ring(self._hops_per_step)
        self._entropy = Ring(self._n_steps * self._hops_per_step, shape, np.float32)

    def reset(self) -> None:
        """Forget everything (after a gap)."""
        for ring in (self._squares, self._counts, self._entropy):
            ring.clear()

    def scale(self, factor: float) -> None:
        """Do as if all input had been multiplied by `factor` from the start."""
        held = self._squares.newest().copy() * factor**2
        entropies = self._entropy.newest().copy() + np.float32(np.log(factor))
        self._squares.append(held)
        self._entropy.append(entropies)

    def add(self, filtered: NDArray[np.float64]) -> None:
        """Take one hop of band-passed EEG, shape (n_bands, n_samples, n_channels)."""
        filtered = np.asarray(filtered)
        self._squares.append(np.einsum("bnc,bnc->cb", filtered, filtered)[None])
        self._counts.append(np.array([filtered.shape[1]], np.float64))
        variance = self._squares.newest(self._hops_per_step).sum(axis=0)
        variance /= self._counts.newest(self._hops_per_step).sum()
        self._entropy.append(entropy(variance)[None])

    def window(self) -> NDArray[np.float32]:
        """Entropies of the newest window, (n_steps, n_channels, n_bands), oldest step first."""
        hops = self._entropy.newest(self._entropy.length)
        steps: NDArray[np.float32] = hops[self._hops_per_step - 1 :: self._hops_per_step].copy()
        return steps


def entropy(variance_uv2: NDArray[np.floating]) -> NDArray[np.float32]:
    """Differential entropy in nats of a Gaussian with this variance (floored at 1 nV squared)."""
    nats: NDArray[np.floating] = GAUSS + 0.5 * np.log(np.maximum(variance_uv2, FLOOR_UV2))
    return nats.astype(np.float32)
