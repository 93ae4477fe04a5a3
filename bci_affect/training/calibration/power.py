"""Power of the calibration's verdict, measured on simulated people.

Simulated people (see `simulation`), whose EEG carries no, little, or much information, are
calibrated by the function that calibrates real ones. Every person also has clips that calibration
never saw, on which the three estimates and the conformal decisions are scored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import beta

from bci_affect.affect import (
    DIMENSIONS,
    Array,
    DimensionModel,
    PersonalModel,
    decide,
    fuse,
    personal_logits,
)
from bci_affect.training.calibration.clips import ClipTable
from bci_affect.training.calibration.metrics import balanced_accuracy
from bci_affect.training.calibration.personal_model import Calibration, calibrate
from bci_affect.training.calibration.simulation import SimulatedListener, simulate_clips

N_TEST = 200
N_PERMUTATIONS = 199


def measure_power(
    listener: SimulatedListener,
    n_clips: int,
    people: Iterable[int],
    *,
    n_permutations: int = N_PERMUTATIONS,
) -> dict[str, Any]:
    """Calibrate many simulated people of one kind.

    Returns
    -------
    dict
        ``rejected``: share of dimensions with p < .05, with its 95 % Clopper-Pearson interval over
        people's first dimension; ``claimed``: share of people with a verdict above chance in any
        dimension (Holm over both dimensions); balanced accuracies on unseen clips of the
        population head, the personal EEG, the music, and both; the loss of fusing against the
        better single estimate; the EEG's weight; conformal coverage and share of decisions;
        ``interval_coverage``: share of intervals of the personal EEG that contain its accuracy on
        unseen clips, and ``interval_above`` of those that lie above it.
    """
    rows = [_simulate_one(listener, n_clips, seed, n_permutations) for seed in people]
    n = len(rows)
    first = np.array([row["p"][0] < 0.05 for row in rows])
    claimed = np.array([row["claimed"] for row in rows])
    test = np.array([row["test"] for row in rows])  # (people, 4)
    weight = np.array([row["weight"] for row in rows])
    better = np.maximum(test[:, 1], test[:, 2])
    return {
        "people": n,
        "rejected": float(np.mean([p < 0.05 for row in rows for p in row["p"]])),
        "rejected_valence": float(first.mean()),
        "rejected_valence_interval": clopper_pearson(int(first.sum()), n),
        "claimed": float(claimed.mean()),
        "claimed_interval": clopper_pearson(int(claimed.sum()), n),
        "held_out_accuracy": float(np.mean([row["accuracy"] for row in rows])),
        "unseen": {
            name: float(value)
            for name, value in zip(
                ("population", "personal", "music", "fused"), test.mean(axis=0), strict=True
            )
        },
        "fused_minus_better_source": float(
            test[:, 3].mean() - max(test[:, 1].mean(), test[:, 2].mean())
        ),
        "fused_minus_better_of_each_person": float(np.mean(test[:, 3] - better)),
        "eeg_weight_median": float(np.median(weight)),
        "eeg_weight_mean": float(weight.mean()),
        "conformal_coverage": float(np.mean([row["coverage"] for row in rows])),
        "decided": float(np.mean([row["decided"] for row in rows])),
        "interval_coverage": float(np.mean([row["interval"] == 0 for row in rows])),
        "interval_above": float(np.mean([row["interval"] > 0 for row in rows])),
    }


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a proportion."""
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return low, high


def _simulate_one(
    listener: SimulatedListener, n_clips: int, seed: int, n_permutations: int
) -> dict[str, Any]:
    """Calibrate one person and test the result on unseen clips."""
    both = simulate_clips(listener, n_clips, seed=seed, n_test=N_TEST)
    own = _select_rows(both, slice(0, n_clips))
    unseen = _select_rows(both, slice(n_clips, None))
    found = calibrate(own, seed=seed, n_permutations=n_permutations, n_random=0, created=0.0)
    test, coverage, decided, personal = _evaluate_unseen(found, unseen)
    limits = np.array([found.evaluations[name].eeg.interval for name in DIMENSIONS])  # (2, 2)
    return {
        "p": [found.evaluations[name].p for name in DIMENSIONS],
        "claimed": any(v.above_chance for v in found.verdicts.values()),
        "accuracy": np.mean([e.eeg.balanced_accuracy for e in found.evaluations.values()]),
        "test": test,
        "weight": [model.eeg_weight for model in found.personal.dimensions],
        "coverage": coverage,
        "decided": decided,
        "interval": (personal < limits[:, 0]).astype(int) - (personal > limits[:, 1]),
    }


def _select_rows(table: ClipTable, rows: slice) -> ClipTable:
    return dataclasses.replace(
        table,
        **{
            field.name: getattr(table, field.name)[rows]
            for field in dataclasses.fields(table)
            if field.name != "windows"
        },
    )


def _evaluate_unseen(
    found: Calibration, unseen: ClipTable
) -> tuple[list[float], float, float, Array]:
    """Return the results on unseen clips.

    These are the mean accuracies of population, personal, music and fused estimates, the conformal
    coverage, the share of decisions, and the accuracy of the personal EEG in each dimension.
    """
    personal: PersonalModel = found.personal
    high = (unseen.ratings > 5).astype(np.float64)
    eeg = np.empty_like(high)
    fused = np.empty_like(high)
    for i in range(len(unseen)):
        eeg[i] = personal_logits(personal, unseen.eeg_logit[i], unseen.embedding[i])
        fused[i], _ = fuse(personal, eeg[i], unseen.music_logit[i])
    sources = (unseen.eeg_logit, eeg, unseen.music_logit, fused)
    each = np.array(
        [[float(balanced_accuracy(z[:, j], high[:, j])) for j in range(2)] for z in sources]
    )  # (4, 2)
    covered, decided = [], []
    for j, model in enumerate(personal.dimensions):
        c, d = _conformal(model, expit(eeg[:, j]), high[:, j])
        covered.append(c)
        decided.append(d)
    accuracy = [float(value) for value in each.mean(axis=1)]
    return accuracy, float(np.mean(covered)), float(np.mean(decided)), each[1]


def _conformal(model: DimensionModel, prob: Array, high: Array) -> tuple[float, float]:
    true_side = np.where(high > 0.5, prob, 1 - prob)
    decisions = [decide(float(p), model.conformal) for p in prob]
    return float(np.mean(1 - true_side <= model.conformal)), float(
        np.mean([d != "unsure" for d in decisions])
    )
