"""Model card and prediction: plain dataclasses that do not need torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

REST_PRIOR_WINDOWS = 6.0
"""Weight, in windows, of "rest has the population's mean" in `RestScore`."""

REST_PRIOR_SPREAD = 0.3
"""Prior standard deviation of the log-odds at rest in `RestScore`."""


@dataclass(frozen=True)
class RestCalibration:
    """Log-odds of a score against rest, for one number of electrodes.

    Attributes
    ----------
    electrodes : int
        Number of electrodes that it was fitted with.
    threshold : tuple of float
        Scores of valence and arousal with even odds.
    slope : tuple of float
        Log-odds per unit of score.
    """

    electrodes: int
    threshold: tuple[float, float]
    slope: tuple[float, float]


@dataclass(frozen=True)
class RestScore:
    """Standardisation of a model's log-odds against those of the person's rest.

    Attributes
    ----------
    centre, spread : ndarray of float64, shape (2,)
        Of valence and arousal.

    Examples
    --------
    >>> import numpy as np
    >>> RestScore.from_rest(np.zeros((0, 2))).apply(np.array([0.3, 0.0])).tolist()
    [1.0, 0.0]
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def from_rest(cls, logits: NDArray[np.floating]) -> RestScore:
        """Return the standardisation for windows of rest, (n, 2); none are needed.

        The mean of a short rest is uncertain and shrinks to 0; half of the variance is the prior's.
        """
        n = len(logits)
        if not n:
            return cls(np.zeros(2), np.full(2, REST_PRIOR_SPREAD))
        rest = np.asarray(logits, np.float64)
        spread = np.sqrt(0.5 * rest.var(axis=0) + 0.5 * REST_PRIOR_SPREAD**2)
        return cls(n / (n + REST_PRIOR_WINDOWS) * rest.mean(axis=0), spread)

    def apply(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return scores, (..., 2), in units of the spread at rest."""
        scores: NDArray[np.float64] = (logits - self.centre) / self.spread
        return scores


@dataclass(frozen=True)
class ModelCard:
    """Description of a trained model, stored in its file.

    Attributes
    ----------
    name : str
        Short name for screens and logs.
    summary : str
        One sentence on the training data and the intended use.
    simulated : bool
        True if trained on simulated EEG: for demonstration until calibrated.
    bands : dict of str to (float, float)
        Band names and edges in Hz, in the order of the feature axis.
    window_s, step_s, hop_s : float
        Window length, step and hop of the training features.
    signal : dict
        All signal settings of the training features.
    prior_mean, prior_sd : tuple of float
        Population mean and standard deviation of each band's feature before normalisation to the
        person. The normaliser started from them in training and must start from them in use; if
        empty, it started from the person's first window.
    channels : tuple of str
        Electrodes of a fixed montage in order; empty for a model that accepts any montage.
    rates_hz : tuple of float
        Sampling rates in the training data.
    training : dict
        Data, split scheme, counts and settings of training.
    metrics : dict
        Held-out metrics with trial counts and chance levels.
    git_revision : str
        Revision of the code that trained it.
    rest_calibration : tuple of RestCalibration
        Log-odds of scores against rest by number of electrodes, for models that need a person's
        rest; empty for others, whose log-odds are used as they are.
    """

    name: str
    summary: str
    simulated: bool
    bands: dict[str, tuple[float, float]]
    window_s: float
    step_s: float
    hop_s: float
    prior_mean: tuple[float, ...]
    prior_sd: tuple[float, ...]
    signal: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    rates_hz: tuple[float, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    git_revision: str = ""
    rest_calibration: tuple[RestCalibration, ...] = ()

    def log_odds(
        self, logits: NDArray[np.floating], rest: RestScore, electrodes: int
    ) -> NDArray[np.float64]:
        """Return calibrated log-odds, (..., 2); see `calibrate`."""
        return calibrate(self.rest_calibration, logits, rest, electrodes)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Model output for one window or, with a leading axis, for several.

    Attributes
    ----------
    embedding : ndarray of float32, shape (space,)
        Unit-length embedding in the common space.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Attention weights; they sum to one over valid electrodes and all steps.
    logits : ndarray of float32, shape (2,)
        Logits of high valence and high arousal.
    """

    embedding: NDArray[np.float32]
    attention: NDArray[np.float32]
    logits: NDArray[np.float32]


def calibrate(
    rows: tuple[RestCalibration, ...],
    logits: NDArray[np.floating],
    rest: RestScore,
    electrodes: int,
) -> NDArray[np.float64]:
    """Return calibrated log-odds, (..., 2), of a person with some number of electrodes.

    The calibration of the nearest number of electrodes applies (on a logarithmic scale); without
    any calibration the score is the log-odds.
    """
    scores = rest.apply(logits)
    if not rows:
        return scores
    nearest = min(rows, key=lambda one: abs(math.log(one.electrodes / max(electrodes, 1))))
    calibrated: NDArray[np.float64] = (scores - nearest.threshold) * np.array(nearest.slope)
    return calibrated
