"""Plain methods of the benchmark of people: power and tangent space against a person's own rest.

Each method has one vector per trial, the mean over its windows, and a ridge classifier with
balanced classes whose penalty is chosen by inner folds of the training people. Two more ask what
the labels tell without any EEG: the mean of the situation where stimuli repeat, and the place of a
trial in the sitting.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bci_affect.eeg import ChannelCovariance, log_power, mean_power, spd_exp, spd_log
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import per_trial, rank_auc
from bci_affect.training.person import unpack

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

POWER, Z_SCORED, RELATIVE = "power minus rest", "power, z-scored against rest", "relative power"
BROADBAND, PER_BAND = "tangent space, broadband", "tangent space, per band"
PLAIN_METHODS = (POWER, Z_SCORED, RELATIVE, BROADBAND, PER_BAND)
"""Methods with EEG, in the order of tables."""

NEED_ALL = (BROADBAND, PER_BAND)
"""Methods that cannot be tested with fewer electrodes than they were fitted with."""

_PENALTIES = np.logspace(0, 5, 6)
_INNER_FOLDS = 4
_LEAST_SPREAD = 0.05
_SHRINKAGE = 0.05


def plain_inputs(
    features: FeatureSet, chosen: dict[int, Bools] | None = None
) -> dict[str, dict[int, Floats]]:
    """Return the vector of every trial, by method and trial.

    Parameters
    ----------
    features : FeatureSet
        Windows with the covariances of their people's rest, of one montage.
    chosen : dict of int to ndarray of bool, shape (n_channels,), optional
        Electrodes of each subject; by default all. All subjects have the same number.
    """
    inputs: dict[str, dict[int, Floats]] = {name: {} for name in PLAIN_METHODS}
    person = features.person
    assert person is not None
    for subject in np.unique(features.subject):
        own = np.flatnonzero(features.subject == subject)
        placed = np.ones(features.mask.shape[1], np.bool_)
        here = np.flatnonzero(placed if chosen is None else chosen[int(subject)])
        windows = _covariances(person.sums[own], person.samples[own], here)
        known = len(person.rest_sums[subject]) > 0
        rest = (
            _covariances(person.rest_sums[subject], person.rest_samples[subject], here)
            if known
            else windows
        )
        missing = (person.samples[own] == 0)[:, here] | ~features.mask[own][:, here]
        for name, vectors in _against_rest(windows, rest, missing).items():
            trials, means = per_trial(vectors, features.trial[own])
            inputs[name].update(zip(map(int, trials), means, strict=True))
    return inputs


def fit_ridge(
    inputs: dict[int, Floats], features: FeatureSet, target: int, train: Bools
) -> Callable[[Floats], Floats]:
    """Fit a balanced ridge classifier on the trials of the training people.

    Penalty and threshold come from inner folds of these people.

    Parameters
    ----------
    inputs : dict of int to ndarray, shape (n_inputs,)
        Vector of every trial.
    features : FeatureSet
        Windows, from which the labels and the people of the trials are read.
    target : int
        Column of the labels.
    train : ndarray of bool, shape (n_windows,)
        Windows of the training people.

    Returns
    -------
    callable
        Scores, (n,), of vectors, (n, n_inputs); above 0 is high.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    trials, label, subject, known = labels_of_trials(features, target, train)
    fitted = known & np.isfinite(label)
    x = np.stack([inputs[int(trial)] for trial in trials[fitted]])
    high, groups = label[fitted] > 0.5, subject[fitted]
    n_groups = len(np.unique(groups))
    if len(np.unique(high)) < 2 or n_groups < 2:
        return lambda vectors: np.zeros(len(vectors))
    unseen = np.zeros((len(_PENALTIES), len(x)))
    for inner, out in GroupKFold(min(_INNER_FOLDS, n_groups)).split(x, groups=groups):
        if len(np.unique(high[inner])) == 2:
            unseen[:, out] = _balanced_ridge(x[inner], high[inner])(x[out])
    best = int(np.argmax(rank_auc(unseen, np.tile(high, (len(unseen), 1)))))
    threshold = LogisticRegression(C=1000.0, class_weight="balanced")
    threshold.fit(unseen[best][:, None], high)
    slope, offset = float(threshold.coef_[0, 0]), float(threshold.intercept_[0])
    score = _balanced_ridge(x, high)
    shift = offset / slope if slope > 0 else 0.0
    return lambda vectors: score(vectors)[best] + shift


def _balanced_ridge(x: Floats, high: Bools) -> Callable[[Floats], Floats]:
    """Fit ridge regressions with classes of equal weight, for all penalties by one decomposition.

    Returns scores, (n_penalties, n), of vectors, (n, n_inputs). Inputs are standardised.
    """
    weight = np.where(high, 0.5 / high.sum(), 0.5 / (~high).sum())
    mean = weight @ x
    sd = np.sqrt(weight @ (x - mean) ** 2) + 1e-12
    root = np.sqrt(weight * len(x))
    inputs = (x - mean) / sd * root[:, None]
    values, vectors = np.linalg.eigh(inputs @ inputs.T)
    target = vectors.T @ (np.where(high, 1.0, -1.0) * root)  # of weighted mean 0
    dual = vectors @ (target / (values + _PENALTIES[:, None])).T  # (n, n_penalties)
    coefficients = inputs.T @ dual  # (n_inputs, n_penalties)

    def score(other: Floats) -> Floats:
        scores: Floats = (((other - mean) / sd) @ coefficients).T
        return scores

    return score


def situation_scores(features: FeatureSet, target: int, train: Bools) -> dict[int, float]:
    """Return the mean label of the training people for the same stimulus, minus one half.

    Empty where stimuli are unknown or belong to one person each.
    """
    trials, label, _, known = labels_of_trials(features, target, train)
    _, stimulus = per_trial(features.stimulus, features.trial)
    scores = {}
    for number in np.flatnonzero(~known):
        same = known & (stimulus == stimulus[number]) & (stimulus >= 0) & np.isfinite(label)
        if same.any():
            scores[int(trials[number])] = float(label[same].mean() - 0.5)
    return scores


def place_scores(features: FeatureSet, target: int, train: Bools) -> dict[int, float]:
    """Return scores of a decision tree that knows only the place of a trial in its sitting."""
    from sklearn.tree import DecisionTreeClassifier

    trials, label, subject, known = labels_of_trials(features, target, train)
    _, session = per_trial(features.session, features.trial)
    x = np.zeros((len(trials), 3))
    for person in np.unique(subject):
        own = np.flatnonzero(subject == person)  # trial numbers are in chronological order
        x[own, 0] = np.arange(len(own))
        x[own, 1] = np.unique(session[own], return_inverse=True)[1].ravel()
        for one in np.unique(session[own]):
            inside = own[session[own] == one]
            x[inside, 2] = np.arange(len(inside))
    fitted = known & np.isfinite(label)
    if len(np.unique(label[fitted])) < 2:
        return dict.fromkeys(map(int, trials[~known]), 0.0)
    model = DecisionTreeClassifier(
        max_depth=4, min_samples_leaf=max(3, len(np.unique(subject[known])) // 2),
        class_weight="balanced", random_state=0,
    )  # fmt: skip
    model.fit(x[fitted], label[fitted] > 0.5)
    scores = model.predict_proba(x[~known])[:, 1] - 0.5
    return dict(zip(map(int, trials[~known]), scores, strict=True))


def labels_of_trials(
    features: FeatureSet, target: int, train: Bools
) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], Bools]:
    """Return trial, label, subject and membership in training, each of shape (n_trials,)."""
    trials, label = per_trial(features.labels[:, target], features.trial)
    _, subject = per_trial(features.subject, features.trial)
    _, known = per_trial(train, features.trial)
    return trials, label, subject.astype(np.int64), known > 0.5


def to_windows(scores: dict[int, float], features: FeatureSet, rows: NDArray[np.int64]) -> Floats:
    """Return the probability of each window from the score of its trial; NaN without a score."""
    values = [scores.get(int(trial), np.nan) for trial in features.trial[rows]]
    probability: Floats = expit(np.array(values))
    return probability


def _covariances(
    sums: NDArray[np.float32], samples: NDArray[np.int64], here: NDArray[np.int64]
) -> Floats:
    """Return the covariance of some electrodes in every window, (n_windows, n_bands, n, n)."""
    return np.stack(
        [
            ChannelCovariance(unpack(one), counted).matrix(here)
            for one, counted in zip(sums, samples, strict=True)
        ]
    )


def _against_rest(windows: Floats, rest: Floats, missing: Bools) -> dict[str, Floats]:
    """Return the vectors of windows against rest, (n_windows, n_inputs), by method."""
    level, at_rest = log_power(windows) / 2, log_power(rest) / 2  # (n, n_bands, n_channels)
    absent = np.repeat(missing[:, None], level.shape[1], axis=1)
    level = np.where(absent, at_rest.mean(axis=0), level)
    change = level - at_rest.mean(axis=0)

    def relative(values: Floats) -> Floats:
        less: Floats = values - values.mean(axis=1, keepdims=True)
        return less

    return {
        name: vectors.reshape(len(windows), -1)
        for name, vectors in (
            (POWER, change),
            (Z_SCORED, change / (at_rest.std(axis=0) + _LEAST_SPREAD)),
            (RELATIVE, relative(level) - relative(at_rest).mean(axis=0)),
            (BROADBAND, _tangent(windows.sum(axis=1), rest.sum(axis=1))),
            (PER_BAND, _tangent(windows, rest)),
        )
    }


def _tangent(windows: Floats, rest: Floats) -> Floats:
    """Return the tangent vectors of covariances whitened by the log-Euclidean mean of rest."""
    n = windows.shape[-1]
    rows, columns = np.triu_indices(n)
    weight = np.where(rows == columns, 1.0, np.sqrt(2.0))
    # The shrinkage of the study's `riemann`: the common reference makes covariances singular.
    windows, rest = (
        (1 - _SHRINKAGE) * one + _SHRINKAGE * mean_power(one)[..., None, None] * np.eye(n)
        for one in (windows, rest)
    )
    whitener = spd_exp(-spd_log(rest).mean(axis=0) / 2)
    logs = spd_log(whitener @ windows @ whitener)
    vectors: Floats = weight * logs[..., rows, columns]
    return vectors
