"""Nested cross-validation: every choice is repeated without the clips it is evaluated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bci_affect.affect import MAX_LOGIT, Array
from bci_affect.training.calibration.ladder import Index, fit_heads


@dataclass(frozen=True)
class NestedPredictions:
    """Held-out predictions for each labelling.

    Attributes
    ----------
    logit : ndarray, shape (n_labellings, n_clips)
        Log-odds of each clip by the head chosen and fitted without its fold.
    inner : ndarray, shape (n_labellings, n_folds, n_clips)
        Inner held-out log-odds of each fold's training clips by the chosen rung (NaN for the clips
        of the fold), for the fit of temperature and fusion.
    candidate : ndarray of int, shape (n_labellings, n_folds)
        Index of the candidate chosen in each fold (-1: population head).
    """

    logit: Array
    inner: Array
    candidate: Index


def nested_predictions(
    embedding: Array, logit: Array, high: Array, group: Index, fold: Index
) -> NestedPredictions:
    """Predict the clips of each fold with a head chosen and fitted on the other folds.

    Parameters
    ----------
    embedding : ndarray, shape (n_clips, d)
        Embedding of each clip.
    logit : ndarray, shape (n_clips,)
        Population log-odds.
    high : ndarray, shape (n_labellings, n_clips)
        Labels, 0 or 1.
    group : ndarray of int, shape (n_clips,)
        Stimulus; clips of one stimulus are held out together in the inner loop.
    fold : ndarray of int, shape (n_clips,)
        Outer folds: the groups themselves, or sessions.
    """
    n_labellings, n_clips = high.shape
    folds = np.unique(fold)
    out = np.empty((n_labellings, n_clips))
    inner = np.full((n_labellings, len(folds), n_clips), np.nan)
    chosen = np.empty((n_labellings, len(folds)), dtype=np.int64)
    offset = np.clip(logit, -MAX_LOGIT, MAX_LOGIT)
    for f, value in enumerate(folds):
        test = np.flatnonzero(fold == value)
        train = np.flatnonzero(fold != value)
        basis, weights, selection = fit_heads(
            embedding[train], logit[train], high[:, train], group[train]
        )
        features = basis.features(embedding[test], logit[test])
        out[:, test] = offset[test] + weights @ features.T
        inner[:, f, train] = selection.left_out
        chosen[:, f] = selection.candidate
    return NestedPredictions(out, inner, chosen)
