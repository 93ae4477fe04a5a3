"""Splits of every scheme are free of leaks, and leaks inserted on purpose are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.errors import BciAffectError
from bci_affect.training.features import FeatureSet
from bci_affect.training.leakage import LeakError, refuse_leak
from bci_affect.training.splits import FORBIDDEN, SPLIT_SCHEMES, Split, make_splits
from tests.training.conftest import make_features

SHARED_NEVER = {
    "loso": ("subject", "trial"),
    "stimulus": ("stimulus", "trial"),
    "loso-stimulus": ("subject", "stimulus", "trial"),
    "within-subject": ("trial", "stimulus"),
    "loso-session": ("trial",),
}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.integers(3, 6), st.integers(2, 3), st.integers(8, 12), st.integers(0, 5), st.integers(0, 3)
)
@pytest.mark.parametrize("protocol", SPLIT_SCHEMES)
def test_parts_share_nothing(
    protocol: str, subjects: int, sessions: int, trials: int, seed: int, folds: int
) -> None:
    features = make_features(subjects, sessions, trials, 2, n_channels=1, seed=seed)
    folds = 0 if folds < 3 else folds
    splits = make_splits(features, protocol, folds=folds, seed=seed)  # type: ignore[arg-type]
    assert len({split.name for split in splits}) == len(splits)
    for split in splits:
        parts = (split.train, split.validation, split.test)
        assert all(len(part) for part in parts)
        for first, second in ((0, 1), (0, 2), (1, 2)):
            for unit in SHARED_NEVER[protocol]:
                values = getattr(features, unit)
                assert not set(values[parts[first]]) & set(values[parts[second]])


@pytest.mark.parametrize("protocol", ["loso", "stimulus", "loso-stimulus", "within-subject"])
def test_every_window_is_tested_once(protocol: str) -> None:
    features = make_features(4, 1, 9)
    tested = np.concatenate([s.test for s in make_splits(features, protocol)])  # type: ignore[arg-type]
    assert sorted(tested) == list(range(len(features)))


def test_loso_leaves_one_subject_out_and_validates_on_others() -> None:
    features = make_features(5)
    splits = make_splits(features, "loso")
    assert len(splits) == 5
    for person, split in enumerate(splits):
        assert set(features.subject[split.test]) == {person}
        assert len(set(features.subject[split.validation])) == 1


def test_sessions_are_left_out_within_a_subject() -> None:
    features = make_features(2, 3, 9)
    splits = make_splits(features, "loso-session")
    assert len(splits) == 6
    for split in splits:
        rows = np.concatenate([split.train, split.validation, split.test])
        assert len(set(features.subject[rows])) == 1
        assert not set(features.session[split.train]) & set(features.session[split.test])


def test_seed_determines_the_splits(features: FeatureSet) -> None:
    a, b = (make_splits(features, "within-subject", folds=3, seed=4) for _ in range(2))
    assert all(np.array_equal(x.train, y.train) for x, y in zip(a, b, strict=True))
    c = make_splits(features, "within-subject", folds=3, seed=5)
    assert any(not np.array_equal(x.test, y.test) for x, y in zip(a, c, strict=True))


PAIRS = (("train", "test"), ("validation", "test"), ("train", "validation"))
LEAKS = [
    (protocol, unit, pair)
    for protocol, units in FORBIDDEN.items()
    for unit in units
    for pair in PAIRS
]
# With two sessions, validation trials come from the training session.
LEAKS.remove(("loso-session", "session", ("train", "validation")))


@pytest.mark.parametrize(("protocol", "unit", "pair"), LEAKS)
def test_leaks_are_refused(protocol: str, unit: str, pair: tuple[str, str]) -> None:
    """Give one window of the second part a unit of the first part."""
    features = make_features(5, 2, 8)
    split = make_splits(features, protocol)[0]  # type: ignore[arg-type]
    values = getattr(features, unit).copy()
    first, second = (getattr(split, part) for part in pair)
    values[second[0]] = values[first[0]]
    with pytest.raises(LeakError, match=unit):
        refuse_leak(replace(features, **{unit: values}), split)


def test_shared_window_is_refused(features: FeatureSet) -> None:
    split = make_splits(features, "loso")[0]
    leaky = replace(split, train=np.append(split.train, split.test[:1]))
    with pytest.raises(LeakError, match="window"):
        refuse_leak(features, leaky)


def test_random_windows_are_refused(features: FeatureSet) -> None:
    """Random assignment of windows regardless of their trial, common in published results."""
    rows = np.random.default_rng(0).permutation(len(features))
    thirds = [np.sort(part) for part in np.array_split(rows, 3)]
    with pytest.raises(LeakError):
        refuse_leak(features, Split("random", "within-subject", *thirds))


@pytest.mark.parametrize(
    ("shape", "protocol", "named"),
    [
        ((2, 1, 6), "loso", "Too few subjects"),
        ((4, 1, 2), "stimulus", "Too few stimuli"),
        ((4, 1, 3), "within-subject", "Too few trials"),
        ((4, 1, 6), "loso-session", "two sessions"),
    ],
)
def test_too_few_units_are_refused(shape: tuple[int, int, int], protocol: str, named: str) -> None:
    with pytest.raises(BciAffectError, match=named) as caught:
        make_splits(make_features(*shape), protocol)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unknown_stimuli_cannot_be_held_out(features: FeatureSet) -> None:
    unknown = replace(features, stimulus=np.full(len(features), -1))
    with pytest.raises(BciAffectError, match="which stimulus"):
        make_splits(unknown, "stimulus")
    assert make_splits(unknown, "within-subject")


@pytest.mark.parametrize("protocol", ["stimulus", "loso-stimulus"])
def test_every_part_holds_both_emotions(protocol: str) -> None:
    """Tracks are stratified by emotion: test shares are not opposed to training shares."""
    for seed in range(5):
        features = make_features(6, 1, 20, 1, seed=seed)
        overall = features.labels.mean(axis=0)
        for split in make_splits(features, protocol, seed=seed):  # type: ignore[arg-type]
            for part, near in ((split.train, 0.07), (split.validation, 0.34), (split.test, 0.15)):
                share = features.labels[part].mean(axis=0)
                assert np.abs(share - overall).max() <= near
                assert ((share > 0) & (share < 1)).all()


def test_within_subject_folds_hold_both_emotions() -> None:
    features = make_features(3, 1, 10, 2)
    for split in make_splits(features, "within-subject"):
        for part in (split.train, split.test):
            assert set(features.labels[part, 0]) == {0.0, 1.0}
