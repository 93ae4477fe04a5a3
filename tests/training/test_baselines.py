"""Baselines on data with and without an effect, and their independence of test labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_affect.training.baselines import baseline_names, run_baseline
from bci_affect.training.corpus import Corpus, build_catalogue
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import auc, per_trial
from bci_affect.training.splits import Split, make_splits
from tests.training.conftest import make_features


def synthetic_corpus(effect: float, seed: int = 0) -> Corpus:
    """Return a corpus in which first electrode, covariance and music encode valence."""
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
        build_catalogue(features),
        tuple(f"s{i}" for i in range(6)),
        (),
        (),
        (("Fp1", "Fp2", "C3", "C4"),),
        covariance,
        np.zeros((6, 3), np.float32),
        np.ones((6, 3), np.float32),
    )


def score(name: str, corpus: Corpus, target: int = 0) -> float:
    """Return the trial-level AUC over all people, each held out once."""
    features = corpus.features
    p = np.full((len(features), 2), np.nan)
    for split in make_splits(features, "loso"):
        p[split.test] = run_baseline(name, corpus, features, split)
    _, pairs = per_trial(np.stack([features.labels[:, target], p[:, target]], 1), features.trial)
    return auc(pairs[:, 0], pairs[:, 1])


def test_names_of_the_baselines() -> None:
    assert baseline_names(synthetic_corpus(1.0)) == (
        "majority",
        "music",
        "linear",
        "permuted",
        "riemann",
    )


@pytest.mark.parametrize("name", ["music", "linear", "riemann"])
def test_effect_is_found(name: str) -> None:
    assert score(name, synthetic_corpus(1.5)) > 0.85


@pytest.mark.parametrize("name", ["linear", "riemann"])
def test_chance_level_without_an_effect(name: str) -> None:
    assert np.mean(
        [score(name, synthetic_corpus(0.0, seed)) for seed in range(3)]
    ) == pytest.approx(0.5, abs=0.12)


def test_permuted_labels_lose_the_effect() -> None:
    assert score("permuted", synthetic_corpus(1.5)) < score("linear", synthetic_corpus(1.5)) - 0.2


def test_majority_is_constant(features: FeatureSet) -> None:
    corpus = replace(synthetic_corpus(0.0), features=features)
    split = make_splits(features, "loso")[0]
    probability = run_baseline("majority", corpus, features, split)
    assert np.unique(probability[:, 0]).size == 1


def test_labels_of_test_trials_have_no_effect() -> None:
    corpus = synthetic_corpus(1.0)
    split = make_splits(corpus.features, "loso")[2]
    before = run_baseline("linear", corpus, corpus.features, split)
    labels = corpus.features.labels.copy()
    labels[split.test] = 1 - labels[split.test]
    after = run_baseline("linear", corpus, replace(corpus.features, labels=labels), split)
    np.testing.assert_array_equal(before, after)


def test_one_class_and_missing_labels() -> None:
    corpus = synthetic_corpus(1.0)
    labels = corpus.features.labels.copy()
    labels[:, 0] = 1.0
    labels[:, 1] = np.nan
    features = replace(corpus.features, labels=labels)
    split: Split = make_splits(features, "loso")[0]
    probability = run_baseline("linear", corpus, features, split)
    assert (probability[:, 0] == 1.0).all()
    assert np.isnan(probability[:, 1]).all()
