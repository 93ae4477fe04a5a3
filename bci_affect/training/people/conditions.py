"""Conditions of the benchmark of people: sittings, gains, electrodes, bands and references."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import CAPS, make_montage
from bci_affect.training.corpus import Corpus
from bci_affect.training.features import FeatureSet
from bci_affect.training.person import pack

Bools = NDArray[np.bool_]

HEADSETS = {"EPOC": "epoc", "Cyton": "cyton", "Muse": "muse"}
"""Electrode sets of real headsets, by name in tables."""

N_FAILING = 5
DRIFT_DB = 3.0
"""Standard deviation of each electrode's gain in the condition with drift."""

_FARTHEST_M = 0.055
_DRIFT_CORRELATION = 0.8
_REST_WINDOWS_A_STEP = 5
"""Windows of rest, 3 s apart, between steps of the gain."""

_START_WINDOWS = 8
"""Windows of the first half minute, 3 s apart."""


def with_own_sittings(corpus: Corpus, seed: int) -> Corpus:
    """Return the corpus with each state in a session of its own, in an order of each person's own.

    Trials with the same high and low ratings form one session; rest comes before all of them. The
    features are those of the recording: between trials the signal path starts again in any case.
    """
    features = corpus.features
    trials, first = np.unique(features.trial, return_index=True)
    subject, labels = features.subject[first], features.labels[first]
    new_trial = np.arange(len(corpus.covariance))
    new_session = np.zeros(len(new_trial), np.int64)
    sessions: list[tuple[str, str]] = []
    for person in np.unique(subject):
        own = np.flatnonzero(subject == person)
        states, state = np.unique(np.nan_to_num(labels[own], nan=-1.0), axis=0, return_inverse=True)
        order = _generator(corpus.subjects[person], seed).permutation(len(states))
        ordered = np.concatenate([own[state.ravel() == number] for number in order])
        new_trial[trials[ordered]] = trials[own]
        for number in order:
            new_session[trials[own[state.ravel() == number]]] = len(sessions)
            sessions.append((corpus.subjects[person], f"state {number + 1}"))
    rows = np.argsort(new_trial[features.trial], kind="stable")
    changed = features.select(rows)
    covariance = corpus.covariance.copy()
    covariance[new_trial] = corpus.covariance
    return replace(
        corpus,
        features=replace(
            changed, trial=new_trial[changed.trial], session=new_session[changed.trial]
        ),
        sessions=tuple(sessions),
        covariance=covariance,
    )


def with_drifting_gain(
    corpus: Corpus, features: FeatureSet, gain_db: float, seed: int
) -> FeatureSet:
    """Return the windows with a gain of each electrode that walks from trial to trial.

    It multiplies the EEG against the mean of all electrodes. During rest it walks every 15 s. The
    walk is stationary, with correlation .8 between steps.

    Parameters
    ----------
    corpus : Corpus
        Names of the people.
    features : FeatureSet
        Windows of the corpus, with the covariances of their people's rest.
    gain_db : float
        Standard deviation of the gain.
    seed : int
        Seed of the gains.
    """
    person = features.person
    assert person is not None
    sums, rest_sums = person.sums.copy(), list(person.rest_sums)
    for subject in np.unique(features.subject):
        own = np.flatnonzero(features.subject == subject)
        _, trial = np.unique(features.trial[own], return_inverse=True)
        rest = np.arange(len(rest_sums[subject])) // _REST_WINDOWS_A_STEP
        n_rest = int(rest.max(initial=-1)) + 1
        steps = n_rest + int(trial.max()) + 1
        rng = _generator(corpus.subjects[subject], seed)
        walk = rng.normal(size=(steps, features.mask.shape[1]))
        for step in range(1, steps):
            walk[step] *= np.sqrt(1 - _DRIFT_CORRELATION**2)
            walk[step] += _DRIFT_CORRELATION * walk[step - 1]
        gain = 10 ** (gain_db * walk / 20)
        products = pack(gain[:, :, None] * gain[:, None])[:, None]  # (steps, 1, n_pairs)
        sums[own] *= products[n_rest + trial.ravel()]
        rest_sums[subject] = rest_sums[subject] * products[rest]
    return replace(features, person=replace(person, sums=sums, rest_sums=tuple(rest_sums)))


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
