"""What any model must be measured against, fitted on the same splits.

Each baseline gives a probability for every window of the test part and nothing else, like a model.
All of them see the same causally normalised features.

``majority``
    The training share of high, for everybody.
``music``
    Logistic regression on the tagger's rows of what was heard, averaged over the trial: what can be
    said without any EEG.
``linear``
    Logistic regression on band power averaged over the trial (all electrodes and bands). Strong for
    its simplicity: on simulated people it beats most networks.
``permuted``
    ``linear`` fitted on labels that were exchanged among each person's training trials: what the
    whole procedure finds where there is nothing.
``riemann``
    Logistic regression on the tangent space of the electrodes' covariance over the trial, each
    person's covariances whitened by the log-Euclidean mean of that person's trials up to then.
    Where pyriemann is installed (extra ``[riemann]``) and all people wear one montage.
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

_STRENGTHS = np.logspace(-4, 0, 5)  # inverse regularisation, chosen on the validation part


def baseline_names(corpus: Corpus) -> tuple[str, ...]:
    """Return the baselines that this machine and these data allow."""
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
        Where covariances stand.
    features : FeatureSet
        The corpus' features, perhaps with labels hidden.
    split : Split
        Validation chooses the strength of regularisation.
    """
    rows = np.concatenate([split.train, split.validation, split.test])
    part = np.repeat([0, 1, 2], [len(split.train), len(split.validation), len(split.test)])
    trials, labels = per_trial(features.labels[rows], features.trial[rows])
    _, where = per_trial(part, features.trial[rows])
    _, subject = per_trial(features.subject[rows], features.trial[rows])
    if name == "permuted":
        labels = _exchange(labels, subject)
    if name == "majority":
        inputs = np.zeros((len(trials), 1))
    elif name == "music":
        inputs = np.nan_to_num(per_trial(features.music[rows], features.trial[rows])[1])
    elif name == "riemann":
        inputs = _tangent(corpus.covariance, trials, subject, where < 2)
    else:
        inputs = _band_power(features, rows)
    said = np.stack(
        [_logistic(inputs, labels[:, target], where) for target in range(2)], axis=1
    )  # (n_trials, 2)
    row_of_trial = {int(trial): number for number, trial in enumerate(trials)}
    return said[[row_of_trial[int(trial)] for trial in features.trial[split.test]]]


def _band_power(features: FeatureSet, rows: NDArray[np.int64]) -> Floats:
    """Mean band power of each trial, (n_trials, n_channels * n_bands)."""
    mean = features.bands[rows].mean(axis=1) * features.mask[rows][:, :, None]
    return per_trial(mean.reshape(len(rows), -1), features.trial[rows])[1]


def _logistic(inputs: Floats, labels: Floats, where: Floats) -> Floats:
    """Fit on part 0, choose the strength on part 1, refit on both, and say all trials."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    rated = np.isfinite(labels)
    train, valid = rated & (where == 0), rated & (where == 1)
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
    said: Floats = fitted(strength, both).predict_proba(inputs)[:, 1]
    return said


def _exchange(labels: Floats, subject: Floats) -> Floats:
    """Exchange the labels of each person's trials among themselves."""
    rng = np.random.default_rng(0xE)
    shuffled = labels.copy()
    for person in np.unique(subject):
        mine = np.flatnonzero(subject == person)
        shuffled[mine] = labels[rng.permutation(mine)]
    return shuffled


def _tangent(
    covariance: NDArray[np.float32],
    trials: NDArray[np.int64],
    subject: Floats,
    fit_on: NDArray[np.bool_],
) -> Floats:
    """Tangent vectors of each trial's covariance, whitened to its person, one row a trial."""
    from pyriemann.tangentspace import TangentSpace

    matrices = covariance[trials].astype(np.float64)
    n = matrices.shape[1]
    # Rank is lost by re-referencing and by dead electrodes: shrink towards the mean power.
    power = np.trace(matrices, axis1=1, axis2=2)[:, None, None] / n
    matrices = 0.95 * matrices + 0.05 * power * np.eye(n)
    logs = _spectral(matrices, np.log)
    white = np.empty_like(matrices)
    for person in np.unique(subject):
        mine = np.flatnonzero(subject == person)  # trials are numbered in their order
        so_far = np.cumsum(logs[mine], axis=0) / np.arange(1, len(mine) + 1)[:, None, None]
        root = _spectral(so_far, lambda value: np.exp(-value / 2))
        white[mine] = root @ matrices[mine] @ root
    space = TangentSpace(metric="logeuclid").fit(white[fit_on])
    vectors: Floats = space.transform(white)
    return vectors


def _spectral(matrices: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Apply a function to the eigenvalues of symmetric matrices."""
    values, vectors = np.linalg.eigh(matrices)
    result: Floats = (vectors * function(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return result
