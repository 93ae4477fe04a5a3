"""Conditions of the benchmark of people: changed data sets, electrodes and references."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets import Dataset, Trial, rests_of
from bci_affect.eeg import CAPS, make_montage
from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet

Bools = NDArray[np.bool_]

HEADSETS = {"EPOC": "epoc", "Cyton": "cyton", "Muse": "muse"}
"""Electrode sets of real headsets, by name in tables."""

N_FAILING = 5
DRIFT_DB = 3.0
"""Standard deviation of each electrode's gain in the condition with drift."""

_FARTHEST_M = 0.055
_DRIFT_STEP_S = 15.0
_DRIFT_CORRELATION = 0.8
_MAX_REST_STEPS = 64
_START_WINDOWS = 8
"""Windows of the first half minute, 3 s apart."""


@dataclass(frozen=True)
class OwnSittings:
    """Data set in which each state is a session of its own, in an order of each person's own.

    Trials with the same high and low ratings form one session; rest comes before all of them.

    Attributes
    ----------
    dataset : Dataset
        Data set to change.
    threshold : float
        Ratings above it are high.
    seed : int
        Seed of the orders.
    """

    name = "recorded, own sittings"

    dataset: Dataset
    threshold: float
    seed: int

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects."""
        return self.dataset.subjects

    @property
    def simulated(self) -> bool:
        """True if the data are simulated."""
        return self.dataset.simulated

    def content_key(self, subject: str) -> str:
        """Return a key of the subject's changed trials."""
        return f"{self.dataset.content_key(subject)}|sittings {self.threshold} {self.seed}"

    def trials(self, subject: str) -> list[Trial]:
        """Return the trials state by state, each state a session."""
        states: dict[tuple[tuple[str, bool], ...], list[Trial]] = {}
        for trial in self.dataset.trials(subject):
            rated = {
                key: trial.ratings[key] for key in ("valence", "arousal") if key in trial.ratings
            }
            state = tuple(sorted((key, value > self.threshold) for key, value in rated.items()))
            states.setdefault(state, []).append(trial)
        order = _generator(subject, self.seed).permutation(len(states))
        by_state = list(states.values())
        sittings = [(number, trial) for number in order for trial in by_state[number]]
        return [
            replace(trial, session=f"state {number + 1}", index=index)
            for index, (number, trial) in enumerate(sittings)
        ]

    def rests(self, subject: str) -> list[Trial]:
        """Return the rests of the subject."""
        return rests_of(self.dataset, subject)


@dataclass(frozen=True)
class DriftingGain:
    """Data set in which the gain of each electrode walks from trial to trial.

    During rest it walks every 15 s. The walk is stationary, with correlation .8 between steps.

    Attributes
    ----------
    dataset : Dataset
        Data set to change.
    gain_db : float
        Standard deviation of the gain.
    seed : int
        Seed of the gains.
    """

    name = "recorded, drifting gain"

    dataset: Dataset
    gain_db: float
    seed: int

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects."""
        return self.dataset.subjects

    @property
    def simulated(self) -> bool:
        """True if the data are simulated."""
        return self.dataset.simulated

    def content_key(self, subject: str) -> str:
        """Return a key of the subject's changed trials."""
        return f"{self.dataset.content_key(subject)}|drift {self.gain_db} {self.seed}"

    def trials(self, subject: str) -> list[Trial]:
        """Return the trials, each with a gain per electrode."""
        trials = self.dataset.trials(subject)
        if not trials:
            return []
        gains = self._gains(subject, len(trials[0].montage), len(trials))[_MAX_REST_STEPS:]
        return [
            replace(trial, eeg=(trial.eeg * gain[:, None]).astype(np.float32))
            for trial, gain in zip(trials, gains, strict=True)
        ]

    def rests(self, subject: str) -> list[Trial]:
        """Return the rests, with gains that walk up to those of the first trial."""
        rests = rests_of(self.dataset, subject)
        if not rests:
            return []
        gains = self._gains(subject, len(rests[0].montage), 0)
        steps = [int(trial.eeg.shape[1] / trial.rate_hz / _DRIFT_STEP_S) + 1 for trial in rests]
        first = max(0, len(gains) - sum(steps))
        changed = []
        for trial, n in zip(rests, steps, strict=True):
            at = first + (np.arange(trial.eeg.shape[1]) / trial.rate_hz / _DRIFT_STEP_S).astype(int)
            gain = gains[np.minimum(at, len(gains) - 1)].T  # (n_channels, n_samples)
            changed.append(replace(trial, eeg=(trial.eeg * gain).astype(np.float32)))
            first += n
        return changed

    def _gains(self, subject: str, n_channels: int, n_trials: int) -> NDArray[np.float64]:
        """Return the gains of rest and trials, (_MAX_REST_STEPS + n_trials, n_channels)."""
        rng = _generator(subject, self.seed)
        walk = rng.normal(size=(_MAX_REST_STEPS + n_trials, n_channels))
        for step in range(1, len(walk)):
            walk[step] *= np.sqrt(1 - _DRIFT_CORRELATION**2)
            walk[step] += _DRIFT_CORRELATION * walk[step - 1]
        gains: NDArray[np.float64] = 10 ** (self.gain_db * walk / 20)
        return gains


def headset_electrodes(positions: NDArray[np.float32], cap: str) -> Bools | None:
    """Return the electrodes nearest to those of a headset, or None if it has no place for them.

    Parameters
    ----------
    positions : ndarray of float32, shape (n_channels, 3)
        Metres; NaN where unknown.
    cap : str
        A key of `CAPS`.

    Returns
    -------
    ndarray of bool, shape (n_channels,), or None
        None if the montage is not larger than the headset, or an electrode is too far away.
    """
    from scipy.optimize import linear_sum_assignment

    places = make_montage(CAPS[cap]).positions
    placed = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if len(placed) <= len(places):
        return None
    distance = np.linalg.norm(positions[placed][:, None] - places, axis=2)
    rows, columns = linear_sum_assignment(distance)
    if distance[rows, columns].max() > _FARTHEST_M:
        return None
    chosen = np.zeros(len(positions), np.bool_)
    chosen[placed[rows]] = True
    return chosen


def central_electrodes(names: Sequence[str], n_channels: int) -> Bools | None:
    """Return the electrodes that are neither frontal nor temporal; None if fewer than three."""
    far = np.array([name[:1].upper() not in ("F", "A", "T", "N") for name in names])
    chosen = np.zeros(n_channels, np.bool_)
    chosen[: len(names)] = far
    return chosen if chosen.sum() >= 3 else None


def failing_electrodes(subject: str, n_channels: int, seed: int) -> Bools:
    """Return the electrodes of a person that still work after `N_FAILING` have failed."""
    chosen = np.ones(n_channels, np.bool_)
    chosen[_generator(subject, seed).choice(n_channels, N_FAILING, replace=False)] = False
    return chosen


def with_electrodes(features: FeatureSet, chosen: dict[int, Bools]) -> FeatureSet:
    """Return the windows with only the chosen electrodes of each subject valid."""
    mask = features.mask.copy()
    for subject, electrodes in chosen.items():
        mask[features.subject == subject] &= electrodes
    return replace(features, mask=mask)


def with_bands(features: FeatureSet, bands: Sequence[int]) -> FeatureSet:
    """Return the windows with only some of the bands."""
    person = features.person
    if person is not None:
        person = replace(
            person,
            sums=person.sums[:, bands],
            rest_sums=tuple(sums[:, bands] for sums in person.rest_sums),
        )
    return replace(features, bands=features.bands[..., bands], person=person)


def with_start_as_rest(features: FeatureSet) -> FeatureSet:
    """Return the windows against the first half minute of each person's trials, not their rest."""
    person = features.person
    if person is None:
        return features
    sums, samples = list(person.rest_sums), list(person.rest_samples)
    for subject in np.unique(features.subject):
        start = np.flatnonzero(features.subject == subject)[:_START_WINDOWS]
        sums[subject], samples[subject] = person.sums[start], person.samples[start]
    return replace(
        features,
        person=replace(person, rest_sums=tuple(sums), rest_samples=tuple(samples)),
    )


def permute_labels(features: FeatureSet, seed: int) -> FeatureSet:
    """Return the windows with labels permuted between the trials of each person."""
    rng = np.random.default_rng(seed)
    labels = features.labels.copy()
    for subject in np.unique(features.subject):
        own = np.flatnonzero(features.subject == subject)
        trials, first, which = np.unique(
            features.trial[own], return_index=True, return_inverse=True
        )
        labels[own] = features.labels[own[first]][rng.permutation(len(trials))][which.ravel()]
    return replace(features, labels=labels)


def electrodes_of(corpus: Corpus, subject: int) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the names and the positions, (n_channels, 3), of a subject's electrodes."""
    features = corpus.features
    montage = int(features.montage[features.subject == subject][0])
    return corpus.channels[montage], features.positions[montage]


def _generator(subject: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{subject} {seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
