"""The rungs above the head: temperature, conformal quantile, fusion with the music.

All of them are fitted on log-odds of clips that the head had not seen, and with both sides
weighted alike: how often a calibration's clips were high is its design's choice and says nothing
about later.
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
"""Fewer clips with known music say nothing about its reliability here."""


def fit_gain(logit: Array, high: Array, weight: Array | None = None) -> float:
    """Fit the gain (one over the temperature) that calibrates log-odds, shrunk to 1.

    A bias is the head's own matter (its first rung), so a temperature never changes a side.

    Parameters
    ----------
    logit, high : ndarray, shape (n,)
        Held-out log-odds and labels.
    weight : ndarray, shape (n,), optional
        Weight of each row; windows of one clip share a weight of one.

    Both sides are weighted alike on top.
    """
    rows = np.ones_like(high) if weight is None else weight
    share = float(rows @ high / rows.sum())
    if 0 < share < 1:
        rows = rows * np.where(high > 0.5, 0.5 / share, 0.5 / (1 - share))
    precision = np.full((1, 1), _GAIN_PRECISION)
    slope = map_logistic(logit[:, None], logit, high[None], precision, rows[None])[0, 0]
    return max(_MIN_GAIN, float(1.0 + slope))


def conformal_quantile(logit: Array, high: Array, level: float = CONFORMAL_LEVEL) -> float:
    """Split-conformal quantile of ``1 - p(true side)`` over held-out clips.

    With n clips it is the ``ceil((n + 1) level)``-th smallest score, and 1 (every side possible,
    so ``unsure``) where there is no such clip: 90 % needs at least nine. The scores come from
    leave-one-out heads, as in the jackknife, so coverage is approximate.
    """
    p = expit(logit)
    score = np.sort(np.where(high > 0.5, 1 - p, p))
    rank = math.ceil((len(score) + 1) * level)
    return float(score[rank - 1]) if rank <= len(score) else 1.0


@dataclass(frozen=True)
class Fusion:
    """Weights of calibrated log-odds of EEG and music, and bias."""

    eeg: float
    music: float
    bias: float

    def __call__(self, eeg: Array, music: Array) -> Array:
        """Return fused log-odds; the EEG's where the music is unknown (NaN)."""
        both = self.eeg * eeg + self.music * np.nan_to_num(music) + self.bias
        return np.where(np.isfinite(music), both, eeg)


def fit_fusion(eeg: Array, music: Array, high: Array) -> Fusion:
    """Weigh both sources by how reliable they were on held-out clips.

    The prior is the music as it is (weight 1) and no EEG (weight 0). The EEG gets a weight only
    where it lowers the left-out squared error of the music alone by more than `MARGIN_SE` standard
    errors (the squared error, as one confident mistake must not decide).

    Parameters
    ----------
    eeg, music, high : ndarray, shape (n,)
        Held-out calibrated log-odds of the EEG, log-odds of the music (NaN where unknown), labels.
    """
    known = np.isfinite(music)
    if known.sum() < MIN_FUSION or not 0 < high[known].mean() < 1:
        return Fusion(1.0, 1.0, 0.0)
    eeg, music, high = eeg[known], music[known], high[known]
    n = len(high)
    features = np.stack([music, np.ones(n), eeg], axis=1)  # (n, 3)
    # Fit 0 has every clip, fit 1 + i has all but clip i.
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
    return Fusion(float(eeg_weight), max(0.0, float(1 + slope)), float(bias))
