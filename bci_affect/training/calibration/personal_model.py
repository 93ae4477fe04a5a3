"""Fit of the personal model to rated clips, with its evaluation."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bci_affect.affect import DIMENSIONS, Array, DimensionModel, PersonalModel
from bci_affect.errors import BciAffectError
from bci_affect.training.calibration.clips import ClipTable, LabelledClips, select_labelled
from bci_affect.training.calibration.evaluation import (
    N_PERMUTATIONS,
    N_RANDOM_EMBEDDINGS,
    Evaluation,
    evaluate,
    permutation_test,
)
from bci_affect.training.calibration.ladder import fit_head
from bci_affect.training.calibration.permutation import holm, holm_levels
from bci_affect.training.calibration.probability_calibration import (
    conformal_quantile,
    fit_fusion,
    fit_gain,
)
from bci_affect.training.calibration.verdict import Verdict, make_verdict

RANGE_COMPONENTS = 4


@dataclass(frozen=True)
class Calibration:
    """Result of a calibration.

    Attributes
    ----------
    personal : PersonalModel
        Personal model for live sessions.
    evaluations : dict of str to Evaluation
        Evaluations by dimension, without the refused ones.
    verdicts : dict of str to Verdict
        Verdicts by dimension.
    refused : dict of str to str
        Dimensions that could not be calibrated, with the reason.
    """

    personal: PersonalModel
    evaluations: dict[str, Evaluation]
    verdicts: dict[str, Verdict]
    refused: dict[str, str]


def calibrate(
    table: ClipTable,
    *,
    model: str = "",
    seed: int = 0,
    n_permutations: int = N_PERMUTATIONS,
    n_random: int = N_RANDOM_EMBEDDINGS,
    created: float | None = None,
) -> Calibration:
    """Fit the ladder to a person's clips and evaluate it.

    Parameters
    ----------
    table : ClipTable
        Rated clips.
    model : str
        Identity of the encoder.
    seed : int
        Seed of permutations and bootstrap.
    n_permutations, n_random : int
        See `evaluate`.
    created : float, optional
        Unix time of the calibration; by default now.

    Raises
    ------
    BciAffectError
        If neither dimension can be calibrated. If one can, the other uses the population head and
        the reason is in `refused`.
    """
    models: dict[str, DimensionModel] = {}
    evaluations: dict[str, Evaluation] = {}
    refused: dict[str, str] = {}
    sets: dict[str, LabelledClips] = {}
    for dimension in DIMENSIONS:
        try:
            sets[dimension] = select_labelled(table, dimension)
        except BciAffectError as error:
            refused[dimension] = str(error)
    if not sets:
        raise BciAffectError(next(iter(refused.values())))
    tests = {
        dimension: permutation_test(clips, seed=seed + i, n_permutations=n_permutations)
        for i, (dimension, clips) in enumerate(sets.items())
    }
    p = {dimension: test.against_chance.above for dimension, test in tests.items()}
    adjusted, levels = holm(p), holm_levels(p)
    for i, (dimension, clips) in enumerate(sets.items()):
        evaluations[dimension] = evaluate(
            clips,
            seed=seed + i,
            n_random=n_random,
            test=tests[dimension],
            alpha=levels[dimension],
        )
    quality = float(np.mean(table.quality))
    verdicts = {name: make_verdict(e, adjusted[name], quality) for name, e in evaluations.items()}
    for dimension, clips in sets.items():
        models[dimension] = _dimension(
            table, clips, evaluations[dimension], verdicts[dimension].above_chance
        )
    neutral = PersonalModel.population(table.embedding.shape[1])
    centre, directions, reach = embedding_range(table)
    personal = PersonalModel(
        valence=models.get("valence", neutral.valence),
        arousal=models.get("arousal", neutral.arousal),
        centre=centre,
        directions=directions,
        reach=reach,
        created=time.time() if created is None else created,
        n_clips=len(table),
        model=model,
    )
    return Calibration(personal, evaluations, verdicts, refused)


def _dimension(
    table: ClipTable, clips: LabelledClips, evaluation: Evaluation, informative: bool
) -> DimensionModel:
    """Fit the final head on all clips, and its calibration on held-out predictions."""
    head, _ = fit_head(clips.embedding, clips.eeg_logit, clips.high, clips.group)
    fusion = fit_fusion(evaluation.eeg_logit, clips.music_logit, clips.high)
    return DimensionModel(
        gain=head.gain,
        bias=head.bias,
        weights=head.weights,
        live_gain=_live_gain(table, clips),
        conformal=conformal_quantile(evaluation.eeg_logit, clips.high),
        eeg_weight=fusion.eeg,
        music_weight=fusion.music,
        fused_bias=fusion.bias,
        rung=head.rung,
        informative=informative,
    )


def _live_gain(table: ClipTable, clips: LabelledClips) -> float:
    """Fit the gain (inverse temperature) of live windows on windows of held-out clips."""
    column = DIMENSIONS.index(clips.dimension)
    logits, labels, weights = [], [], []
    for value in np.unique(clips.group):
        test = np.flatnonzero(clips.group == value)
        train = np.flatnonzero(clips.group != value)
        head, _ = fit_head(
            clips.embedding[train], clips.eeg_logit[train], clips.high[train], clips.group[train]
        )
        for i in test:
            embedding, logit = clips.embedding[[i]], clips.eeg_logit[[i]]
            if table.windows:
                window_embedding, window_logit = table.windows[clips.rows[i]]
                embedding, logit = window_embedding, window_logit[:, column]
            logits.append(head.logit(embedding, logit))
            labels.append(np.full(len(logit), clips.high[i]))
            weights.append(np.full(len(logit), 1.0 / len(logit)))
    return fit_gain(np.concatenate(logits), np.concatenate(labels), np.concatenate(weights))


def embedding_range(table: ClipTable) -> tuple[Array, Array, float]:
    """Return the range of the embeddings: centre, unit-variance directions, 95 % distance."""
    points = (
        np.concatenate([embedding for embedding, _ in table.windows])
        if table.windows
        else table.embedding
    )
    centre = points.mean(axis=0)
    _, singular, rows = np.linalg.svd(points - centre, full_matrices=False)
    spread = singular / np.sqrt(len(points))
    keep = min(RANGE_COMPONENTS, int(np.sum(spread > 1e-6 * max(float(spread[0]), 1e-12))))
    directions = rows[:keep].T / spread[:keep]
    distance = np.sqrt(np.mean(((points - centre) @ directions) ** 2, axis=1))
    return centre, directions, float(np.quantile(distance, 0.95))
