"""The top rung: gentle fine-tuning of the encoder on all own sessions, with roll-back.

From `MIN_CLIPS` rated clips over `MIN_SESSIONS` sessions on. The encoder alone is trained, a few
small steps with a pull back to where it started (L2-SP; Li, Grandvalet and Davoine 2018,
arXiv:1802.01483), session after session, each with all clips so far. A session's steps are taken
back if they did not lower the error on clips that were set aside. Music's way into the common space
and the heads stay as they are, so retrieval is unchanged.

Whether the tuned encoder is used at all is decided by clips that it has not seen: read by the heads
as they are (a personal head on it would be fitted to clips that it was tuned to), it must beat the
frozen one with the personal head by more than `TUNING_MARGIN_SE` standard errors of the squared
error. The verdict against chance stays that of the frozen encoder, whose permutation test re-runs
everything; tuning cannot be re-run a thousand times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_affect.affect import DIMENSIONS, Array
from bci_affect.model import AffectModel, Predictor
from bci_affect.training.calibration.clips import MIDPOINT, ClipTable, ClipWindows
from bci_affect.training.calibration.combining import fit_gain
from bci_affect.training.calibration.ladder import Index, fit_head, squared_error

MIN_CLIPS = 40
MIN_SESSIONS = 3
FOLDS = 5
TUNING_MARGIN_SE = 1.0
"""By so many standard errors the tuned encoder must win; twice what lower rungs must."""
_EPOCHS = 8
_RATE = 5e-4
_PULL = 1e-2
_BATCH = 8  # clips
_MAX_WINDOWS = 16  # of a clip; they overlap
_ASIDE = 5  # every so many clips of each session one decides about roll-back

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned encoder and what decided about it.

    Attributes
    ----------
    weights : dict of str to ndarray
        The encoder's parameters, by their names in the model.
    kept : tuple of bool
        For each session in order, whether its steps were kept or taken back.
    """

    weights: Weights
    kept: tuple[bool, ...]


@dataclass(frozen=True)
class TuningTrial:
    """Frozen against tuned, on clips that neither had seen.

    Attributes
    ----------
    frozen, tuned : ndarray, shape (n_clips, 2)
        Held-out log-odds, of the personal head on the frozen encoder and of the population's on the
        tuned one, before any temperature; NaN where a clip has no side.
    frozen_error, tuned_error : float
        Mean squared error of the probability.
    better : bool
        Whether the tuned encoder is to be used.
    """

    frozen: Array = field(repr=False)
    tuned: Array = field(repr=False)
    frozen_error: float
    tuned_error: float
    better: bool


def enough(table: ClipTable) -> bool:
    """Whether there are clips and sessions enough to try."""
    return len(table) >= MIN_CLIPS and len(np.unique(table.session)) >= MIN_SESSIONS


def fine_tune(
    predictor: Predictor, clips: Sequence[ClipWindows], table: ClipTable, rows: Index, seed: int
) -> Tuned:
    """Train the encoder on some clips, session after session.

    Parameters
    ----------
    predictor : Predictor
        Where it starts.
    clips : sequence of ClipWindows
        Of all rows of the table.
    table : ClipTable
    rows : ndarray of int
        Which clips may be used.
    seed : int
        Of the order of clips.
    """
    model = predictor.copy_model()
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)  # for what a model draws itself; dropout is off
    start = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
    high = _labels(table)
    aside = np.concatenate([rows[table.session[rows] == s][::_ASIDE] for s in _order(table, rows)])
    kept: list[bool] = []
    for number, _ in enumerate(sessions := _order(table, rows)):
        known = rows[np.isin(table.session[rows], sessions[: number + 1])]
        train, judge = np.setdiff1d(known, aside), np.intersect1d(known, aside)
        before = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
        error = _error(model, clips, high, judge)
        _train(model, clips, high, train, start, rng)
        better = bool(len(judge)) and _error(model, clips, high, judge) < error
        if not better:
            model.encoder.load_state_dict(before, strict=False)
        kept.append(better)
    weights = {
        f"encoder.{name}": p.detach().numpy().copy() for name, p in model.encoder.named_parameters()
    }
    return Tuned(weights, tuple(kept))


def compare(
    predictor: Predictor,
    clips: Sequence[ClipWindows],
    table: ClipTable,
    seed: int,
    *,
    folds: int = FOLDS,
) -> TuningTrial:
    """Try fine-tuning fold by fold; clips of one stimulus leave together."""
    fold = _folds(table, seed, folds)
    frozen, tuned = np.full((2, len(table), 2), np.nan)
    base = _places(predictor, clips)
    for f in range(folds):
        train, test = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        if not len(test):
            continue
        found = fine_tune(predictor, clips, table, train, seed + f)
        unseen = [clips[int(row)] for row in test]
        _, tuned[test] = _places(predictor.with_weights(found.weights), unseen)
        for j in range(len(DIMENSIONS)):
            frozen[test, j] = _head(base, table, train, test, j)
    high = _labels(table)
    known = np.isfinite(high) & np.isfinite(frozen) & np.isfinite(tuned)
    frozen, tuned = np.where(known, frozen, np.nan), np.where(known, tuned, np.nan)
    loss = [squared_error(_calibrated(z, high, fold), high) for z in (frozen, tuned)]
    rows = known.any(axis=1)
    gain = np.nanmean(loss[0][rows] - loss[1][rows], axis=1)
    wins = gain.mean() > TUNING_MARGIN_SE * gain.std(ddof=1) / np.sqrt(len(gain))
    return TuningTrial(
        frozen, tuned, float(np.nanmean(loss[0])), float(np.nanmean(loss[1])), bool(wins)
    )


def _labels(table: ClipTable) -> Array:
    """High (1) or low (0), (n_clips, 2); NaN where a rating says neither."""
    ratings = table.ratings
    sided = np.isfinite(ratings) & (ratings != MIDPOINT)
    return np.where(sided, (ratings > MIDPOINT).astype(np.float64), np.nan)


def _order(table: ClipTable, rows: Index) -> list[int]:
    """Sessions of some rows, in the order of playing."""
    return list(dict.fromkeys(table.session[rows].tolist()))


def _folds(table: ClipTable, seed: int, folds: int) -> Index:
    """Give stimuli to folds so that each has about as many clips of every session."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(table), np.int64)
    groups = rng.permutation(np.unique(table.group))
    first = {int(g): int(table.session[np.flatnonzero(table.group == g)[0]]) for g in groups}
    for i, g in enumerate(sorted(groups.tolist(), key=lambda g: first[g])):
        fold[table.group == g] = i % folds
    return fold


def _batch(clip: ClipWindows) -> tuple[Tensor, Tensor, Tensor]:
    keep = np.linspace(0, len(clip.bands) - 1, min(_MAX_WINDOWS, len(clip.bands))).astype(int)
    return (
        torch.from_numpy(np.ascontiguousarray(clip.bands[keep])),
        torch.from_numpy(np.ascontiguousarray(clip.mask[keep])),
        torch.from_numpy(np.asarray(clip.positions, np.float32))[None],
    )


def _loss(
    model: AffectModel, clips: Sequence[ClipWindows], high: Array, rows: Index, weight: Array
) -> Tensor:
    """Mean over clips of the windows' log-loss; sides weigh alike, a clip is one unit."""
    by_size: dict[int, list[int]] = {}  # clips of one number of electrodes go through together
    for row in rows.tolist():
        by_size.setdefault(clips[row].mask.shape[1], []).append(row)
    total = torch.zeros(())
    for members in by_size.values():
        parts = [_batch(clips[row]) for row in members]
        n = [len(bands) for bands, _, _ in parts]
        logits = model(
            torch.cat([bands for bands, _, _ in parts]),
            torch.cat([mask for _, mask, _ in parts]),
            torch.cat(
                [place.expand(many, -1, -1) for (_, _, place), many in zip(parts, n, strict=True)]
            ),
        ).logits  # (windows, 2)
        known = np.isfinite(high[members])
        share = weight[members] / (known.sum(axis=1) * np.array(n))[:, None]
        of_window = np.repeat(np.where(known, share, 0.0), n, axis=0)
        target = np.repeat(np.where(known, high[members], 0.0), n, axis=0)
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.from_numpy(target).float(), reduction="none"
        )
        total = total + (each * torch.from_numpy(of_window).float()).sum()
    return total / len(rows)


def _weights_of_sides(high: Array, rows: Index) -> Array:
    """Weight of each clip and dimension, so that high and low clips weigh alike."""
    share = np.clip(np.nanmean(high[rows], axis=0), 0.1, 0.9)
    return np.asarray(np.where(high > 0.5, 0.5 / share, 0.5 / (1 - share)))


def _usable(high: Array, rows: Index) -> Index:
    return rows[np.isfinite(high[rows]).any(axis=1)]


def _train(
    model: AffectModel,
    clips: Sequence[ClipWindows],
    high: Array,
    rows: Index,
    start: dict[str, Tensor],
    rng: np.random.Generator,
) -> None:
    """Take the steps of one session."""
    rows = _usable(high, rows)
    if not len(rows):
        return
    weight = _weights_of_sides(high, rows)
    optimiser = torch.optim.Adam(model.encoder.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        for part in np.array_split(rng.permutation(rows), max(1, len(rows) // _BATCH)):
            optimiser.zero_grad()
            loss = _loss(model, clips, high, part, weight)
            for name, p in model.encoder.named_parameters():
                loss = loss + _PULL * (p - start[name]).square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.encoder.parameters(), 1.0)
            optimiser.step()


@torch.no_grad()
def _error(model: AffectModel, clips: Sequence[ClipWindows], high: Array, rows: Index) -> float:
    rows = _usable(high, rows)
    if not len(rows):
        return float("inf")
    return float(_loss(model, clips, high, rows, _weights_of_sides(high, rows)))


def _places(predictor: Predictor, clips: Sequence[ClipWindows]) -> tuple[Array, Array]:
    """Mean embedding (n_clips, d) and log-odds (n_clips, 2) of each clip."""
    embedding, logit = [], []
    for clip in clips:
        out = predictor.predict_many(clip.bands, clip.mask, clip.positions)
        embedding.append(out.embedding.mean(axis=0))
        logit.append(out.logits.mean(axis=0))
    return np.array(embedding, np.float64), np.array(logit, np.float64)


def _calibrated(logit: Array, high: Array, fold: Index) -> Array:
    """Held-out log-odds with the temperature that the other folds' have; NaN stays."""
    out = np.full(logit.shape, np.nan)
    for j in range(logit.shape[1]):
        known = np.isfinite(logit[:, j])
        for f in np.unique(fold):
            others = known & (fold != f)
            if others.any():
                gain = fit_gain(logit[others, j], high[others, j])
                out[fold == f, j] = gain * logit[fold == f, j]
    return out


def _head(
    places: tuple[Array, Array], table: ClipTable, train: Index, test: Index, j: int
) -> Array:
    """Held-out log-odds of the personal head on one encoder's places; NaN if it has one side."""
    embedding, logit = places
    high = _labels(table)[:, j]
    rows = train[np.isfinite(high[train])]
    if not 0 < high[rows].sum() < len(rows):
        return np.full(len(test), np.nan)
    head, _ = fit_head(embedding[rows], logit[rows, j], high[rows], table.group[rows])
    return head.logit(embedding[test], logit[test, j])
