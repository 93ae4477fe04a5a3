"""Linear start of the covariance encoder: a paired ridge regression over people and electrode sets.

Each person's own midpoint between the classes is subtracted from the training rows, so that the fit
learns what changes within people. Every person is seen with all electrodes and with random sets of
them, half of which are those of real headsets. The penalty is larger for many electrodes than for
few, and both have weights of their own. Thresholds come from training people that an inner fit did
not see, one for each size of montage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from bci_affect.eeg import PopulationPrior
from bci_affect.model import (
    FEW_ELECTRODES,
    N_PERSON,
    N_TANGENT,
    AffectModel,
    CovarianceEncoder,
    RestCalibration,
    RestScore,
)
from bci_affect.training.features import FeatureSet
from bci_affect.training.person import (
    draw_electrodes,
    person_vectors,
    population_prior,
)
from bci_affect.training.settings import TrainSettings

Floats = NDArray[np.float64]
AnyFloats = NDArray[np.floating]

SIZES = (4, 8, 14)
"""Numbers of electrodes with a threshold of their own, besides all of a montage."""

_FULL_SHARE = 1 / 3
"""Least weight of all electrodes among the electrode sets of a person."""

BIAS = 10.0
"""Constant feature of the intercept: large, so that the penalty hardly shrinks it."""

NOISE_WEIGHT = 2.4
"""Weight of each unlabelled person in `noise_gram`."""

_INNER_FOLDS = 4
_TARGETS = ("valence", "arousal")


@dataclass(frozen=True)
class ElectrodeSetRows:
    """Windows of one person with one set of electrodes.

    Attributes
    ----------
    subject : int
        Index of the person.
    n_electrodes : int
        Electrodes of the set.
    full : bool
        True for all electrodes of the montage.
    x : ndarray of float32, shape (n, n_features)
        Person features of the windows.
    rest : ndarray of float32, shape (n_rest, n_features)
        Person features of rest.
    labels : ndarray of float32, shape (n, 2)
        High (1) or low (0); NaN if missing.
    trial : ndarray of int64, shape (n,)
        Trial of each window.
    chosen : ndarray of bool, shape (n_channels,)
        Electrodes of the set.
    """

    subject: int
    n_electrodes: int
    full: bool
    x: NDArray[np.float32]
    rest: NDArray[np.float32]
    labels: NDArray[np.float32]
    trial: NDArray[np.int64]
    chosen: NDArray[np.bool_]


@dataclass(frozen=True)
class ElectrodeSets:
    """Person features of the training people for all their electrode sets.

    They depend on the settings only through the number and size of the sets, so that fits with
    other settings or labels can share them.

    Attributes
    ----------
    rows : tuple of ElectrodeSetRows
        One for each person and electrode set.
    population : ndarray of float64, shape (n_bands, n_sites, n_sites), or None
        Mean rest of the training people; None if no rest is known.
    """

    rows: tuple[ElectrodeSetRows, ...]
    population: Floats | None

    def complete(self) -> ElectrodeSets:
        """Return the rows with all electrodes of a montage only."""
        return replace(self, rows=tuple(row for row in self.rows if row.full))

    def with_labels(self, train: FeatureSet) -> ElectrodeSets:
        """Return the same features with the labels of `train`, which holds the same windows."""
        return replace(
            self,
            rows=tuple(
                replace(row, labels=train.labels[train.subject == row.subject]) for row in self.rows
            ),
        )


@dataclass(frozen=True)
class PersonGroup:
    """Windows of one person with the same valid electrodes.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Windows.
    mask : ndarray of bool, shape (n_channels,)
        Valid electrodes of known place.
    rest : ndarray of float32, shape (n_rest, n_features)
        Person features of rest with these electrodes.
    """

    rows: NDArray[np.int64]
    mask: NDArray[np.bool_]
    rest: NDArray[np.float32]


def grouped_vectors(
    features: FeatureSet, prior: PopulationPrior
) -> tuple[NDArray[np.float32], list[PersonGroup]]:
    """Return the person features of all windows, (n, n_features), and groups of equal reference."""
    person = features.person
    assert person is not None
    vectors = np.zeros((len(features), len(prior.covariance) * N_PERSON), np.float32)
    groups = []
    for subject in np.unique(features.subject):
        own = np.flatnonzero(features.subject == subject)
        positions = features.positions[features.montage[own[0]]]
        reference = person.reference(int(subject), positions, prior)
        masks = features.mask[own] & np.isfinite(positions).all(axis=1)
        sets, which = np.unique(masks, axis=0, return_inverse=True)
        for number, mask in enumerate(sets):
            rows = own[which.ravel() == number]
            if reference.sites.usable(mask):
                rest = reference.rest_features(mask)
                groups.append(PersonGroup(rows, mask, rest))
                vectors[rows] = person_vectors(
                    reference, person, np.tile(mask, (len(rows), 1)), rows
                )
    return vectors, groups


@dataclass(frozen=True)
class PersonFit:
    """Linear map of scaled person features to valence and arousal.

    Attributes
    ----------
    scale : ndarray of float64, shape (n_features,)
        Divisor of the person features.
    weights : ndarray of float64, shape (2, 2, n_features + 1)
        By electrodes (few, many) and target; the last weight is of the constant `BIAS`.
    calibration : tuple of RestCalibration
        Log-odds of scores against rest, by number of electrodes.
    """

    scale: Floats
    weights: Floats
    calibration: tuple[RestCalibration, ...]

    def write(self, model: AffectModel, population: Floats | None) -> None:
        """Set the linear map, the scales and the population's rest of a covariance model."""
        encoder = model.encoder
        assert isinstance(encoder, CovarianceEncoder)
        with torch.no_grad():
            if population is not None:
                encoder.population.copy_(torch.from_numpy(population))
            encoder.feature_scale.copy_(torch.from_numpy(self.scale))
            for layer, fitted in zip((encoder.few, encoder.many), self.weights, strict=True):
                layer.weight[:2] = torch.from_numpy(fitted[:, :-1])
                layer.bias[:2] = torch.from_numpy(BIAS * fitted[:, -1])
            encoder.gate.zero_()
            for layer in (model.shared, model.heads):
                layer.weight[:2] = 0.0
                layer.weight[[0, 1], [0, 1]] = 1.0
                layer.bias[:2] = 0.0


def initialise_person_path(
    model: AffectModel,
    train: FeatureSet,
    settings: TrainSettings,
    seed: int,
    sets: ElectrodeSets | None = None,
) -> tuple[RestCalibration, ...]:
    """Set the linear map, the scales and the population's rest of a covariance model.

    Parameters
    ----------
    model : AffectModel
        Model with a `CovarianceEncoder`; changed in place.
    train : FeatureSet
        Training windows, with `FeatureSet.person`.
    settings : TrainSettings
        Number and size of electrode sets, blocks of features, pairing, and targets for which rest
        counts as low.
    seed : int
        Seed of the electrode sets.
    sets : ElectrodeSets, optional
        Result of `draw_electrode_sets` for the same windows; drawn by default.

    Returns
    -------
    tuple of RestCalibration
        Log-odds of scores against rest, by number of electrodes.
    """
    if sets is None:
        sets = draw_electrode_sets(train, settings, seed)
    scale = block_scale(sets.rows, settings.person_blocks)
    by_target = [
        moments(sets.rows, scale, target, name in settings.rest_low, settings.paired_fit)
        for target, name in enumerate(_TARGETS)
    ]
    fitted = fit_people(sets.rows, scale, by_target, settings)
    fitted.write(model, sets.population)
    return fitted.calibration


def fit_people(
    rows: Sequence[ElectrodeSetRows],
    scale: Floats,
    by_target: Sequence[tuple[Mapping[int, AnyFloats], Mapping[int, AnyFloats]]],
    settings: TrainSettings,
    noise: AnyFloats | float = 0.0,
) -> PersonFit:
    """Fit the linear map and the thresholds to people.

    Parameters
    ----------
    rows : sequence of ElectrodeSetRows
        Training people.
    scale : ndarray of float64, shape (n_features,)
        `block_scale`.
    by_target : sequence
        `moments` of valence and of arousal.
    settings : TrainSettings
        Penalties.
    noise : ndarray, shape (n_features + 1, n_features + 1), optional
        `noise_gram` of unlabelled people: directions to avoid.
    """
    weights = np.zeros((2, 2, len(scale) + 1))
    tables: list[list[tuple[float, float]]] = []
    for target, (gram, moment_of) in enumerate(by_target):
        tables.append([(0.0, 1.0)] * (len(SIZES) + 1))
        if not gram:
            continue
        total, moment = _sum(gram) + noise, _sum(moment_of)
        for k, penalty in enumerate((settings.penalty_few, settings.penalty_many)):
            weights[k, target] = _solve(total, moment, penalty)
        tables[target] = _thresholds(rows, scale, target, gram, moment_of, settings, noise)
    most = max(row.n_electrodes for row in rows)
    sizes = [*[size for size in SIZES if size < most], most]
    calibration = tuple(
        RestCalibration(
            size,
            (tables[0][i if size < most else -1][0], tables[1][i if size < most else -1][0]),
            (tables[0][i if size < most else -1][1], tables[1][i if size < most else -1][1]),
        )
        for i, size in enumerate(sizes)
    )
    return PersonFit(scale, weights, calibration)


def draw_electrode_sets(
    train: FeatureSet,
    settings: TrainSettings,
    seed: int,
    population: PopulationPrior | None = None,
) -> ElectrodeSets:
    """Return the person features of all people for all electrodes and for random sets of them.

    Parameters
    ----------
    train : FeatureSet
        Training windows, with `FeatureSet.person`.
    settings : TrainSettings
        Number and size of electrode sets.
    seed : int
        Seed of the electrode sets.
    population : PopulationPrior, optional
        Mean rest; by default that of these people.
    """
    person = train.person
    assert person is not None
    subjects = [int(subject) for subject in np.unique(train.subject)]
    positions = {s: train.positions[train.montage[train.subject == s][0]] for s in subjects}
    if population is None:
        population = population_prior([person.reference(s, positions[s]) for s in subjects])
    rng = np.random.default_rng(seed)
    rows = []
    for subject in subjects:
        own = np.flatnonzero(train.subject == subject)
        reference = person.reference(subject, positions[subject], population)
        placed = np.isfinite(positions[subject]).all(axis=1)
        sets = [placed] + [
            draw_electrodes(positions[subject], settings.min_electrodes, rng)
            for _ in range(settings.electrode_sets - 1)
        ]
        for number, chosen in enumerate(sets):
            mask = train.mask[own] & chosen
            rows.append(
                ElectrodeSetRows(
                    subject,
                    int(chosen.sum()),
                    number == 0,
                    person_vectors(reference, person, mask, own),
                    reference.rest_features(chosen),
                    train.labels[own],
                    train.trial[own],
                    chosen,
                )
            )
    return ElectrodeSets(tuple(rows), None if population is None else population.covariance)


def windows_by_set(
    sets: ElectrodeSets, train: FeatureSet
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the features of all windows for each set of their person, for the joint fit.

    Returns
    -------
    vectors : ndarray of float32, shape (n_sets, n, n_features)
    chosen : ndarray of bool, shape (n_sets, n, n_channels)
    """
    by_person: dict[int, list[ElectrodeSetRows]] = {}
    for row in sets.rows:
        by_person.setdefault(row.subject, []).append(row)
    n_sets = max(len(rows) for rows in by_person.values())
    vectors = np.zeros((n_sets, len(train), sets.rows[0].x.shape[1]), np.float32)
    chosen = np.zeros((n_sets, *train.mask.shape), np.bool_)
    for subject, rows in by_person.items():
        own = train.subject == subject
        for number in range(n_sets):
            row = rows[number % len(rows)]
            vectors[number, own], chosen[number, own] = row.x, row.chosen
    return vectors, chosen


def noise_gram(rows: Sequence[ElectrodeSetRows], scale: Floats) -> AnyFloats:
    """Return the Gram matrix of what should not matter, from people without labels.

    It holds the differences between electrode sets of one trial, and between windows of one
    trial or of rest. Added to the Gram matrix of a fit, it is the closed form of pre-training by
    agreement: a score shall not depend on the electrode set or on the moment.

    Returns
    -------
    ndarray, shape (n_features + 1, n_features + 1)
    """
    total = np.zeros((len(scale) + 1,) * 2, np.float32)
    for subject in sorted({row.subject for row in rows}):
        own = [row for row in rows if row.subject == subject]
        trials = np.unique(own[0].trial)
        means = np.stack(
            [[row.x[row.trial == trial].mean(axis=0) for trial in trials] for row in own]
        )  # (n_sets, n_trials, n_features)
        apart = (means - means.mean(axis=0)).reshape(-1, means.shape[-1])
        parts = [apart / np.sqrt(len(apart))]
        for row, mean in zip(own, means, strict=True):
            within = row.x - mean[np.searchsorted(trials, row.trial)]
            if len(row.rest):
                within = np.concatenate([within, row.rest - row.rest.mean(axis=0)])
            parts.append(within / np.sqrt(len(within) * len(own)))
        joined = (np.concatenate(parts) / scale).astype(np.float32)
        total[:-1, :-1] += joined.T @ joined
    weighted: AnyFloats = NOISE_WEIGHT * total
    return weighted


def block_scale(
    rows: Sequence[ElectrodeSetRows], blocks: Sequence[str] = ("covariance", "power")
) -> Floats:
    """Return one scale for covariance and one for power: both weigh the same in the fit.

    A block that is not among `blocks` has an infinite scale, so that its features are 0.
    """
    means = np.concatenate(
        [
            np.stack([row.x[row.trial == trial].mean(axis=0) for trial in np.unique(row.trial)])
            for row in rows
        ]
    )
    n = means.shape[1]
    half = n // N_PERSON * N_TANGENT
    parts = [
        np.full(size, (block.std() * np.sqrt(size / 100) or 1.0) if name in blocks else np.inf)
        for name, size, block in (
            ("covariance", half, means[:, :half]),
            ("power", n - half, means[:, half:]),
        )
    ]
    return np.concatenate(parts)


def moments(
    rows: Sequence[ElectrodeSetRows],
    scale: Floats,
    target: int,
    low_at_rest: bool,
    paired: bool = True,
) -> tuple[dict[int, AnyFloats], dict[int, AnyFloats]]:
    """Return the Gram matrix and the moments of each person with both classes.

    Parameters
    ----------
    rows : sequence of ElectrodeSetRows
        All electrode sets of each person.
    scale : ndarray of float64, shape (n_features,)
        `block_scale`.
    target : int
        0 for valence, 1 for arousal.
    low_at_rest : bool
        Add rest as one more trial of the low class.
    paired : bool
        Subtract each person's midpoint between the classes.
    """
    inputs: dict[int, list[NDArray[np.float32]]] = {}
    targets: dict[int, list[Floats]] = {}
    sets = np.bincount([row.subject for row in rows])
    weight_full = np.maximum(1.0, sets * _FULL_SHARE)
    for row in rows:
        y = row.labels[:, target]
        high, low = y == 1, y == 0
        if not (high.any() and low.any()):
            continue
        x = row.x / scale
        middle = (x[high].mean(axis=0) + x[low].mean(axis=0)) / 2 if paired else np.float32(0)
        share = weight_full[row.subject] if row.full else 1.0
        share /= sets[row.subject] - 1 + weight_full[row.subject]
        known = high | low
        one, sign = x[known] - middle, 2.0 * y[known] - 1.0
        weight = share * np.where(y[known] == 1, 4.0 / high.sum(), 4.0 / low.sum())
        if low_at_rest and len(row.rest):
            rest = (row.rest / scale).mean(axis=0, keepdims=True) - middle
            one = np.concatenate([one, rest])
            sign, weight = np.append(sign, -1.0), np.append(weight, share)
        root = np.sqrt(weight)
        bias = np.full((len(one), 1), BIAS)
        one = (np.hstack([one, bias]) * root[:, None]).astype(np.float32)
        inputs.setdefault(row.subject, []).append(one)
        targets.setdefault(row.subject, []).append(sign * root)
    gram: dict[int, AnyFloats] = {}
    moment_of: dict[int, AnyFloats] = {}
    for subject, parts in inputs.items():
        joined = np.concatenate(parts)
        gram[subject] = joined.T @ joined
        moment_of[subject] = joined.T @ np.concatenate(targets[subject]).astype(np.float32)
    return gram, moment_of


def _sum(parts: Mapping[int, AnyFloats]) -> AnyFloats:
    total: AnyFloats = np.add.reduce(list(parts.values()))
    return total


def _solve(gram: AnyFloats, moment: AnyFloats, penalty: float) -> Floats:
    from scipy.linalg import cho_factor, cho_solve

    regular = gram.astype(np.float64)
    regular[np.diag_indices(len(regular))] += penalty
    solved: Floats = cho_solve(cho_factor(regular, overwrite_a=True, check_finite=False), moment)
    return solved


def _thresholds(
    rows: Sequence[ElectrodeSetRows],
    scale: Floats,
    target: int,
    gram: Mapping[int, AnyFloats],
    moment_of: Mapping[int, AnyFloats],
    settings: TrainSettings,
    noise: AnyFloats | float,
) -> list[tuple[float, float]]:
    """Return threshold and slope for each of `SIZES`, and for all electrodes, by inner folds."""
    people = sorted(gram)
    scored: list[list[tuple[float, float]]] = [[] for _ in range(len(SIZES) + 1)]
    folds = min(_INNER_FOLDS, len(people))
    if folds < 2:
        return [(0.0, 1.0)] * (len(SIZES) + 1)
    for fold in range(folds):
        away = people[fold::folds]
        left, moment = (
            _sum({p: one for p, one in parts.items() if p not in away})
            for parts in (gram, moment_of)
        )
        fitted = {
            few: _solve(
                left + noise, moment, settings.penalty_few if few else settings.penalty_many
            )
            for few in (True, False)
        }
        for row in rows:
            if row.subject not in away:
                continue
            weights = fitted[row.n_electrodes <= FEW_ELECTRODES][:-1] / scale
            score = _score(row, weights)
            distance = np.abs(np.log(np.array(SIZES) / row.n_electrodes))
            size = len(SIZES) if row.full else int(distance.argmin())
            for trial in np.unique(row.trial):
                own = row.trial == trial
                if np.isfinite(label := row.labels[own][0, target]):
                    scored[size].append((float(score[own].mean()), float(label)))
    whole = _logistic(np.array([pair for size in scored for pair in size]))
    return [_logistic(np.array(one), whole) if len(one) >= 20 else whole for one in scored]


def _score(row: ElectrodeSetRows, weights: Floats) -> Floats:
    """Return the scores of windows against the person's rest; see `RestScore`."""
    rest = np.repeat((row.rest @ weights)[:, None], 2, axis=1)
    windows = np.repeat((row.x @ weights)[:, None], 2, axis=1)
    return RestScore.from_rest(rest).apply(windows)[:, 0]


def _logistic(pairs: Floats, otherwise: tuple[float, float] = (0.0, 1.0)) -> tuple[float, float]:
    """Return threshold and slope of a class-balanced logistic regression of labels on scores."""
    from sklearn.linear_model import LogisticRegression

    if not len(pairs) or len(np.unique(pairs[:, 1])) < 2:
        return otherwise
    spread = pairs[:, 0].std() + 1e-9
    model = LogisticRegression(C=1000.0, class_weight="balanced")
    model.fit(pairs[:, :1] / spread, pairs[:, 1] > 0.5)
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        return otherwise
    return float(-model.intercept_[0] / slope * spread), slope / spread
