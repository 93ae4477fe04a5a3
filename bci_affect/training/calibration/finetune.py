"""Fine-tuning of the encoder on all sessions of a person, with roll-back.

Fine-tuning needs `MIN_CLIPS` rated clips over `MIN_SESSIONS` sessions. Only the encoder is trained,
in a few small steps with a penalty on the distance from its initial weights (L2-SP; Li, Grandvalet
and Davoine 2018, arXiv:1802.01483), session by session, each with all clips so far. The steps of a
session are rolled back if they do not lower the error on validation clips. The music projection and
the heads are not changed, so retrieval is unaffected.

The tuned encoder is used only if it performs better on held-out clips: with the population head (a
personal head would be fitted to clips used for tuning), it must outperform the frozen encoder with
the personal head by more than `TUNING_MARGIN_SE` standard errors of the squared error. The verdict
on chance remains that of the frozen encoder, whose permutation test repeats the complete procedure;
fine-tuning is too slow for that.

Models that read EEG against the person's rest are tuned on the person features as well: covariance
and power against the rest of the clip's session.
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
from bci_affect.training.calibration.ladder import Index, fit_head, squared_error
from bci_affect.training.calibration.probability_calibration import fit_gain

MIN_CLIPS = 40
MIN_SESSIONS = 3
FOLDS = 5
TUNING_MARGIN_SE = 1.0
"""Required advantage of the tuned encoder, in standard errors; twice that of the lower rungs."""
_EPOCHS = 8
_LEARNING_RATE = 5e-4
_L2_SP = 1e-2
_BATCH = 8  # clips
_MAX_WINDOWS = 16  # per clip; windows overlap
_VALIDATION_STEP = 5  # every fifth clip of a session is used for validation

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class FineTunedEncoder:
    """Fine-tuned encoder.

    Attributes
    ----------
    weights : dict of str to ndarray
        Parameters of the encoder, by their names in the model.
    kept : tuple of bool
        For each session in order, True if its steps were kept, False if they were rolled back.
    """

    weights: Weights
    kept: tuple[bool, ...]


@dataclass(frozen=True)
class EncoderComparison:
    """Comparison of the frozen and the tuned encoder on held-out clips.

    Attributes
    ----------
    frozen, tuned : ndarray, shape (n_clips, 2)
        Held-out log-odds of the personal head on the frozen encoder and of the population head on
        the tuned one, before calibration; NaN for clips without a label.
    frozen_error, tuned_error : float
        Mean squared error of the probability.
    better : bool
        True if the tuned encoder should be used.
    """

    frozen: Array = field(repr=False)
    tuned: Array = field(repr=False)
    frozen_error: float
    tuned_error: float
    better: bool


def has_enough_data(table: ClipTable) -> bool:
    """Return True if there are enough clips and sessions for fine-tuning."""
    return len(table) >= MIN_CLIPS and len(np.unique(table.session)) >= MIN_SESSIONS


def fine_tune(
    predictor: Predictor, clips: Sequence[ClipWindows], table: ClipTable, rows: Index, seed: int
) -> FineTunedEncoder:
    """Train the encoder on some clips, session by session.

    Parameters
    ----------
    predictor : Predictor
        Predictor with the initial encoder.
    clips : sequence of ClipWindows
        Windows of all clips of the table.
    table : ClipTable
        Ratings and sessions.
    rows : ndarray of int
        Indices of the clips to use.
    seed : int
        Seed of the order of clips.
    """
    model = predictor.copy_model()
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)  # for random operations inside the model; dropout is off
    start = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
    high = _labels(table)
    sessions = _session_order(table, rows)
    held_out = np.concatenate(
        [rows[table.session[rows] == s][::_VALIDATION_STEP] for s in sessions]
    )
    kept: list[bool] = []
    for number, _ in enumerate(sessions):
        known = rows[np.isin(table.session[rows], sessions[: number + 1])]
        train, valid = np.setdiff1d(known, held_out), np.intersect1d(known, held_out)
        before = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
        error = _error(model, clips, high, valid)
        _train(model, clips, high, train, start, rng)
        better = bool(len(valid)) and _error(model, clips, high, valid) < error
        if not better:
            model.encoder.load_state_dict(before, strict=False)
        kept.append(better)
    weights = {
        f"encoder.{name}": p.detach().numpy().copy() for name, p in model.encoder.named_parameters()
    }
    return FineTunedEncoder(weights, tuple(kept))


def compare_encoders(
    predictor: Predictor,
    clips: Sequence[ClipWindows],
    table: ClipTable,
    seed: int,
    *,
    folds: int = FOLDS,
) -> EncoderComparison:
    """Cross-validate fine-tuning; clips of one stimulus are held out together."""
    fold = _folds(table, seed, folds)
    frozen, tuned = np.full((2, len(table), 2), np.nan)
    base = _predict_clips(predictor, clips)
    for f in range(folds):
        train, test = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        if not len(test):
            continue
        result = fine_tune(predictor, clips, table, train, seed + f)
        unseen = [clips[int(row)] for row in test]
        _, tuned[test] = _predict_clips(predictor.with_weights(result.weights), unseen)
        for j in range(len(DIMENSIONS)):
            frozen[test, j] = _personal_head_logits(base, table, train, test, j)
    high = _labels(table)
    known = np.isfinite(high) & np.isfinite(frozen) & np.isfinite(tuned)
    frozen, tuned = np.where(known, frozen, np.nan), np.where(known, tuned, np.nan)
    loss = [squared_error(_calibrated(z, high, fold), high) for z in (frozen, tuned)]
    rows = known.any(axis=1)
    gain = np.nanmean(loss[0][rows] - loss[1][rows], axis=1)
    wins = gain.mean() > TUNING_MARGIN_SE * gain.std(ddof=1) / np.sqrt(len(gain))
    return EncoderComparison(
        frozen, tuned, float(np.nanmean(loss[0])), float(np.nanmean(loss[1])), bool(wins)
    )


def _labels(table: ClipTable) -> Array:
    """Return the labels, high (1) or low (0), (n_clips, 2); NaN at the midpoint or if missing."""
    ratings = table.ratings
    labelled = np.isfinite(ratings) & (ratings != MIDPOINT)
    return np.where(labelled, (ratings > MIDPOINT).astype(np.float64), np.nan)


def _session_order(table: ClipTable, rows: Index) -> list[int]:
    """Return the sessions of some clips in chronological order."""
    return list(dict.fromkeys(table.session[rows].tolist()))


def _folds(table: ClipTable, seed: int, folds: int) -> Index:
    """Assign stimuli to folds with about equally many clips of every session in each."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(table), np.int64)
    groups = rng.permutation(np.unique(table.group))
    first = {int(g): int(table.session[np.flatnonzero(table.group == g)[0]]) for g in groups}
    for i, g in enumerate(sorted(groups.tolist(), key=lambda g: first[g])):
        fold[table.group == g] = i % folds
    return fold


def _batch(clip: ClipWindows) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    keep = np.linspace(0, len(clip.bands) - 1, min(_MAX_WINDOWS, len(clip.bands))).astype(int)
    return (
        torch.from_numpy(np.ascontiguousarray(clip.bands[keep])),
        torch.from_numpy(np.ascontiguousarray(clip.mask[keep])),
        torch.from_numpy(np.asarray(clip.positions, np.float32))[None],
        None if clip.person is None else torch.from_numpy(clip.person[keep]),
    )


def _loss(
    model: AffectModel, clips: Sequence[ClipWindows], high: Array, rows: Index, weight: Array
) -> Tensor:
    """Return the class-balanced log-loss averaged over clips, each clip with equal weight."""
    by_size: dict[int, list[int]] = {}  # one batch per number of electrodes
    for row in rows.tolist():
        by_size.setdefault(clips[row].mask.shape[1], []).append(row)
    total = torch.zeros(())
    for members in by_size.values():
        parts = [_batch(clips[row]) for row in members]
        n = [len(bands) for bands, _, _, _ in parts]
        people = [one for _, _, _, one in parts if one is not None]
        logits = model(
            torch.cat([bands for bands, _, _, _ in parts]),
            torch.cat([mask for _, mask, _, _ in parts]),
            torch.cat(
                [xyz.expand(count, -1, -1) for (_, _, xyz, _), count in zip(parts, n, strict=True)]
            ),
            torch.cat(people) if len(people) == len(parts) else None,
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


def _class_weights(high: Array, rows: Index) -> Array:
    """Return the class-balancing weights, (n_clips, 2)."""
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
    """Train on the clips of the sessions so far."""
    rows = _usable(high, rows)
    if not len(rows):
        return
    weight = _class_weights(high, rows)
    optimiser = torch.optim.Adam(model.encoder.parameters(), lr=_LEARNING_RATE)
    for _ in range(_EPOCHS):
        for part in np.array_split(rng.permutation(rows), max(1, len(rows) // _BATCH)):
            optimiser.zero_grad()
            loss = _loss(model, clips, high, part, weight)
            for name, p in model.encoder.named_parameters():
                loss = loss + _L2_SP * (p - start[name]).square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.encoder.parameters(), 1.0)
            optimiser.step()


@torch.no_grad()
def _error(model: AffectModel, clips: Sequence[ClipWindows], high: Array, rows: Index) -> float:
    rows = _usable(high, rows)
    if not len(rows):
        return float("inf")
    return float(_loss(model, clips, high, rows, _class_weights(high, rows)))


def _predict_clips(predictor: Predictor, clips: Sequence[ClipWindows]) -> tuple[Array, Array]:
    """Return the mean embedding, (n_clips, d), and log-odds, (n_clips, 2), of each clip."""
    embedding, logit = [], []
    for clip in clips:
        out = predictor.predict_many(clip.bands, clip.mask, clip.positions, clip.person)
        embedding.append(out.embedding.mean(axis=0))
        logit.append(out.logits.mean(axis=0))
    return np.array(embedding, np.float64), np.array(logit, np.float64)


def _calibrated(logit: Array, high: Array, fold: Index) -> Array:
    """Return log-odds calibrated with the gain fitted on the other folds; NaN stays NaN."""
    out = np.full(logit.shape, np.nan)
    for j in range(logit.shape[1]):
        known = np.isfinite(logit[:, j])
        for f in np.unique(fold):
            others = known & (fold != f)
            if others.any():
                gain = fit_gain(logit[others, j], high[others, j])
                out[fold == f, j] = gain * logit[fold == f, j]
    return out


def _personal_head_logits(
    predictions: tuple[Array, Array], table: ClipTable, train: Index, test: Index, j: int
) -> Array:
    """Return held-out log-odds of the personal head; NaN if the training clips have one class."""
    embedding, logit = predictions
    high = _labels(table)[:, j]
    rows = train[np.isfinite(high[train])]
    if not 0 < high[rows].sum() < len(rows):
        return np.full(len(test), np.nan)
    head, _ = fit_head(embedding[rows], logit[rows, j], high[rows], table.group[rows])
    return head.logit(embedding[test], logit[test, j])
