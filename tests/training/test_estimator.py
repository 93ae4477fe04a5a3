"""`AffectClassifier` as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from bci_affect.errors import BciAffectError
from bci_affect.training.estimator import AffectClassifier, trial_table
from tests.training.test_baselines import synthetic_corpus


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    corpus = synthetic_corpus(1.5)
    x, y, people = trial_table(corpus, "valence")
    return x, y, people, corpus.features.positions[0]


def test_samples_are_trials(table: tuple[np.ndarray, ...]) -> None:
    x, y, people, _ = table
    assert x.shape == (120, 3, 2, 4, 3)
    assert set(y) == {0, 1}
    assert np.bincount(people).tolist() == [20] * 6


def test_works_in_cross_validation_with_groups(table: tuple[np.ndarray, ...]) -> None:
    x, y, people, positions = table
    classifier = AffectClassifier(positions, epochs=5)
    scores = cross_val_score(classifier, x, y, groups=people, cv=LeaveOneGroupOut())
    assert len(scores) == 6
    assert scores.mean() > 0.75


def test_clone_refit_and_string_labels(table: tuple[np.ndarray, ...]) -> None:
    x, y, people, positions = table
    classifier = AffectClassifier(positions, epochs=2, seed=3)
    copy = clone(classifier)
    assert copy.get_params() == classifier.get_params() | {"positions": copy.positions}
    names = np.array(["calm", "excited"])[y]
    first = classifier.fit(x, names, groups=people).predict_proba(x)
    again = copy.fit(x, names, groups=people).predict_proba(x)
    np.testing.assert_array_equal(first, again)  # same seed, same result
    np.testing.assert_allclose(first.sum(axis=1), 1)
    assert set(classifier.predict(x)) <= {"calm", "excited"}
    assert 0 <= classifier.score(x, names) <= 1


def test_padding_and_masked_electrodes_have_no_effect(table: tuple[np.ndarray, ...]) -> None:
    x, y, _, positions = table
    classifier = AffectClassifier(positions, epochs=1).fit(x, y)
    padded = np.concatenate([x, np.full_like(x[:, :1], np.nan)], axis=1)
    np.testing.assert_allclose(
        classifier.predict_proba(x), classifier.predict_proba(padded), atol=1e-6
    )
    dead = x.copy()
    dead[:, :, :, 2] = np.nan
    assert np.isfinite(classifier.predict_proba(dead)).all()


def test_invalid_input_is_refused(table: tuple[np.ndarray, ...]) -> None:
    x, y, _, positions = table
    missing = np.full_like(x, np.nan)
    for wrong, named in (
        (lambda: AffectClassifier(positions).fit(x[0, 0], y), "shape"),
        (lambda: AffectClassifier(positions).fit(x, y[:5]), "120 trials"),
        (lambda: AffectClassifier(positions).fit(x, np.zeros(120)), "two classes"),
        (lambda: AffectClassifier(positions).fit(missing, y), "no window"),
        (lambda: AffectClassifier(positions[:2]).fit(x, y), "positions"),
        (lambda: AffectClassifier(positions, preset="nonsense").fit(x, y), "preset"),
    ):
        with pytest.raises(BciAffectError, match=named) as caught:
            wrong()
        assert "\n" not in str(caught.value)
    corpus = synthetic_corpus(0.0)
    unrated = replace(corpus.features, labels=np.full_like(corpus.features.labels, np.nan))
    with pytest.raises(BciAffectError, match="no ratings of arousal"):
        trial_table(replace(corpus, features=unrated), "arousal")


@parametrize_with_checks([AffectClassifier(epochs=1)])
def test_passes_the_checks_of_scikit_learn(estimator: AffectClassifier, check: Any) -> None:
    """All checks apply, since a table of two dimensions is one electrode with bands."""
    check(estimator)
