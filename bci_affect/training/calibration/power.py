"""Power and false positives of the verdict, measured on simulated people.

    python -m bci_affect.training.calibration.power --people 200 --out docs

calibrates simulated people (see `simulation`) whose EEG tells nothing, little, or much, with 12 and
with 24 clips, by the very function that calibrates real ones, and writes ``calibration_power.json``
and ``img/calibration_power.png``. Every person also has clips that calibration never saw, on which
the three estimates and the conformal decisions are judged.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from bci_affect.affect import (
    DIMENSIONS,
    Array,
    DimensionModel,
    PersonalModel,
    decide,
    fuse,
    personal_logits,
    sigmoid,
)
from bci_affect.training.calibration.clips import ClipTable, labelled
from bci_affect.training.calibration.evaluation import permutation_test
from bci_affect.training.calibration.metrics import balanced_accuracy
from bci_affect.training.calibration.personal import Calibration, calibrate
from bci_affect.training.calibration.simulation import EFFECTS, SimulatedListener, simulate

N_CLIPS = (12, 24)
CURVE = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Oracle accuracies of the power curve: `EFFECTS` and what lies between."""
N_TEST = 200
N_PERMUTATIONS = 199
NULL_FACTOR = 5
"""So many times more people are drawn for the false positives alone."""


def measure(
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
        people's first dimension; ``claimed``: share of people of whom anything is said to be above
        chance (Holm over both dimensions); balanced accuracies on unseen clips of the
        population head, the personal EEG, the music, and both; the loss of fusing against the
        better single estimate; the EEG's weight; conformal coverage and share of decisions.
    """
    rows = [_one(listener, n_clips, seed, n_permutations) for seed in people]
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
    }


def false_positives(
    n_clips: int, people: Iterable[int], *, n_permutations: int = N_PERMUTATIONS
) -> dict[str, Any]:
    """Share of people without any effect whose valence has p < .05, with its exact interval.

    Only the p-value is computed, so that many more people can be drawn than for `measure`.
    """
    rejected = []
    for seed in people:
        clips = labelled(simulate(SimulatedListener(), n_clips, seed=seed), "valence")
        rejected.append(permutation_test(clips, seed=seed, n_permutations=n_permutations).p < 0.05)
    k, n = int(np.sum(rejected)), len(rejected)
    return {"people": n, "rejected": k / n, "interval": clopper_pearson(k, n)}


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share."""
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return low, high


def _one(
    listener: SimulatedListener, n_clips: int, seed: int, n_permutations: int
) -> dict[str, Any]:
    """Calibrate one person and judge the result on unseen clips."""
    both = simulate(listener, n_clips, seed=seed, n_test=N_TEST)
    own = _rows(both, slice(0, n_clips))
    unseen = _rows(both, slice(n_clips, None))
    found = calibrate(own, seed=seed, n_permutations=n_permutations, n_random=0, created=0.0)
    test, coverage, decided = _unseen(found, unseen)
    return {
        "p": [found.evaluations[name].p for name in DIMENSIONS],
        "claimed": any(v.above_chance for v in found.verdicts.values()),
        "accuracy": np.mean([e.eeg.balanced_accuracy for e in found.evaluations.values()]),
        "test": test,
        "weight": [model.eeg_weight for model in found.personal.dimensions],
        "coverage": coverage,
        "decided": decided,
    }


def _rows(table: ClipTable, rows: slice) -> ClipTable:
    return dataclasses.replace(
        table,
        **{
            field.name: getattr(table, field.name)[rows]
            for field in dataclasses.fields(table)
            if field.name != "windows"
        },
    )


def _unseen(found: Calibration, unseen: ClipTable) -> tuple[list[float], float, float]:
    """Mean accuracies of population, personal, music and fused; coverage; share decided."""
    personal: PersonalModel = found.personal
    high = (unseen.ratings > 5).astype(np.float64)
    eeg = np.empty_like(high)
    fused = np.empty_like(high)
    for i in range(len(unseen)):
        eeg[i] = personal_logits(personal, unseen.eeg_logit[i], unseen.embedding[i])
        fused[i], _ = fuse(personal, eeg[i], unseen.music_logit[i])
    sources = (unseen.eeg_logit, eeg, unseen.music_logit, fused)
    accuracy = [
        float(np.mean([balanced_accuracy(z[:, j], high[:, j]) for j in range(2)])) for z in sources
    ]
    covered, decided = [], []
    for j, model in enumerate(personal.dimensions):
        c, d = _conformal(model, sigmoid(eeg[:, j]), high[:, j])
        covered.append(c)
        decided.append(d)
    return accuracy, float(np.mean(covered)), float(np.mean(decided))


def _conformal(model: DimensionModel, prob: Array, high: Array) -> tuple[float, float]:
    true_side = np.where(high > 0.5, prob, 1 - prob)
    decisions = [decide(float(p), model.conformal) for p in prob]
    return float(np.mean(1 - true_side <= model.conformal)), float(
        np.mean([d != "unsure" for d in decisions])
    )


def run(people: int, seed: int = 0) -> dict[str, Any]:
    """Measure the whole curve; see `measure`. Keys are ``"<n> clips, oracle <accuracy>"``."""
    out: dict[str, Any] = {
        "effects": EFFECTS,
        "people": people,
        "false_positives": {},
        "conditions": {},
    }
    for n_clips in N_CLIPS:
        many = range(seed + people, seed + people + NULL_FACTOR * people)
        out["false_positives"][f"{n_clips} clips"] = false_positives(n_clips, many)
        for accuracy in CURVE:
            seeds = range(seed, seed + people)
            out["conditions"][f"{n_clips} clips, oracle {accuracy}"] = measure(
                SimulatedListener(eeg=accuracy), n_clips, seeds
            )
        # Nothing personal to find: the population head knows the person's direction already.
        out["conditions"][f"{n_clips} clips, oracle 0.8, population head right"] = measure(
            SimulatedListener(eeg=0.8, shared=1.0), n_clips, range(seed, seed + people)
        )
    return out


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the power curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for n_clips, colour, marker in zip(N_CLIPS, ("#E69F00", "#0072B2"), ("o", "s"), strict=True):
        rows = [result["conditions"][f"{n_clips} clips, oracle {a}"] for a in CURVE]
        power = np.array([row["rejected_valence"] for row in rows])
        bounds = np.array([row["rejected_valence_interval"] for row in rows]).T
        axes.errorbar(
            CURVE,
            power,
            yerr=np.abs(bounds - power),
            color=colour,
            marker=marker,
            capsize=3,
            label=f"{n_clips} clips",
        )
    axes.axhline(0.05, color="0.4", linestyle="--", linewidth=1)
    axes.text(0.9, 0.06, "5 %", color="0.3", ha="right")
    axes.set(
        xlabel="Balanced accuracy of an oracle on one clip (0.5: the EEG tells nothing)",
        ylabel="Share of people found above chance (p < .05)",
        ylim=(0, 1),
        title=f"{result['people']} simulated people each; bars are 95 % intervals",
    )
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, and write figures and picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    started = time.monotonic()
    result = run(arguments.people, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1)
    (arguments.out / "calibration_power.json").write_text(text + "\n", encoding="utf-8")
    (arguments.out / "img").mkdir(exist_ok=True)
    draw(result, arguments.out / "img" / "calibration_power.png")
    print(text)
    print(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
