"""Measures of a binary classification, on windows, trials or clips.

Windows of one trial are not independent. Main results are therefore computed over trials, with the
mean probability of the windows of each trial; results over windows are given in addition. Undefined
measures (a single class, no ratings) are NaN.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classification:
    """Measures of a binary classification.

    Attributes
    ----------
    n, n_high : int
        Number of labelled cases, and number of high cases among them.
    accuracy : float
        Share of correct decisions.
    balanced_accuracy : float
        Mean of sensitivity and specificity; the chance level is 0.5 for any class sizes.
    f1 : float
        Macro F1: mean over both classes of 2TP / (2TP + FP + FN).
    auc : float
        Area under the ROC curve: probability that a high case has a larger probability than a low
        case, ties counted half.
    ece : float
        Expected calibration error, see `calibration_error`.
    brier : float
        Brier score: mean squared difference of probability and label.
    majority : float
        Share of the larger class, which is the accuracy of always predicting it.
    """

    n: int
    n_high: int
    accuracy: float
    balanced_accuracy: float
    f1: float
    auc: float
    ece: float
    brier: float
    majority: float

    def as_dict(self) -> dict[str, float]:
        """Return the measures by name."""
        return asdict(self)


def classification(labels: ArrayLike, probabilities: ArrayLike) -> Classification:
    """Compute all measures; cases with a NaN label or probability are excluded.

    Parameters
    ----------
    labels : array_like, shape (n,)
        1 for high, 0 for low, NaN for unrated.
    probabilities : array_like, shape (n,)
        Probability of high; the decision is high from 0.5.
    """
    y, p = _paired(labels, probabilities)
    if not len(y):
        nan = float("nan")
        return Classification(0, 0, nan, nan, nan, nan, nan, nan, nan)
    high = y > 0.5
    decision = p >= 0.5
    return Classification(
        n=len(y),
        n_high=int(high.sum()),
        accuracy=float((decision == high).mean()),
        balanced_accuracy=balanced_accuracy(y, p),
        f1=_macro_f1(high, decision),
        auc=auc(y, p),
        ece=calibration_error(y, p),
        brier=float(((p - y) ** 2).mean()),
        majority=float(max(high.mean(), 1 - high.mean())),
    )


def balanced_accuracy(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean of sensitivity and specificity at the threshold 0.5; NaN with one class."""
    y, p = _paired(labels, probabilities)
    high = y > 0.5
    return float(mean_over_classes((p >= 0.5) == high, high))


def auc(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the area under the ROC curve (Mann-Whitney U over its maximum); NaN with one class."""
    y, p = _paired(labels, probabilities)
    return float(rank_auc(p, y > 0.5))


def mean_over_classes(values: ArrayLike, high: ArrayLike) -> Floats:
    """Return the mean of the two class means over the last axis; NaN with one class.

    For correct decisions (1 or 0) this is the balanced accuracy.

    Parameters
    ----------
    values, high : array_like, shape (..., n)
        `high` is 1 for high and 0 for low.
    """
    value, side = np.asarray(values, np.float64), np.asarray(high, np.float64)
    with np.errstate(invalid="ignore"):
        of_high = (value * side).sum(axis=-1) / side.sum(axis=-1)
        of_low = (value * (1 - side)).sum(axis=-1) / (1 - side).sum(axis=-1)
    return np.asarray((of_high + of_low) / 2)


def rank_auc(scores: ArrayLike, high: ArrayLike) -> Floats:
    """Return the area under the ROC curve over the last axis; NaN with one class.

    Ties count half.

    Parameters
    ----------
    scores, high : array_like, shape (..., n)
        `high` is 1 for high and 0 for low.
    """
    from scipy.stats import rankdata

    side = np.asarray(high, np.float64)
    n_high, n_low = side.sum(axis=-1), (1 - side).sum(axis=-1)
    u = (rankdata(scores, axis=-1) * side).sum(axis=-1) - n_high * (n_high + 1) / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(u / (n_high * n_low))


def correct_decisions(logits: ArrayLike, high: ArrayLike) -> Floats:
    """Return 1 for correct decisions, 0 for wrong ones, and 0.5 for a logit of 0; as `logits`."""
    odds = np.asarray(logits, np.float64)
    return np.where(odds == 0, 0.5, (odds > 0) == (np.asarray(high) > 0.5))


def calibration_error(labels: ArrayLike, probabilities: ArrayLike, n_bins: int = 10) -> float:
    """Return the expected calibration error of the probability of being high.

    Cases are sorted into `n_bins` bins of equal width over [0, 1] (the last one closed). The error
    is the mean over cases of ``|share of high - mean probability|`` of their bin (Naeini et al.
    2015, in the form for binary outcomes). It is biased upwards for few cases.
    """
    y, p = _paired(labels, probabilities)
    if not len(y):
        return float("nan")
    bins = np.minimum((p * n_bins).astype(int), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    gap = np.abs(np.bincount(bins, y, minlength=n_bins) - np.bincount(bins, p, minlength=n_bins))
    return float(gap[count > 0].sum() / len(y))


def per_trial(values: ArrayLike, trials: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """Average values over the windows of each trial, excluding NaN.

    Returns
    -------
    trials : ndarray of int64, shape (n_trials,)
        Ascending.
    means : ndarray of float64, shape (n_trials,) or (n_trials, n_columns)
        NaN where a trial has no value.
    """
    data = np.asarray(values, np.float64)
    flat = data.reshape(len(data), -1)
    names, where = np.unique(trials, return_inverse=True)
    good = np.isfinite(flat)
    total = np.zeros((len(names), flat.shape[1]))
    count = np.zeros_like(total)
    np.add.at(total, where, np.where(good, flat, 0.0))
    np.add.at(count, where, good)
    with np.errstate(invalid="ignore"):
        means = total / count
    return names, means.reshape(len(names), *data.shape[1:])


def _paired(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    if y.shape != p.shape or y.ndim != 1:
        raise ValueError(
            f"labels {y.shape} and probabilities {p.shape} must be equally long vectors"
        )
    good = np.isfinite(y) & np.isfinite(p)
    return y[good], p[good]


def _macro_f1(high: NDArray[np.bool_], decision: NDArray[np.bool_]) -> float:
    scores = []
    for label, predicted in ((high, decision), (~high, ~decision)):
        true_positives = int((label & predicted).sum())
        denominator = int(label.sum()) + int(predicted.sum())
        scores.append(2 * true_positives / denominator if denominator else 0.0)
    return float(np.mean(scores))
