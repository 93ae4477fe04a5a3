"""Nested held-out predictions: every choice is made again without the clips it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bci_affect.affect import MAX_LOGIT, Array
from bci_affect.training.calibration.ladder import Index, fit_heads


@dataclass(frozen=True)
class HeldOut:
    """Predictions for clips that the head never saw, for each labelling.

    Attributes
    ----------
    logit : ndarray, shape (n_labellings, n_clips)
        Log-odds of each clip by the head that was chosen and fitted without its fold.
    inner : ndarray, shape (n_labellings, n_folds, n_clips)
        Inner left-out log-odds of each fold's training clips by the chosen rung (NaN for the clips
        of the fold): what temperature and fusion may be fitted on.
    candidate : ndarray of int, shape (n_labellings, n_folds)
        What was chosen in each fold (-1: population head).
    """

    logit: Array
    inner: Array
    candidate: Index


def held_out(embedding: Array, logit: Array, high: Array, group: Index, fold: Index) -> HeldOut:
    """Leave each fold out in turn; choose and fit on the rest.

    Parameters
    ----------
    embedding : ndarray, shape (n_clips, d)
    logit : ndarray, shape (n_clips,)
        Population log-odds.
    high : ndarray, shape (n_labellings, n_clips)
    group : ndarray of int, shape (n_clips,)
        Clips of one stimulus leave together in the inner loop.
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
    return HeldOut(out, inner, chosen)
