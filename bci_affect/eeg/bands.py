"""Band power per step of the window, at a cost that does not grow with the window."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import WindowSettings
from bci_affect.eeg.montage import Montage
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
        # Sums of squares of the last hops, in turn.
        self._squares = np.zeros((self._hops_per_step, n_bands, n_channels))
        self._at = 0
        self._counts: deque[int] = deque(maxlen=self._hops_per_step)
        n_hops = self._n_steps * self._hops_per_step
        self._entropy = Ring(n_hops, (n_channels, n_bands), np.float32)

    def reset(self) -> None:
        """Forget everything (after a gap)."""
        self._squares[:] = 0.0
        self._at = 0
        self._counts.clear()
        self._entropy.clear()

    def scale(self, factor: float) -> None:
        """Do as if all input had been multiplied by `factor` from the start."""
        self._squares *= factor**2
        self._entropy.append(self._entropy.newest() + np.float32(np.log(factor)))

    def add(self, energy: NDArray[np.float64], n: int) -> None:
        """Take a hop's sums of squares of band-passed EEG, (n_bands, n_channels), of n samples."""
        self._squares[self._at] = energy
        self._at = (self._at + 1) % self._hops_per_step
        self._counts.append(n)
        variance = np.add.reduce(self._squares)
        variance /= sum(self._counts)
        self._entropy.append(entropy(variance).T[None])

    def window(self) -> NDArray[np.float32]:
        """Entropies of the newest window, (n_steps, n_channels, n_bands), oldest step first."""
        hops = self._entropy.newest(self._entropy.length)
        steps: NDArray[np.float32] = hops[self._hops_per_step - 1 :: self._hops_per_step].copy()
        return steps


def entropy(variance_uv2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differential entropy in nats of a Gaussian with this variance (floored at 1 nV squared)."""
    nats = np.maximum(variance_uv2, FLOOR_UV2)
    np.log(nats, out=nats)
    nats *= 0.5
    nats += GAUSS
    return nats


def relative_power(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of each band in the power of all bands, for display.

    Parameters
    ----------
    bands : ndarray of float32, shape (..., n_bands)
        Differential entropies, as in `FeatureWindow.bands`.

    Returns
    -------
    ndarray of float32, shape (..., n_bands)
        Sums to 1 over the bands.
    """
    power = np.exp(2.0 * (bands - bands.max(axis=-1, keepdims=True)))
    share: NDArray[np.float32] = power / power.sum(axis=-1, keepdims=True)
    return share


def asymmetry(bands: NDArray[np.float32], montage: Montage) -> dict[str, NDArray[np.float32]]:
    """Log power right minus left for each pair of mirrored electrodes, for display.

    Parameters
    ----------
    bands : ndarray of float32, shape (..., n_channels, n_bands)
        Differential entropies, as in `FeatureWindow.bands`.
    montage : Montage
        Their channels.

    Returns
    -------
    dict of str to ndarray of float32, shape (..., n_bands)
        Keyed by pair ("F4-F3"); ``ln(power right / power left)``, positive with more power on the
        right.
    """
    rows = {name.casefold(): row for row, name in enumerate(montage.names)}
    found = {}
    for name, row in rows.items():
        stem = name.rstrip("0123456789")
        number = name[len(stem) :]
        if number and int(number) % 2 == 1:
            twin = rows.get(f"{stem}{int(number) + 1}")
            if twin is not None and montage.is_eeg[row] and montage.is_eeg[twin]:
                pair = f"{montage.names[twin]}-{montage.names[row]}"
                found[pair] = 2.0 * (bands[..., twin, :] - bands[..., row, :])
    return found
