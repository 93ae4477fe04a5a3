"""Clip-level metrics, for one prediction or for many labellings at once.

Probabilities are for even odds beforehand, so Brier score and reliability weigh both sides alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from bci_affect.affect import Array
from bci_affect.training.calibration.ladder import Index, balance
from bci_affect.training.calibration.permutation import ChanceTest
from bci_affect.training.metrics import mean_over_classes, rank_auc, right_decisions

CHANCE = 0.5


def balanced_accuracy(logit: Array, high: Array) -> Array:
    """Mean of the shares of right high and right low clips, over the last axis.

    A clip at exactly even odds counts half.
    """
    return mean_over_classes(right_decisions(logit, high), high)


def brier(logit: Array, high: Array) -> float:
    """Mean squared error of the probability, both sides weighted alike."""
    return float(mean_over_classes((expit(logit) - high) ** 2, high))


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
    p, weight = expit(logit), balance(high)
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
    logit: Array,
    high: Array,
    group: Index,
    rng: np.random.Generator,
    n: int = 4000,
    *,
    alpha: float = 0.025,
    test: ChanceTest | None = None,
) -> dict[str, tuple[float, float]]:
    """Intervals by the Bayesian bootstrap over clips (those of one stimulus weigh alike).

    Every draw gives each clip a random weight (Rubin 1981, doi:10.1214/aos/1176345338). Half a
    right and half a wrong pseudo-clip a side are added for the balanced accuracy, so that a few
    clips that are all right do not get an interval of no width; for independent clips the rates'
    intervals are then Jeffreys'.

    With a permutation `test` the bootstrap's distribution is shifted on the normal scale so that
    its share at or below chance is the test's p-value (as the bias correction of Efron 1987,
    doi:10.1080/01621459.1987.10478410, shifts it to the estimate). The lower limit of the balanced
    accuracy then lies above chance exactly where ``test.above < alpha``, the upper limit below it
    exactly where ``test.below < alpha``.

    Parameters
    ----------
    logit, high : ndarray, shape (n_clips,)
    group : ndarray of int, shape (n_clips,)
    rng : numpy Generator
    n : int
        Draws.
    alpha : float
        One-sided level of each limit; the interval has level ``1 - 2 alpha``.
    test : ChanceTest, optional
        Permutation test of the same predictions.

    Returns
    -------
    dict
        ``balanced_accuracy`` and ``auc`` to (low, high).
    """
    _, index = np.unique(group, return_inverse=True)
    weight = rng.standard_exponential((n, index.max() + 1))[:, index.reshape(-1)]  # (n, n_clips)
    right = right_decisions(logit, high)
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
        ("auc", area, float(rank_auc(logit, high))),
    ):
        out[name] = _limits(values, estimate, alpha, test)
    return out


def _limits(
    draws: Array, estimate: float, alpha: float, test: ChanceTest | None
) -> tuple[float, float]:
    """Limits from the draws, which agree with the test; they enclose the estimate."""
    if test is None:
        low, top = np.quantile(draws, [alpha, 1 - alpha])
        return min(float(low), estimate), max(float(top), estimate)
    share = float(np.clip(np.mean(draws <= CHANCE), 1 / len(draws), 1 - 1 / len(draws)))
    above, not_below = test.above, 1 - test.below
    if test.above <= test.smallest:  # all that is known is that p is no larger
        above = min(above, share)
    if test.below <= test.smallest:
        not_below = max(not_below, share)
    low = min(float(np.quantile(draws, _shifted(alpha, share, above, test))), estimate)
    top = max(float(np.quantile(draws, _shifted(1 - alpha, share, not_below, test))), estimate)
    # Draws and p-values are discrete: at the edge the test decides.
    if not test.above < alpha:
        low = min(low, CHANCE)
    elif estimate > CHANCE:
        low = max(low, float(np.nextafter(CHANCE, 1)))
    if not test.below < alpha:
        top = max(top, CHANCE)
    elif estimate < CHANCE:
        top = min(top, float(np.nextafter(CHANCE, 0)))
    return low, top


def _shifted(level: float, share: float, p: float, test: ChanceTest) -> float:
    """Level at which to read a distribution whose `share` below chance should have been `p`."""
    p = float(np.clip(p, min(test.smallest, share), 1 - min(test.smallest, 1 - share)))
    return float(norm.cdf(norm.ppf(level) + norm.ppf(share) - norm.ppf(p)))
