"""Rows of the benchmark of people: scores of held-out trials and their summary over people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.training.evaluation import mean_balanced_accuracy
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import auc, balanced_accuracy, per_trial
from bci_affect.training.people import conditions
from bci_affect.training.stats import bootstrap_mean, compare_paired, permutation_p

Floats = NDArray[np.float64]

ENCODER = "encoder"
ABLATION = "ablation"
PLAIN = "plain method"
CHECK = "check"
"""Groups of rows."""

ALL = "all electrodes"
FAILING = f"{conditions.N_FAILING} electrodes fail after rest"
SITTINGS = "each state a sitting of its own"
DRIFT = f"gain drifts by {conditions.DRIFT_DB:g} dB"
CENTRAL = "without frontal and temporal electrodes"
PERMUTED = "permuted labels"
RIEMANN = "tangent space, centred on the past"
SITUATION = "mean of the situation, no EEG"
PLACE = "place in the sitting, no EEG"
MAJORITY = "majority"
NO_DROPOUT = "without electrode dropout"
"""Names of conditions and of rows."""


@dataclass(frozen=True)
class TrialScores:
    """Labels and probabilities of held-out trials.

    Attributes
    ----------
    trial, subject : ndarray of int64, shape (n_trials,)
        Index of the trial and of the person.
    labels, probability : ndarray of float64, shape (n_trials, 2)
        Of high valence and arousal; NaN where unknown. The probability of a trial is the mean over
        its windows.
    """

    trial: NDArray[np.int64]
    subject: NDArray[np.int64]
    labels: Floats
    probability: Floats

    @classmethod
    def from_windows(
        cls, features: FeatureSet, rows: NDArray[np.int64], probability: Floats
    ) -> TrialScores:
        """Average the probabilities, (n, 2), of the windows `rows` over their trials."""
        windows = features.trial[rows]
        trial, subject = per_trial(features.subject[rows], windows)
        _, labels = per_trial(features.labels[rows], windows)
        _, means = per_trial(probability, windows)
        return cls(trial, subject.astype(np.int64), labels, means)

    @classmethod
    def join(cls, parts: list[TrialScores]) -> TrialScores:
        """Concatenate the folds of a seed."""
        return cls(
            np.concatenate([part.trial for part in parts]),
            np.concatenate([part.subject for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.probability for part in parts]),
        )


@dataclass
class Row:
    """One line of the table, with the folds of every seed.

    Attributes
    ----------
    name, group, condition : str
        Name in the table, its group, and the condition under which it was tested.
    compare_with : str or None
        Row of the complete encoder under the same condition, for ablations.
    seeds : dict of int to list of TrialScores
        Folds of each seed.
    """

    name: str
    group: str
    condition: str
    compare_with: str | None = None
    seeds: dict[int, list[TrialScores]] = field(default_factory=dict)

    def by_person(self, target: int, seed: int | None = None) -> dict[int, float]:
        """Return the balanced accuracy of each person with both classes, averaged over seeds."""
        return self._measure_by_person(balanced_accuracy, target, seed)

    def summarise(
        self, target: int, rows: Mapping[str, Row], subjects: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the summary of one target, with the difference to the row to compare with.

        Parameters
        ----------
        target : int
            Column of the labels.
        rows : mapping of str to Row
            All rows, by name.
        subjects : tuple of str
            Names of the people.
        """
        people = self.by_person(target)
        scores = {seed: TrialScores.join(parts) for seed, parts in self.seeds.items()}
        first = next(iter(scores.values()))
        rated = np.isfinite(first.labels[:, target]) & np.isfinite(first.probability[:, target])
        summary = {
            "group": self.group,
            "name": self.name,
            "condition": self.condition,
            "people": len(people),
            "trials": int(rated.sum()),
            "balanced_accuracy": bootstrap_mean(list(people.values())).as_dict(),
            "auc": bootstrap_mean(
                list(self._measure_by_person(auc, target, None).values())
            ).as_dict(),
            "auc_pooled": _mean(
                [auc(one.labels[:, target], one.probability[:, target]) for one in scores.values()]
            ),
            "p": _p_value(list(scores.values()), target),
            "seeds": [_mean(list(self.by_person(target, seed).values())) for seed in self.seeds],
            "by_person": {subjects[person]: value for person, value in people.items()},
        }
        complete = rows.get(self.compare_with or "")
        if complete is not None:
            seed = next(iter(self.seeds))
            reference = complete.by_person(target, seed)
            own = self.by_person(target, seed)
            shared = sorted(own.keys() & reference.keys())
            summary["difference"] = compare_paired(
                [own[person] for person in shared], [reference[person] for person in shared]
            ).as_dict()
        return summary

    def _measure_by_person(self, measure: Any, target: int, seed: int | None) -> dict[int, float]:
        values: dict[int, list[float]] = {}
        for number, parts in self.seeds.items():
            if seed is not None and number != seed:
                continue
            scores = TrialScores.join(parts)
            for person in np.unique(scores.subject):
                own = scores.subject == person
                value = measure(scores.labels[own, target], scores.probability[own, target])
                if np.isfinite(value):
                    values.setdefault(int(person), []).append(float(value))
        return {person: float(np.mean(found)) for person, found in values.items()}


def _p_value(seeds: list[TrialScores], target: int) -> float:
    """Return the one-sided p-value of the balanced accuracy, labels permuted within people.

    Probabilities are averaged over seeds first, as in studies; if the labels of the seeds differ
    (they were permuted), the first seed is tested.
    """
    first = TrialScores.join(seeds[:1])
    order = np.argsort(first.trial)
    labels, people = first.labels[order, target], first.subject[order]
    same = [
        one.probability[np.argsort(one.trial), target]
        for one in seeds
        if np.array_equal(one.labels[np.argsort(one.trial), target], labels, equal_nan=True)
    ]
    probability = np.mean(same, axis=0)
    rated = np.isfinite(labels) & np.isfinite(probability)
    return permutation_p(
        labels[rated],
        probability[rated],
        partial(mean_balanced_accuracy, np.unique(people[rated], return_inverse=True)[1]),
        groups=people[rated],
    )


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
