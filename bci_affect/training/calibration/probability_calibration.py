"""Calibration of probabilities: temperature, conformal quantile, and fusion with the music.

All are fitted on held-out log-odds, with equal weight for both classes: the share of high clips is
determined by the design of the calibration and does not generalise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from bci_affect.affect import Array
from bci_affect.training.calibration.ladder import MARGIN_SE, balance, map_logistic, squared_error

CONFORMAL_LEVEL = 0.9
_GAIN_PRECISION = 4.0
_EEG_PRECISION = 1.0
_MIN_GAIN = 0.05
MIN_FUSION = 6
"""Minimum number of clips with known music for a fit of the fusion weights."""


def fit_gain(logit: Array, high: Array, weight: Array | None = None) -> float:
    """Fit the gain (inverse temperature) that calibrates log-odds, shrunk to 1.

    There is no bias (the head has its own), so the gain never changes a decision. Both classes have
    equal total weight.

    Parameters
    ----------
    logit, high : ndarray, shape (n,)
        Held-out log-odds and labels.
    weight : ndarray, shape (n,), optional
        Weight of each row; the windows of one clip share a weight of one.
    """
    rows = np.ones_like(high) if weight is None else weight
    share = float(rows @ high / rows.sum())
    if 0 < share < 1:
        rows = rows * np.where(high > 0.5, 0.5 / share, 0.5 / (1 - share))
    precision = np.full((1, 1), _GAIN_PRECISION)
    slope = map_logistic(logit[:, None], logit, high[None], precision, rows[None])[0, 0]
    return max(_MIN_GAIN, float(1.0 + slope))


def conformal_quantile(logit: Array, high: Array, level: float = CONFORMAL_LEVEL) -> float:
    """Return the split-conformal quantile of ``1 - p(true class)`` over held-out clips.

    With n clips it is the ``ceil((n + 1) level)``-th smallest score, or 1 (both classes possible,
    so ``unsure``) if there are fewer clips: 90 % needs at least nine. The scores come from
    leave-one-out heads, as in the jackknife, so coverage is approximate.
    """
    p = expit(logit)
    score = np.sort(np.where(high > 0.5, 1 - p, p))
    rank = math.ceil((len(score) + 1) * level)
    return float(score[rank - 1]) if rank <= len(score) else 1.0


@dataclass(frozen=True)
class FusionWeights:
    """Weights of the calibrated log-odds of EEG and music, and a bias."""

    eeg: float
    music: float
    bias: float

    def __call__(self, eeg: Array, music: Array) -> Array:
        """Return the fused log-odds, or those of the EEG where the music is unknown (NaN)."""
        both = self.eeg * eeg + self.music * np.nan_to_num(music) + self.bias
        return np.where(np.isfinite(music), both, eeg)


def fit_fusion(eeg: Array, music: Array, high: Array) -> FusionWeights:
    """Fit the fusion weights of EEG and music on held-out clips.

    The prior is weight 1 for the music and weight 0 for the EEG. The EEG gets a weight only if it
    lowers the leave-one-out squared error of the music alone by more than `MARGIN_SE` standard
    errors. The squared error is bounded, so that one confident error does not decide.

    Parameters
    ----------
    eeg, music, high : ndarray, shape (n,)
        Held-out calibrated log-odds of the EEG, log-odds of the music (NaN where unknown), labels.
    """
    known = np.isfinite(music)
    if known.sum() < MIN_FUSION or not 0 < high[known].mean() < 1:
        return FusionWeights(1.0, 1.0, 0.0)
    eeg, music, high = eeg[known], music[known], high[known]
    n = len(high)
    features = np.stack([music, np.ones(n), eeg], axis=1)  # (n, 3)
    # Fit 0 uses every clip, fit 1 + i all clips but i.
    weight = np.vstack([np.ones(n), 1 - np.eye(n)]) * balance(high)
    labels = np.broadcast_to(high, weight.shape)
    left_out = {}
    fitted = {}
    for name, columns in (("music", 2), ("both", 3)):
        prior = np.array([_GAIN_PRECISION, _GAIN_PRECISION, _EEG_PRECISION])[:columns]
        precision = np.broadcast_to(prior, (n + 1, columns))
        w = map_logistic(features[:, :columns], music, labels, precision, weight)
        fitted[name] = w[0]
        left_out[name] = squared_error(music + np.sum(w[1:] * features[:, :columns], axis=1), high)
    gain = left_out["music"] - left_out["both"]
    helps = gain.mean() > MARGIN_SE * gain.std(ddof=1) / np.sqrt(n)
    if helps and fitted["both"][2] > 0:
        slope, bias, eeg_weight = fitted["both"]
    else:
        (slope, bias), eeg_weight = fitted["music"], 0.0
    return FusionWeights(float(eeg_weight), max(0.0, float(1 + slope)), float(bias))
