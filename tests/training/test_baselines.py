"""Baselines find what is there, find nothing where nothing is, and fit on training trials only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_affect.training.baselines import baseline_names, run_baseline
from bci_affect.training.corpus import Corpus, catalogue_of
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import auc, per_trial
from bci_affect.training.splits import Split, make_splits
from tests.training.conftest import make_features


def planted(effect: float, seed: int = 0) -> Corpus:
    """Return people whose first electrode and band, covariance and music say valence."""
    rng = np.random.default_rng(seed)
    features = make_features(6, 1, 20, 3, n_channels=4, seed=seed)
    high = features.labels[:, 0]
    bands, music = features.bands.copy(), features.music.copy()
    bands[:, :, 0, 0] += effect * (2 * high[:, None] - 1)
    music[:, 0] += effect * (2 * high - 1)
    features = replace(features, bands=bands, music=music)
    trials, label = per_trial(high, features.trial)
    covariance = np.empty((len(trials), 4, 4), np.float32)
    for row, one in enumerate(label):
        noise = rng.standard_normal((4, 200))
        noise[1] *= np.exp(0.3 * effect * (2 * one - 1))
        covariance[row] = np.cov(noise)
    return Corpus(
        features,
        catalogue_of(features),
        tuple(f"s{i}" for i in range(6)),
        (),
        (),
        (("Fp1", "Fp2", "C3", "C4"),),
        covariance,
        np.zeros((6, 3), np.float32),
        np.ones((6, 3), np.float32),
    )


def score(name: str, corpus: Corpus, target: int = 0) -> float:
    """Trial-level AUC over all people, each held out once."""
    features = corpus.features
    said = np.full((len(features), 2), np.nan)
    for split in make_splits(features, "loso"):
        said[split.test] = run_baseline(name, corpus, features, split)
    _, pairs = per_trial(np.stack([features.labels[:, target], said[:, target]], 1), features.trial)
    return auc(pairs[:, 0], pairs[:, 1])


def test_all_baselines_are_there() -> None:
    assert baseline_names(planted(1.0)) == ("majority", "music", "linear", "permuted", "riemann")


@pytest.mark.parametrize("name", ["music", "linear", "riemann"])
def test_what_is_planted_is_found(name: str) -> None:
    assert score(name, planted(1.5)) > 0.85


@pytest.mark.parametrize("name", ["linear", "riemann"])
def test_nothing_is_found_where_nothing_is(name: str) -> None:
    assert np.mean([score(name, planted(0.0, seed)) for seed in range(3)]) == pytest.approx(
        0.5, abs=0.12
    )


def test_permuted_labels_teach_nothing() -> None:
    assert score("permuted", planted(1.5)) < score("linear", planted(1.5)) - 0.2


def test_majority_says_the_same_of_everything(features: FeatureSet) -> None:
    corpus = replace(planted(0.0), features=features)
    split = make_splits(features, "loso")[0]
    said = run_baseline("majority", corpus, features, split)
    assert np.unique(said[:, 0]).size == 1


def test_labels_of_test_trials_change_nothing() -> None:
    corpus = planted(1.0)
    split = make_splits(corpus.features, "loso")[2]
    before = run_baseline("linear", corpus, corpus.features, split)
    labels = corpus.features.labels.copy()
    labels[split.test] = 1 - labels[split.test]
    after = run_baseline("linear", corpus, replace(corpus.features, labels=labels), split)
    np.testing.assert_array_equal(before, after)


def test_one_class_and_missing_labels_are_said_plainly() -> None:
    corpus = planted(1.0)
    labels = corpus.features.labels.copy()
    labels[:, 0] = 1.0
    labels[:, 1] = np.nan
    features = replace(corpus.features, labels=labels)
    split: Split = make_splits(features, "loso")[0]
    said = run_baseline("linear", corpus, features, split)
    assert (said[:, 0] == 1.0).all()
    assert np.isnan(said[:, 1]).all()
