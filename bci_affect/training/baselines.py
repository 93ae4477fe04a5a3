"""Baseline models, fitted on the same splits and features as the models.

Each baseline predicts a probability for every test window.

``majority``
    Share of high labels in training, the same for all windows.
``music``
    Logistic regression on the tagger embeddings of the music, averaged over the trial: the
    performance without EEG.
``linear``
    Logistic regression on band power averaged over the trial (all electrodes and bands). On
    simulated people it beats most networks.
``permuted``
    ``linear`` fitted on labels permuted within each person: the performance of the procedure
    without any effect.
``riemann``
    Logistic regression on the tangent space of the covariance between electrodes over the trial,
    each person's covariances whitened by the log-Euclidean mean of the person's trials so far.
    Needs pyriemann (extra ``[riemann]``) and the same montage for all people.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import per_trial
from bci_affect.training.splits import Split

Floats = NDArray[np.float64]

_STRENGTHS = np.logspace(-4, 0, 5)  # inverse regularisation strengths


def baseline_names(corpus: Corpus) -> tuple[str, ...]:
    """Return the names of the baselines available on this machine for these data."""
    names = ["majority", "linear", "permuted"]
    if len(corpus.catalogue):
        names.insert(1, "music")
    if find_spec("pyriemann") is not None and len(corpus.channels) == 1:
        names.append("riemann")
    return tuple(names)


def run_baseline(name: str, corpus: Corpus, features: FeatureSet, split: Split) -> Floats:
    """Return the baseline's probabilities for the test windows, (n_test, 2).

    Parameters
    ----------
    name : str
        One of `baseline_names`.
    corpus : Corpus
        Source of the covariances.
    features : FeatureSet
        Features of the corpus, possibly with some labels set to NaN.
    split : Split
        The validation part is used to choose the regularisation strength.
    """
    rows = np.concatenate([split.train, split.validation, split.test])
    part = np.repeat([0, 1, 2], [len(split.train), len(split.validation), len(split.test)])
    trials, labels = per_trial(features.labels[rows], features.trial[rows])
    _, part_of_trial = per_trial(part, features.trial[rows])
    _, subject = per_trial(features.subject[rows], features.trial[rows])
    if name == "permuted":
        labels = _permute_labels(labels, subject)
    if name == "majority":
        inputs = np.zeros((len(trials), 1))
    elif name == "music":
        inputs = np.nan_to_num(per_trial(features.music[rows], features.trial[rows])[1])
    elif name == "riemann":
        inputs = _tangent(corpus.covariance, trials, subject, part_of_trial < 2)
    else:
        inputs = _band_power(features, rows)
    probability = np.stack(
        [_logistic(inputs, labels[:, target], part_of_trial) for target in range(2)], axis=1
    )  # (n_trials, 2)
    row_of_trial = {int(trial): number for number, trial in enumerate(trials)}
    return probability[[row_of_trial[int(trial)] for trial in features.trial[split.test]]]


def _band_power(features: FeatureSet, rows: NDArray[np.int64]) -> Floats:
    """Return the mean band power of each trial, (n_trials, n_channels * n_bands)."""
    mean = features.bands[rows].mean(axis=1) * features.mask[rows][:, :, None]
    return per_trial(mean.reshape(len(rows), -1), features.trial[rows])[1]


def _logistic(inputs: Floats, labels: Floats, part: Floats) -> Floats:
    """Fit on part 0, choose the strength on part 1, refit on both and predict all trials."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    rated = np.isfinite(labels)
    train, valid = rated & (part == 0), rated & (part == 1)
    both = train | valid
    if len(np.unique(labels[both])) < 2:
        share = labels[both].mean() if both.any() else float("nan")
        return np.full(len(labels), share)
    if not inputs.any():
        return np.full(len(labels), labels[both].mean())

    def fitted(c: float, rows: NDArray[np.bool_]) -> Pipeline:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=c, class_weight="balanced", max_iter=1000)
        )
        return model.fit(inputs[rows], labels[rows])

    strength = _STRENGTHS[len(_STRENGTHS) // 2]
    if len(np.unique(labels[train])) == 2 and valid.any():
        losses = [
            log_loss(labels[valid], fitted(c, train).predict_proba(inputs[valid]), labels=[0, 1])
            for c in _STRENGTHS
        ]
        strength = _STRENGTHS[int(np.argmin(losses))]
    probability: Floats = fitted(strength, both).predict_proba(inputs)[:, 1]
    return probability


def _permute_labels(labels: Floats, subject: Floats) -> Floats:
    """Permute the labels within each person's trials."""
    rng = np.random.default_rng(0xE)
    shuffled = labels.copy()
    for person in np.unique(subject):
        rows = np.flatnonzero(subject == person)
        shuffled[rows] = labels[rng.permutation(rows)]
    return shuffled


def _tangent(
    covariance: NDArray[np.float32],
    trials: NDArray[np.int64],
    subject: Floats,
    fit_on: NDArray[np.bool_],
) -> Floats:
    """Return the tangent vector of each trial's covariance, whitened per person."""
    from pyriemann.tangentspace import TangentSpace

    matrices = covariance[trials].astype(np.float64)
    n = matrices.shape[1]
    # Shrinkage, because re-referencing and dead electrodes make the covariance singular.
    power = np.trace(matrices, axis1=1, axis2=2)[:, None, None] / n
    matrices = 0.95 * matrices + 0.05 * power * np.eye(n)
    logs = _spectral(matrices, np.log)
    whitened = np.empty_like(matrices)
    for person in np.unique(subject):
        rows = np.flatnonzero(subject == person)  # trial numbers are in chronological order
        running = np.cumsum(logs[rows], axis=0) / np.arange(1, len(rows) + 1)[:, None, None]
        root = _spectral(running, lambda value: np.exp(-value / 2))
        whitened[rows] = root @ matrices[rows] @ root
    space = TangentSpace(metric="logeuclid").fit(whitened[fit_on])
    vectors: Floats = space.transform(whitened)
    return vectors


def _spectral(matrices: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Apply a function to the eigenvalues of symmetric matrices."""
    values, vectors = np.linalg.eigh(matrices)
    result: Floats = (vectors * function(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return result
