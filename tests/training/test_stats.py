"""Coverage of intervals and level of tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from bci_affect.training.metrics import balanced_accuracy
from bci_affect.training.stats import bootstrap_mean, compare_paired, permutation_p


def test_interval_has_its_nominal_coverage() -> None:
    rng = np.random.default_rng(0)
    n_trials = 300
    covered = 0
    for seed in range(n_trials):
        found = bootstrap_mean(rng.normal(0.55, 0.1, 10), n_draws=500, seed=seed)
        covered += found.low <= 0.55 <= found.high
    assert covered / n_trials == pytest.approx(0.95, abs=0.035)


def test_interval_of_few_values() -> None:
    assert np.isnan(bootstrap_mean([]).mean)
    one = bootstrap_mean([0.6, np.nan])
    assert (one.mean, one.n) == (0.6, 1)
    assert np.isnan(one.low)
    same = bootstrap_mean([0.5, 0.5, 0.5])
    assert (same.low, same.high) == (0.5, 0.5)


def test_paired_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.6, 0.1, 8), rng.normal(0.52, 0.1, 8)
    expected = permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert compare_paired(a, b).p == pytest.approx(expected)
    assert compare_paired(a, b).difference.mean == pytest.approx((a - b).mean())


def test_paired_of_many_units_uses_random_flips() -> None:
    rng = np.random.default_rng(2)
    better = rng.normal(0.3, 0.1, 20)
    assert compare_paired(better, np.zeros(20)).p < 0.001
    assert compare_paired(rng.normal(0, 1, 20), np.zeros(20)).p > 0.05
    assert compare_paired(np.ones(3), np.ones(3)).p == 1.0


def test_permutation_holds_its_level() -> None:
    rng = np.random.default_rng(3)
    below = [
        permutation_p(
            rng.permutation(np.arange(20) % 2),
            rng.random(20),
            balanced_accuracy,
            n_permutations=99,
            seed=seed,
        )
        <= 0.1
        for seed in range(150)
    ]
    assert np.mean(below) <= 0.16  # 0.1 with room for 150 draws


def test_permutation_finds_an_effect_and_respects_groups() -> None:
    y = np.arange(24) % 2
    assert permutation_p(y, 0.2 + 0.6 * y, balanced_accuracy, n_permutations=199) == 1 / 200
    # The scores identify the person only: no effect if labels are permuted within people.
    person = np.repeat([0, 1], 12)
    rated_high = np.where(person == 1, np.arange(24) % 4 != 0, np.arange(24) % 4 == 0).astype(float)
    scores = person.astype(float)
    assert permutation_p(rated_high, scores, balanced_accuracy, n_permutations=199) < 0.05
    p = permutation_p(rated_high, scores, balanced_accuracy, groups=person, n_permutations=199)
    assert p == 1.0


def test_permutation_of_one_class_is_nan() -> None:
    assert np.isnan(permutation_p([1, 1], [0.4, 0.6], balanced_accuracy))
