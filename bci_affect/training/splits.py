"""Splits that keep people, trials and stimuli apart, by construction.

Every function yields `Split`s over the windows of one `FeatureSet`. Test windows are set aside
first; validation is then cut out of what is left, along the same lines as the test (other people
validate a model that is tested on other people, other stimuli one that is tested on other stimuli),
and sees nothing of the test. `leakage.check_split` refuses whatever breaks the protocol.

Tracks and trials are dealt out by their emotion, so that every part holds high and low in about the
shares of the whole: else a part may hold one class alone, and what a fold's training share leans to
its test share leans away from, which pushes anything constant below chance where folds are pooled.
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
"""What no two parts of a split may share, by protocol.

``loso`` leaves people out, ``stimulus`` leaves tracks out (of everybody), ``loso-stimulus`` both at
once, ``within-subject`` trains and tests on one person's different trials (and different stimuli
where a stimulus was heard twice), ``loso-session`` leaves a sitting of one person out.
"""


@dataclass(frozen=True)
class Split:
    """Rows of a feature set for training, validation and test.

    Attributes
    ----------
    name : str
        Unique within its protocol; names the fold's folder.
    protocol : str
        Key of `FORBIDDEN`.
    train, validation, test : ndarray of int64, shape (n,)
        Ascending rows.
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
    """Return all splits of a protocol, each checked for leaks.

    Parameters
    ----------
    features : FeatureSet
        Whose windows are split.
    protocol : str
        One of `SPLIT_SCHEMES`.
    folds : int
        Number of folds; 0 leaves one unit out at a time (for stimuli and trials: five folds).
    validation : float
        Share of the training units that validate.
    seed : int
        Fixes which units go together.

    Raises
    ------
    BciAffectError
        If there are too few subjects, sessions, stimuli or trials for the protocol.
    """
    from bci_affect.training.leakage import check_split

    if protocol not in _MAKERS:
        raise BciAffectError(
            f"Unknown protocol '{protocol}'; there are {', '.join(SPLIT_SCHEMES)}."
        )
    splits = list(_MAKERS[protocol](features, folds, validation, seed))
    for split in splits:
        check_split(features, split)
    return splits


def _leave_subjects_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    groups = _groups(features.subject, folds, seed, "subjects", least=3)
    for names in groups:
        test = np.isin(features.subject, names)
        train, valid = _cut(features.subject, ~test, validation, seed, "subjects")
        yield _split(f"subject-{_label(names)}", "loso", train, valid, test)


def _leave_stimuli_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    _needs_stimuli(features)
    known = features.stimulus >= 0
    kinds = _emotions(features.stimulus, _track_labels(features))
    groups = _groups(features.stimulus[known], folds or 5, seed, "stimuli", least=3, kinds=kinds)
    for number, tracks in enumerate(groups):
        test = np.isin(features.stimulus, tracks)
        train, valid = _cut(features.stimulus, known & ~test, validation, seed, "stimuli", kinds)
        yield _split(f"stimuli-{number}", "stimulus", train, valid, test)


def _leave_both_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    """Leave people out and, for each, some tracks: nothing of either is seen before the test."""
    _needs_stimuli(features)
    people = _groups(features.subject, folds, seed, "subjects", least=3)
    known = features.stimulus >= 0
    kinds = _emotions(features.stimulus, _track_labels(features))
    tracks = _groups(features.stimulus[known], 3, seed, "stimuli", least=6, kinds=kinds)
    for names in people:
        for number, out in enumerate(tracks):
            person, heard = np.isin(features.subject, names), np.isin(features.stimulus, out)
            test = person & heard
            rest = ~person & ~heard & known
            valid_people = _some(features.subject[rest], validation, seed, "subjects")
            valid_tracks = _some(features.stimulus[rest], validation, seed, "stimuli", kinds)
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
        mine = features.subject == subject
        kinds = _emotions(unit[mine], features.labels[mine])
        groups = _groups(
            unit[mine], folds or 5, seed + int(subject), "trials", least=4, kinds=kinds
        )
        for number, out in enumerate(groups):
            test = mine & np.isin(unit, out)
            train, valid = _cut(unit, mine & ~test, validation, seed, "trials", kinds)
            yield _split(f"subject-{subject}-trials-{number}", "within-subject", train, valid, test)


def _leave_session_out(
    features: FeatureSet, folds: int, validation: float, seed: int
) -> Iterator[Split]:
    """Test on one sitting of a person, train on that person's others."""
    for subject in np.unique(features.subject):
        mine = features.subject == subject
        sessions = np.unique(features.session[mine])
        if len(sessions) < 2:
            continue
        for session in sessions:
            test = mine & (features.session == session)
            unit = features.session if len(sessions) > 2 else features.trial
            what = "sessions" if len(sessions) > 2 else "trials"
            train, valid = _cut(unit, mine & ~test, validation, seed, what)
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


_MAKERS: dict[str, Callable[[FeatureSet, int, float, int], Iterator[Split]]] = {
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
    """Name what stays together within a person: the trial, or a stimulus that came twice."""
    known = features.stimulus >= 0
    return np.where(known, features.stimulus, -1 - features.trial)


def _track_labels(features: FeatureSet) -> NDArray[np.float32]:
    """Return the track's own emotion where it is known, else the person's rating, (n, 2)."""
    known = np.isfinite(features.music_labels).all(axis=1, keepdims=True)
    return np.where(known, features.music_labels, features.labels)


def _emotions(units: Rows, labels: NDArray[np.float32]) -> dict[int, int]:
    """Return each unit's emotion as a number that is near for what is alike."""
    known = np.isfinite(labels).all(axis=1)
    turn = (0, 1, 3, 2)  # around the plane: neighbours differ in one of valence and arousal
    kinds = {}
    for unit in np.unique(units[known]):
        valence, arousal = labels[known & (units == unit)].mean(axis=0) > 0.5
        kinds[int(unit)] = turn[2 * int(valence) + int(arousal)]
    return kinds


def _dealt(names: Rows, kinds: dict[int, int] | None, rng: np.random.Generator) -> Rows:
    """Order units so that those of one kind stand together, by chance among themselves."""
    shuffled = rng.permutation(names)
    if kinds is None:
        return shuffled
    by_kind = np.argsort([kinds.get(int(name), 0) for name in shuffled], kind="stable")
    return shuffled[by_kind]


def _groups(
    units: Rows,
    folds: int,
    seed: int,
    what: str,
    *,
    least: int,
    kinds: dict[int, int] | None = None,
) -> list[NDArray[np.int64]]:
    """Put units into folds of about equal size; 0 folds leave one unit out at a time."""
    names = np.unique(units)
    n_folds = folds or len(names)
    if len(names) < max(least, n_folds) or n_folds < 2:
        raise BciAffectError(
            f"Too few {what} for the split: {len(names)}, but {max(least, n_folds, 2)} are needed; "
            "add data or choose another protocol or fewer folds."
        )
    if n_folds == len(names):
        return [names[i : i + 1] for i in range(len(names))]
    dealt = _dealt(names, kinds, np.random.default_rng([seed, 0x5]))
    return [np.sort(dealt[i::n_folds]) for i in range(n_folds)]


def _some(
    units: Rows, share: float, seed: int, what: str, kinds: dict[int, int] | None = None
) -> Rows:
    """Choose units that validate: the share, at least one, and never all."""
    names = np.unique(units)
    if len(names) < 2:
        raise BciAffectError(
            f"Too few {what} to validate on: {len(names)} are left for training; add data."
        )
    n = min(max(1, round(share * len(names))), len(names) - 1)
    dealt = _dealt(names, kinds, np.random.default_rng([seed, 0x7]))
    evenly = ((np.arange(n) + 0.5) * len(names) / n).astype(int)
    return np.sort(dealt[evenly])


def _cut(
    units: Rows,
    available: NDArray[np.bool_],
    share: float,
    seed: int,
    what: str,
    kinds: dict[int, int] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    chosen = np.isin(units, _some(units[available], share, seed, what, kinds))
    return available & ~chosen, available & chosen


def _needs_stimuli(features: FeatureSet) -> None:
    if not (features.stimulus >= 0).any():
        raise BciAffectError(
            "The data set does not say which stimulus was heard; use the protocol 'loso' or "
            "'within-subject'."
        )


def _label(names: Sequence[int] | Rows) -> str:
    return "-".join(str(int(name)) for name in names)
