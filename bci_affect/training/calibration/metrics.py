"""Metrics over clips, for one prediction or for many labellings at once.

Probabilities assume equal prior odds, so Brier score and reliability weight both classes equally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from bci_affect.affect import Array
from bci_affect.training.calibration.ladder import Index, balance
from bci_affect.training.calibration.permutation import ChanceTest
from bci_affect.training.metrics import correct_decisions, mean_over_classes, rank_auc

CHANCE = 0.5


def balanced_accuracy(logit: Array, high: Array) -> Array:
    """Return the balanced accuracy over the last axis; a clip with a logit of 0 counts half."""
    return mean_over_classes(correct_decisions(logit, high), high)


def brier(logit: Array, high: Array) -> float:
    """Return the Brier score with both classes weighted equally."""
    return float(mean_over_classes((expit(logit) - high) ** 2, high))


def calibration_error(logit: Array, high: Array, n_bins: int = 5) -> float:
    """Return the expected calibration error over bins with equally many clips."""
    bins = reliability(logit, high, n_bins)
    return float(sum(b.share * abs(b.predicted - b.observed) for b in bins))


@dataclass(frozen=True)
class Bin:
    """Point of a reliability curve.

    Attributes
    ----------
    predicted : float
        Mean predicted probability of high.
    observed : float
        Share of high clips.
    share : float
        Share of all clips, both classes weighted equally.
    n : int
        Number of clips.
    """

    predicted: float
    observed: float
    share: float
    n: int


def reliability(logit: Array, high: Array, n_bins: int = 5) -> list[Bin]:
    """Compute the reliability curve over bins of equally many clips, at least three."""
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
    """Compute confidence intervals by the Bayesian bootstrap over clips.

    Every draw gives each stimulus a random weight (Rubin 1981, doi:10.1214/aos/1176345338). For the
    balanced accuracy, half a correct and half a wrong pseudo-clip are added to each class, so that
    a few clips without an error do not get an interval of zero width; for independent clips, the
    intervals of sensitivity and specificity are then Jeffreys intervals.

    With a permutation `test`, the bootstrap distribution is shifted on the normal scale so that its
    share at or below chance is the p-value of the test (like the bias correction of Efron 1987,
    doi:10.1080/01621459.1987.10478410, which shifts it to the estimate). The lower limit of the
    balanced accuracy is then above chance exactly if ``test.above < alpha``, and the upper limit
    below chance exactly if ``test.below < alpha``.

    Parameters
    ----------
    logit, high : ndarray, shape (n_clips,)
    group : ndarray of int, shape (n_clips,)
    rng : numpy Generator
    n : int
        Number of draws.
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
    right = correct_decisions(logit, high)
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
    """Return limits from the draws that agree with the test and enclose the estimate."""
    if test is None:
        low, top = np.quantile(draws, [alpha, 1 - alpha])
        return min(float(low), estimate), max(float(top), estimate)
    share = float(np.clip(np.mean(draws <= CHANCE), 1 / len(draws), 1 - 1 / len(draws)))
    low = min(float(np.quantile(draws, _shifted(alpha, share, test.above, test))), estimate)
    top = max(float(np.quantile(draws, _shifted(1 - alpha, share, 1 - test.below, test))), estimate)
    # Draws and p-values are discrete, so the limits may disagree with the test at chance.
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
    p = float(np.clip(p, test.smallest, 1 - test.smallest))
    return float(norm.cdf(norm.ppf(level) + norm.ppf(share) - norm.ppf(p)))
