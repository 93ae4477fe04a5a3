"""Splits that keep people, trials and stimuli apart by construction.

Every function yields `Split`s over the windows of one `FeatureSet`. The test part is separated
first; the validation part is then taken from the rest by the same unit as the test part (people if
the test is on other people, stimuli if the test is on other stimuli). `leakage.refuse_leak` refuses
every split that violates its scheme.

Tracks and trials are stratified by emotion, so that every part has about the overall shares of high
and low. Otherwise a part may contain only one class, and the class shares of training and test
would be negatively correlated, which puts constant predictions below chance when folds are pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.training.features import FeatureSet

SplitScheme = Literal["loso", "stimulus", "loso-stimulus", "within-subject", "loso-session"]
Unit = Literal["subject", "session", "trial", "stimulus"]
Rows = NDArray[np.int64]

SPLIT_SCHEMES: tuple[str, ...] = get_args(SplitScheme)

FORBIDDEN: dict[str, tuple[Unit, ...]] = {
    "loso": ("subject", "trial"),
    "stimulus": ("trial", "stimulus"),
    "loso-stimulus": ("subject", "trial", "stimulus"),
    "within-subject": ("trial",),
    "loso-session": ("session", "trial"),
}
"""Units that no two parts of a split may share, by split scheme.

``loso`` leaves subjects out, ``stimulus`` leaves tracks out (for all subjects), ``loso-stimulus``
both at once, ``within-subject`` trains and tests on different trials of one subject (different
stimuli if a stimulus was repeated), ``loso-session`` leaves a session of one subject out.
"""


@dataclass(frozen=True)
class Split:
    """Window indices of a feature set for training, validation and test.

    Attributes
    ----------
    name : str
        Name of the fold, unique within its scheme.
    protocol : str
        Split scheme, a key of `FORBIDDEN`.
    train, validation, test : ndarray of int64, shape (n,)
        Window indices in ascending order.
    """

    name: str
    protocol: SplitScheme
    train: Rows
    validation: Rows
    test: Rows


def make_splits(
    features: FeatureSet,
    protocol: SplitScheme,
    *,
    folds: int = 0,
    validation: float = 0.2,
    seed: int = 0,
) -> list[Split]:
    """Return all splits of a scheme, each checked for leakage.

    Parameters
    ----------
    features : FeatureSet
        Windows to split.
    protocol : str
        Split scheme, one of `SPLIT_SCHEMES`.
    folds : int
        Number of folds; 0 leaves one unit out at a time (for stimuli and trials: five folds).
    validation : float
        Share of the training units used for validation.
    seed : int
        Seed of the assignment of units to folds.

    Raises
    ------
    BciAffectError
        If there are too few subjects, sessions, stimuli or trials for the scheme.
    """
    from bci_affect.training.leakage import refuse_leak

    if protocol not in _SPLITTERS:
        raise BciAffectError(
            f"Unknown protocol '{protocol}'; choose one of {', '.join(SPLIT_SCHEMES)}."
        )
    splits = list(_SPLITTERS[protocol](features, folds, validation, seed))
    for split in splits:
        refuse_leak(features, split)
    return splits


def _leave_subjects_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    groups = _groups(features.subject, folds, seed, "subjects", least=3)
    for names in groups:
        test = np.isin(features.subject, names)
        train, valid = _split_validation(features.subject, ~test, validation, seed, "subjects")
        yield _split(f"subject-{_label(names)}", "loso", train, valid, test)


def _leave_stimuli_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    _require_stimuli(features)
    known = features.stimulus >= 0
    kinds = _emotions(features.stimulus, _track_labels(features))
    groups = _groups(features.stimulus[known], folds or 5, seed, "stimuli", least=3, kinds=kinds)
    for number, tracks in enumerate(groups):
        test = np.isin(features.stimulus, tracks)
        train, valid = _split_validation(
            features.stimulus, known & ~test, validation, seed, "stimuli", kinds
        )
        yield _split(f"stimuli-{number}", "stimulus", train, valid, test)


def _leave_both_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    """Leave subjects out and, for each, some tracks, so that both are new in the test."""
    _require_stimuli(features)
    people = _groups(features.subject, folds, seed, "subjects", least=3)
    known = features.stimulus >= 0
    kinds = _emotions(features.stimulus, _track_labels(features))
    tracks = _groups(features.stimulus[known], 3, seed, "stimuli", least=6, kinds=kinds)
    for names in people:
        for number, out in enumerate(tracks):
            person, played = np.isin(features.subject, names), np.isin(features.stimulus, out)
            test = person & played
            rest = ~person & ~played & known
            valid_people = _choose_validation(features.subject[rest], validation, seed, "subjects")
            valid_tracks = _choose_validation(
                features.stimulus[rest], validation, seed, "stimuli", kinds
            )
            by_person = np.isin(features.subject, valid_people)
            by_track = np.isin(features.stimulus, valid_tracks)
            name = f"subject-{_label(names)}-stimuli-{number}"
            yield _split(
                name, "loso-stimulus", rest & ~by_person & ~by_track,
                rest & by_person & by_track, test,
            )  # fmt: skip


def _within_subject(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    unit = _trial_unit(features)
    for subject in np.unique(features.subject):
        own = features.subject == subject
        kinds = _emotions(unit[own], features.labels[own])
        groups = _groups(unit[own], folds or 5, seed + int(subject), "trials", least=4, kinds=kinds)
        for number, out in enumerate(groups):
            test = own & np.isin(unit, out)
            train, valid = _split_validation(unit, own & ~test, validation, seed, "trials", kinds)
            yield _split(f"subject-{subject}-trials-{number}", "within-subject", train, valid, test)


def _leave_session_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    """Test on one session of a subject, train on the subject's other sessions."""
    for subject in np.unique(features.subject):
        own = features.subject == subject
        sessions = np.unique(features.session[own])
        if len(sessions) < 2:
            continue
        for session in sessions:
            test = own & (features.session == session)
            unit = features.session if len(sessions) > 2 else features.trial
            unit_name = "sessions" if len(sessions) > 2 else "trials"
            train, valid = _split_validation(unit, own & ~test, validation, seed, unit_name)
            name = f"subject-{subject}-session-{session}"
            yield _split(name, "loso-session", train, valid, test)


def _leave_session_out_checked(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    splits = list(_leave_session_out(features, folds, validation, seed))
    if not splits:
        raise BciAffectError(
            "Leaving sessions out needs a person with at least two sessions; use the protocol "
            "'within-subject'."
        )
    yield from splits


_SPLITTERS: dict[str, Callable[[FeatureSet, int, float, int], Iterator[Split]]] = {
    "loso": _leave_subjects_out,
    "stimulus": _leave_stimuli_out,
    "loso-stimulus": _leave_both_out,
    "within-subject": _within_subject,
    "loso-session": _leave_session_out_checked,
}


def _split(
    name: str,
    protocol: SplitScheme,
    train: NDArray[np.bool_],
    validation: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> Split:
    rows = [np.flatnonzero(part).astype(np.int64) for part in (train, validation, test)]
    return Split(name, protocol, *rows)


def _trial_unit(features: FeatureSet) -> Rows:
    """Return the unit kept together within a subject: the stimulus, or the trial if unknown."""
    known = features.stimulus >= 0
    return np.where(known, features.stimulus, -1 - features.trial)


def _track_labels(features: FeatureSet) -> NDArray[np.float32]:
    """Return the emotion of the track if known, else the subject's rating, (n, 2)."""
    known = np.isfinite(features.music_labels).all(axis=1, keepdims=True)
    return np.where(known, features.music_labels, features.labels)


def _emotions(units: Rows, labels: NDArray[np.float32]) -> dict[int, int]:
    """Return the quadrant of each unit's emotion; adjacent quadrants have adjacent numbers."""
    known = np.isfinite(labels).all(axis=1)
    order = (0, 1, 3, 2)  # around the plane: neighbours differ in one of valence and arousal
    kinds = {}
    for unit in np.unique(units[known]):
        valence, arousal = labels[known & (units == unit)].mean(axis=0) > 0.5
        kinds[int(unit)] = order[2 * int(valence) + int(arousal)]
    return kinds


def _order_by_emotion(names: Rows, kinds: dict[int, int] | None, rng: np.random.Generator) -> Rows:
    """Order units by emotion, randomly within an emotion."""
    shuffled = rng.permutation(names)
    if kinds is None:
        return shuffled
    by_kind = np.argsort([kinds.get(int(name), 0) for name in shuffled], kind="stable")
    return shuffled[by_kind]


def _groups(
    units: Rows,
    folds: int,
    seed: int,
    unit_name: str,
    *,
    least: int,
    kinds: dict[int, int] | None = None,
) -> list[NDArray[np.int64]]:
    """Assign units to folds of about equal size; 0 folds leave one unit out at a time."""
    names = np.unique(units)
    n_folds = folds or len(names)
    needed = max(least, n_folds, 2)
    if len(names) < max(least, n_folds) or n_folds < 2:
        raise BciAffectError(
            f"Too few {unit_name} for the split: {len(names)}, but {needed} are needed; add data "
            "or choose another protocol or fewer folds."
        )
    if n_folds == len(names):
        return [names[i : i + 1] for i in range(len(names))]
    ordered = _order_by_emotion(names, kinds, np.random.default_rng([seed, 0x5]))
    return [np.sort(ordered[i::n_folds]) for i in range(n_folds)]


def _choose_validation(
    units: Rows, share: float, seed: int, unit_name: str, kinds: dict[int, int] | None = None
) -> Rows:
    """Choose the validation units: a share of the units, at least one, never all."""
    names = np.unique(units)
    if len(names) < 2:
        raise BciAffectError(
            f"Too few {unit_name} for validation: {len(names)} are left for training; add data."
        )
    n = min(max(1, round(share * len(names))), len(names) - 1)
    ordered = _order_by_emotion(names, kinds, np.random.default_rng([seed, 0x7]))
    evenly_spaced = ((np.arange(n) + 0.5) * len(names) / n).astype(int)
    return np.sort(ordered[evenly_spaced])


def _split_validation(
    units: Rows,
    available: NDArray[np.bool_],
    share: float,
    seed: int,
    unit_name: str,
    kinds: dict[int, int] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the masks of the training and validation windows."""
    chosen = _choose_validation(units[available], share, seed, unit_name, kinds)
    validation = np.isin(units, chosen)
    return available & ~validation, available & validation


def _require_stimuli(features: FeatureSet) -> None:
    if not (features.stimulus >= 0).any():
        raise BciAffectError(
            "The data set does not contain which stimulus was played; use the protocol 'loso' or "
            "'within-subject'."
        )


def _label(names: Sequence[int] | Rows) -> str:
    return "-".join(str(int(name)) for name in names)
