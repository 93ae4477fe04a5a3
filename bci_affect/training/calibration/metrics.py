"""Clip-level metrics, for one prediction or for many labellings at once.

Probabilities are for even odds beforehand, so Brier score and reliability weigh both sides alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from bci_affect.affect import Array, sigmoid
from bci_affect.training.calibration.ladder import Index, balance


def balanced_accuracy(logit: Array, high: Array) -> Array:
    """Mean of the shares of right high and right low clips, over the last axis.

    A clip at exactly even odds counts half.
    """
    right = np.where(logit == 0, 0.5, ((logit > 0) == (high > 0.5)).astype(np.float64))
    positive = (right * high).sum(axis=-1) / high.sum(axis=-1)
    negative = (right * (1 - high)).sum(axis=-1) / (1 - high).sum(axis=-1)
    return np.asarray((positive + negative) / 2)


def auc(logit: Array, high: Array) -> Array:
    """Area under the ROC curve over the last axis; ties count half."""
    rank = rankdata(logit, axis=-1)
    n_high, n_low = high.sum(axis=-1), (1 - high).sum(axis=-1)
    return np.asarray(((rank * high).sum(axis=-1) - n_high * (n_high + 1) / 2) / (n_high * n_low))


def brier(logit: Array, high: Array) -> float:
    """Mean squared error of the probability, both sides weighted alike."""
    return float(np.average((sigmoid(logit) - high) ** 2, weights=balance(high)))


def calibration_error(logit: Array, high: Array, n_bins: int = 5) -> float:
    """Return the expected calibration error over bins with equally many clips."""
    bins = reliability(logit, high, n_bins)
    return float(sum(b.share * abs(b.predicted - b.observed) for b in bins))


@dataclass(frozen=True)
class Bin:
    """One point of a reliability curve: mean prediction, share that was high, share of clips."""

    predicted: float
    observed: float
    share: float
    n: int


def reliability(logit: Array, high: Array, n_bins: int = 5) -> list[Bin]:
    """Reliability curve with equally filled bins of at least three clips."""
    order = np.argsort(logit)
    if np.ptp(logit) == 0:
        n_bins = 1
    parts = np.array_split(order, max(1, min(n_bins, len(order) // 3)))
    p, weight = sigmoid(logit), balance(high)
    return [
        Bin(
            predicted=float(np.average(p[i], weights=weight[i])),
            observed=float(np.average(high[i], weights=weight[i])),
            share=float(weight[i].sum() / weight.sum()),
            n=len(i),
        )
        for i in parts
    ]


def bootstrap(
    logit: Array, high: Array, group: Index, rng: np.random.Generator, n: int = 4000
) -> dict[str, tuple[float, float]]:
    """95 % intervals by the Bayesian bootstrap over clips (those of one stimulus weigh alike).

    Every draw gives each clip a random weight (Rubin 1981, doi:10.1214/aos/1176345338). Half a
    right and half a wrong pseudo-clip a side are added for the balanced accuracy, so that a few
    clips that are all right do not get an interval of no width; for independent clips the rates'
    intervals are then Jeffreys'.

    Returns
    -------
    dict
        ``balanced_accuracy`` and ``auc`` to (low, high).
    """
    _, index = np.unique(group, return_inverse=True)
    weight = rng.standard_exponential((n, index.max() + 1))[:, index.reshape(-1)]  # (n, n_clips)
    right = np.where(logit == 0, 0.5, ((logit > 0) == (high > 0.5)).astype(np.float64))
    rates = []
    for side in (high, 1 - high):
        good = weight @ (side * right) + rng.standard_gamma(0.5, n)
        bad = weight @ (side * (1 - right)) + rng.standard_gamma(0.5, n)
        rates.append(good / (good + bad))
    above = (logit[:, None] > logit[None, :]) + 0.5 * (logit[:, None] == logit[None, :])
    positive, negative = weight * high, weight * (1 - high)
    area = np.sum((positive @ above) * negative, axis=1)
    area /= positive.sum(axis=1) * negative.sum(axis=1)
    out = {}
    for name, values, estimate in (
        ("balanced_accuracy", (rates[0] + rates[1]) / 2, float(balanced_accuracy(logit, high))),
        ("auc", area, float(auc(logit, high))),
    ):
        low, top = np.quantile(values, [0.025, 0.975])
        out[name] = (min(float(low), estimate), max(float(top), estimate))
    return out
