"""Personal head: MAP logistic regression around the population head, with few weights.

The personal log-odds of a clip are ``z + b + g z/s + sum_j u_j t_j``: the population head's ``z``
plus a deviation whose weights (an intercept ``b``, a change of gain ``g``, and ``u`` on the first
principal components ``t`` of the person's own embeddings) all have a normal prior around zero. A
strong prior gives the population head, intercept included. The number of components and the
strength of the prior are chosen by leave-one-clip-out within the training clips, rung by rung:
population, then the offset alone, then offset and gain, then two components, then four. The offset
is the shrunk mean residual of the clips: people whose EEG is ordered rightly often lack only this
number. A rung is accepted only if its error on the left-out clips is lower than that of the rung
below by more than `MARGIN_SE` standard errors.

The inner leave-one-clip-out uses the first Newton step of the fit with Boehning's bound of the
logistic curvature (1/4): the step is linear in the labels and its leave-one-out predictions have a
closed form, so the complete choice can be repeated for thousands of label permutations by matrix
products. The final head is the converged maximum a posteriori.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bci_affect.affect import MAX_LOGIT, Array

Index = NDArray[np.int64]

MAX_COMPONENTS = 4
OFFSET_ONLY = -1
COMPONENTS = (OFFSET_ONLY, 0, 2, 4)
"""Components of each rung besides offset and gain; `OFFSET_ONLY` is the offset without the gain."""
PRECISIONS = (2.0, 8.0, 32.0)
"""Prior precision (1 / variance) of every weight, for features of unit variance."""
MARGIN_SE = 0.5
_EXCLUDED = 1e9
_CURVATURE = 0.25
_NEWTON_STEPS = 25

CANDIDATES = tuple((k, precision) for k in COMPONENTS for precision in PRECISIONS)
"""(components, precision) of each candidate; index -1 is the population head."""


@dataclass(frozen=True)
class Basis:
    """Map from embeddings and population log-odds to the features of the personal head.

    Attributes
    ----------
    centre : ndarray, shape (d,)
        Mean embedding.
    directions : ndarray, shape (d, k)
        Principal components, scaled to unit variance.
    spread : float
        Standard deviation of the population log-odds.
    """

    centre: Array
    directions: Array
    spread: float

    def features(self, embedding: Array, logit: Array) -> Array:
        """Return features (n, 2 + MAX_COMPONENTS): one, scaled log-odds, components."""
        n = len(embedding)
        out = np.zeros((n, 2 + MAX_COMPONENTS))
        out[:, 0] = 1.0
        out[:, 1] = np.clip(logit, -MAX_LOGIT, MAX_LOGIT) / self.spread
        out[:, 2 : 2 + self.directions.shape[1]] = (embedding - self.centre) @ self.directions
        return out


def fit_basis(embedding: Array, logit: Array) -> Basis:
    """Fit the principal components of training clips, without labels."""
    centre = embedding.mean(axis=0)
    _, singular, rows = np.linalg.svd(embedding - centre, full_matrices=False)
    spread = singular / np.sqrt(len(embedding))
    keep = min(MAX_COMPONENTS, int(np.sum(spread > 1e-6 * max(float(spread[0]), 1e-12))))
    directions = rows[:keep].T / spread[:keep]
    logit_spread = float(np.clip(logit, -MAX_LOGIT, MAX_LOGIT).std())
    return Basis(centre, directions, logit_spread if logit_spread > 1e-6 else 1.0)


@dataclass(frozen=True)
class Head:
    """Personal head as a linear function: ``gain * z + bias + weights @ embedding``.

    ``components`` (one of `COMPONENTS`) and ``precision`` identify the rung; None and infinity for
    the population head.
    """

    gain: float
    bias: float
    weights: Array
    components: int | None
    precision: float

    @property
    def rung(self) -> str:
        """Name of the rung in words."""
        if self.components is None:
            return "population head"
        if self.components == OFFSET_ONLY:
            return "personal offset"
        if self.components == 0:
            return "personal offset and gain"
        return f"personal head ({self.components} components)"

    def logit(self, embedding: Array, logit: Array) -> Array:
        """Return personal log-odds from embeddings (n, d) and population log-odds (n,)."""
        clipped = np.clip(logit, -MAX_LOGIT, MAX_LOGIT)
        return np.asarray(self.gain * clipped + self.bias + embedding @ self.weights)


def squared_error(logit: Array, high: Array) -> Array:
    """Return the squared error of each probability (broadcast).

    Unlike the log-loss it is bounded, so one confident error among a dozen clips does not decide.
    """
    return np.asarray((expit(logit) - high) ** 2)


def map_logistic(
    features: Array, offset: Array, high: Array, precision: Array, weight: Array | None = None
) -> Array:
    """Return the maximum a posteriori weights of many logistic regressions on the same features.

    Parameters
    ----------
    features : ndarray, shape (n, q)
        Features of each row.
    offset : ndarray, shape (n,)
        Log-odds at zero weights.
    high : ndarray, shape (n_fits, n)
        Labels, 0 or 1.
    precision : ndarray, shape (n_fits, q)
        Prior precision of each weight around zero.
    weight : ndarray, shape (n_fits, n), optional
        Weight of each row in each fit; by default 1.

    Returns
    -------
    ndarray, shape (n_fits, q)
    """
    n_fits, q = precision.shape
    weights = np.zeros((n_fits, q))
    outer = (features[:, :, None] * features[:, None, :]).reshape(len(features), q * q)
    diagonal = np.arange(q)
    for _ in range(_NEWTON_STEPS):
        p = expit(offset + weights @ features.T)  # (n_fits, n)
        residual = high - p if weight is None else weight * (high - p)
        gradient = residual @ features - precision * weights
        # A lower bound on the curvature limits the Newton step if the data are nearly separable.
        curvature = np.maximum(p * (1.0 - p), 0.05)
        if weight is not None:
            curvature = curvature * weight
        hessian = (curvature @ outer).reshape(n_fits, q, q)
        hessian[:, diagonal, diagonal] += precision
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def balance(high: Array) -> Array:
    """Return class-balancing weights with mean 1, of the shape of `high` (..., n).

    Without them, the class of a left-out clip is always rarer among the other clips, which puts
    held-out scores below chance.
    """
    share = high.mean(axis=-1, keepdims=True)
    return np.asarray(np.where(high > 0.5, 0.5 / share, 0.5 / (1 - share)))


def _precisions(candidate: Index) -> Array:
    """Return the prior precision of each weight, (n, q), by candidate; -1 excludes all weights."""
    table = np.full((len(CANDIDATES) + 1, 2 + MAX_COMPONENTS), _EXCLUDED)
    for i, (k, precision) in enumerate(CANDIDATES):
        table[i, : 2 + k] = precision
    return table[candidate]


def _leave_one_out(features: Array, group: Index) -> Array:
    """Return the linear maps from residuals, (n,), to left-out deviations, (C, n, n).

    For ridge weights ``(F'F/4 + L)^-1 F' r`` and ``K = F (F'F/4 + L)^-1 F'``, leaving group G out
    gives ``(I - K_GG/4)^-1 (K_G r - K_GG r_G)``.
    """
    same = group[:, None] == group[None, :]
    all_distinct = bool(same.sum() == len(group))
    precision = _precisions(np.arange(len(CANDIDATES)))  # (C, q)
    curvature = np.tile(_CURVATURE * features.T @ features, (len(CANDIDATES), 1, 1))
    diagonal = np.arange(features.shape[1])
    curvature[:, diagonal, diagonal] += precision
    smoother = features @ np.linalg.solve(
        curvature, np.broadcast_to(features.T, (len(CANDIDATES), *features.T.shape))
    )  # (C, n, n)
    within = np.where(same, smoother, 0.0)
    if all_distinct:
        own = np.diagonal(within, axis1=1, axis2=2)[:, :, None]
        return np.asarray((smoother - within) / (1.0 - _CURVATURE * own))
    return np.linalg.solve(np.eye(len(group)) - _CURVATURE * within, smoother - within)


@dataclass(frozen=True)
class Selection:
    """Candidates chosen by leave-one-clip-out for each labelling.

    Attributes
    ----------
    candidate : ndarray of int, shape (n_labellings,)
        Index of the chosen candidate.
    left_out : ndarray, shape (n_labellings, n_clips)
        Its left-out log-odds.
    """

    candidate: Index
    left_out: Array


def select(features: Array, offset: Array, high: Array, group: Index) -> Selection:
    """Choose the rung for each labelling by leave-one-clip-out.

    Parameters
    ----------
    features : ndarray, shape (n, q)
        Features of each clip.
    offset : ndarray, shape (n,)
        Clipped population log-odds.
    high : ndarray, shape (n_labellings, n)
        Labels, 0 or 1.
    group : ndarray of int, shape (n,)
        Stimulus; clips of one stimulus are left out together.
    """
    residual = high - expit(offset)  # (P, n)
    maps = _leave_one_out(features, group)
    logits = offset + residual @ maps.transpose(0, 2, 1)  # (C, P, n)
    loss = squared_error(logits, high)  # (C, P, n)
    best = np.full(len(high), -1)
    best_logit = np.broadcast_to(offset, high.shape).copy()
    best_loss = squared_error(best_logit, high)
    n = len(offset)
    all_rows = np.arange(len(high))
    for k in COMPONENTS:
        members = np.array([i for i, (c, _) in enumerate(CANDIDATES) if c == k])
        challenger = members[loss[members].mean(axis=2).argmin(axis=0)]  # (P,)
        gain = best_loss - loss[challenger, all_rows]  # (P, n)
        wins = gain.mean(axis=1) > MARGIN_SE * gain.std(axis=1, ddof=1) / np.sqrt(n) + 1e-12
        best = np.where(wins, challenger, best)
        best_loss[wins] = loss[challenger[wins], all_rows[wins]]
        best_logit[wins] = logits[challenger[wins], all_rows[wins]]
    return Selection(best, best_logit)


def fit_heads(
    embedding: Array, logit: Array, high: Array, group: Index
) -> tuple[Basis, Array, Selection]:
    """Choose and fit the head for each labelling of the same clips.

    Returns
    -------
    basis : Basis
    weights : ndarray, shape (n_labellings, q)
        Deviation from the population head in terms of the features of the basis.
    selection : Selection
    """
    basis = fit_basis(embedding, logit)
    features = basis.features(embedding, logit)
    offset = np.clip(logit, -MAX_LOGIT, MAX_LOGIT)
    selection = select(features, offset, high, group)
    weights = np.zeros((len(high), features.shape[1]))
    active = selection.candidate >= 0
    if active.any():
        precision = _precisions(selection.candidate[active])
        weights[active] = map_logistic(
            features, offset, high[active], precision, balance(high[active])
        )
    return basis, weights, selection


def fit_head(embedding: Array, logit: Array, high: Array, group: Index) -> tuple[Head, Selection]:
    """Fit one personal head on all given clips; see `fit_heads`."""
    basis, weights, selection = fit_heads(embedding, logit, high[None], group)
    chosen = int(selection.candidate[0])
    w = weights[0]
    keep = basis.directions.shape[1]
    direction = basis.directions @ w[2 : 2 + keep]
    if chosen < 0:
        return Head(1.0, 0.0, np.zeros(embedding.shape[1]), None, float("inf")), selection
    k, precision = CANDIDATES[chosen]
    head = Head(
        gain=float(1.0 + w[1] / basis.spread),
        bias=float(w[0] - basis.centre @ direction),
        weights=direction,
        components=k,
        precision=precision,
    )
    return head, selection
