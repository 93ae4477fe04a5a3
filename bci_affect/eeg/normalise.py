"""Causal normalisation to the person: a slow z-score per electrode and band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bci_affect.eeg.window import FeatureWindow, State
from bci_affect.errors import BciAffectError

MIN_SD = 0.05
"""Smallest SD, in nats, that a z-score divides by: a constant signal must not explode."""


class Normaliser:
    """Running z-score of band features with exponential forgetting and a population prior.

    Mean and variance follow the newest step of each window with weight ``hop_s`` (overlapping steps
    count once a second of EEG, not once a window) and forget with time constant `memory_s`. The
    prior counts as `prior_weight_s` seconds and is forgotten at the same rate. The statistics of a
    masked electrode, and of all electrodes while the window is not ``OK``, are frozen. Live use,
    replay and training run the same object over the windows of a session in order.

    Parameters
    ----------
    n_channels, n_bands : int
        Shape of one step.
    hop_s : float
        Seconds between two windows.
    memory_s : float
        Time constant of forgetting.
    mean, sd : array_like, shape (n_bands,) or (n_channels, n_bands), optional
        Population prior in nats. Without a mean, that of the first good window is used; without
        an SD, 0.5.
    prior_weight_s : float
        Weight of the prior in seconds.
    clip : float
        Bound of the z-scores.
    """

    def __init__(
        self,
        n_channels: int,
        n_bands: int,
        *,
        hop_s: float = 0.125,
        memory_s: float = 300.0,
        mean: ArrayLike | None = None,
        sd: ArrayLike | None = None,
        prior_weight_s: float = 20.0,
        clip: float = 5.0,
    ) -> None:
        shape = (n_channels, n_bands)
        self.hop_s = float(hop_s)
        self.memory_s = float(memory_s)
        self.prior_weight_s = float(prior_weight_s)
        self.clip = float(clip)
        self._mean = _prior(mean, shape, np.nan)  # NaN: not begun
        prior_sd = _prior(sd, shape, 0.5)
        self._weight = np.full(n_channels, self.prior_weight_s)  # weight in seconds
        self._square = self.prior_weight_s * prior_sd**2  # weighted sum of squared deviations
        self._restore()

    @property
    def mean(self) -> NDArray[np.float64]:
        """Current mean in nats, (n_channels, n_bands); NaN if unknown."""
        return self._mean.copy()

    @property
    def sd(self) -> NDArray[np.float64]:
        """Current SD in nats, (n_channels, n_bands)."""
        sd: NDArray[np.float64] = np.sqrt(self._square / self._weight[:, None])
        return sd

    def apply(self, window: FeatureWindow) -> NDArray[np.float32]:
        """Update the statistics with a window (if good) and return its z-scores.

        Returns
        -------
        ndarray of float32, shape (n_steps, n_channels, n_bands)
            Within +-`clip`; 0 for masked electrodes and those without statistics.
        """
        self.follow(window)
        return self.standardise(window)

    def standardise(
        self, window: FeatureWindow, gain: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return a window's z-scores as `apply` does; the statistics do not change.

        Parameters
        ----------
        window : FeatureWindow
        gain : ndarray of float32, shape (n_channels,), optional
            Log amplitude in nats that is subtracted from all bands of a channel before.
        """
        z = window.bands - self._mean
        if gain is not None:
            z -= gain[:, None]
        z *= 1.0 / np.maximum(self.sd, MIN_SD)
        use = window.mask & self._begun
        if np.count_nonzero(use) < len(use):
            z[:, ~use] = 0.0
        np.minimum(np.maximum(z, -self.clip, out=z), self.clip, out=z)
        short: NDArray[np.float32] = z.astype(np.float32)
        return short

    def follow(self, window: FeatureWindow) -> None:
        """Update the statistics with a window (if good)."""
        if window.bands.shape[1:] != self._mean.shape:
            raise BciAffectError(
                f"The profile's statistics are for {self._mean.shape[0]} channels and "
                f"{self._mean.shape[1]} bands; this stream has {window.bands.shape[1]} and "
                f"{window.bands.shape[2]}."
            )
        if window.state is State.OK:
            self._update(window)

    def _restore(self) -> None:
        """Compute the values derived from the statistics."""
        self._fade = float(np.exp(-self.hop_s / self.memory_s))
        self._begun = ~np.isnan(self._mean[:, 0])  # channels with a mean
        self._all_begun = bool(self._begun.all())

    def _update(self, window: FeatureWindow) -> None:
        good = window.mask
        if not self._all_begun:
            begin = good & ~self._begun
            self._mean[begin] = window.bands[:, begin].mean(axis=0)
            self._begun = self._begun | begin
            self._all_begun = bool(self._begun.all())
        newest = window.bands[-1]  # (n_channels, n_bands)
        weight = self._fade * self._weight + self.hop_s
        away = newest - self._mean
        mean = self._mean + (self.hop_s / weight)[:, None] * away
        square = self._fade * self._square + self.hop_s * away * (newest - mean)
        if np.count_nonzero(good) < len(good):
            weight = np.where(good, weight, self._weight)
            mean = np.where(good[:, None], mean, self._mean)
            square = np.where(good[:, None], square, self._square)
        self._weight, self._mean, self._square = weight, mean, square

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Return the state for `from_state`, as plain arrays."""
        return {
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "weight": self._weight.copy(),
            "settings": np.array([self.hop_s, self.memory_s, self.prior_weight_s, self.clip]),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Normaliser:
        """Create a normaliser from another one's `state`.

        Raises
        ------
        BciAffectError
            If arrays are missing or do not fit together.
        """
        try:
            mean = np.array(state["mean"], np.float64)
            square = np.array(state["square"], np.float64)
            weight = np.array(state["weight"], np.float64)
            hop_s, memory_s, prior_weight_s, clip = (float(v) for v in state["settings"])
            if mean.ndim != 2 or square.shape != mean.shape or weight.shape != mean.shape[:1]:
                raise ValueError("shapes")
        except (KeyError, ValueError, TypeError) as error:
            raise BciAffectError(
                f"The normaliser's state is damaged ({error}); calibrate again."
            ) from None
        made = cls(
            *mean.shape,
            hop_s=hop_s,
            memory_s=memory_s,
            prior_weight_s=prior_weight_s,
            clip=clip,
        )
        made._mean, made._square, made._weight = mean, square, weight
        made._restore()
        return made


def _prior(values: ArrayLike | None, shape: tuple[int, int], default: float) -> NDArray[np.float64]:
    given = np.asarray(default if values is None else values, np.float64)
    return np.broadcast_to(given, shape).copy()
