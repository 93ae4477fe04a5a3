"""Measures agree with cases worked by hand and with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    roc_auc_score,
)

from bci_affect.training.metrics import (
    auc,
    balanced_accuracy,
    calibration_error,
    classification,
    correct_decisions,
    mean_over_classes,
    per_trial,
    rank_auc,
)


def test_by_hand() -> None:
    # high: 0.9 right, 0.4 wrong; low: 0.2 right, 0.1 right, 0.6 wrong, 0.3 right.
    found = classification([1, 1, 0, 0, 0, 0], [0.9, 0.4, 0.2, 0.1, 0.6, 0.3])
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 3 / 4) / 2)
    # high: TP 1, FP 1, FN 1; low: TP 3, FP 1, FN 1.
    assert found.f1 == pytest.approx((2 / 4 + 6 / 8) / 2)
    # Of 8 pairs of high and low, 0.9 beats four and 0.4 beats three.
    assert found.auc == pytest.approx(7 / 8)
    assert found.majority == pytest.approx(4 / 6)
    assert (found.n, found.n_high) == (6, 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda k: k / 20)),
        min_size=4,
        max_size=40,
    ).filter(lambda cases: 0 < sum(label for label, _ in cases) < len(cases))
)
def test_agrees_with_scikit_learn(cases: list[tuple[int, float]]) -> None:
    y, p = np.array(cases).T
    said = p >= 0.5
    found = classification(y, p)
    assert found.accuracy == pytest.approx(accuracy_score(y, said))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, said))
    assert found.f1 == pytest.approx(f1_score(y, said, average="macro", zero_division=0))
    assert found.auc == pytest.approx(roc_auc_score(y, p))
    assert found.brier == pytest.approx(brier_score_loss(y, p))


def test_calibration_error_by_hand() -> None:
    # Bin 0.8-0.9: mean probability 0.85, share 0.5; bin 0.1-0.2: mean 0.1, share 0; both hold two.
    assert calibration_error([1, 0, 0, 0], [0.8, 0.9 - 1e-12, 0.1, 0.1]) == pytest.approx(
        (0.35 + 0.1) / 2
    )
    assert calibration_error([1, 1], [1.0, 1.0]) == 0


def test_what_is_not_defined_is_nan_and_never_looks_like_chance() -> None:
    one_class = classification([1, 1, 1], [0.9, 0.2, 0.7])
    assert np.isnan(one_class.balanced_accuracy)
    assert np.isnan(one_class.auc)
    nobody = classification([np.nan, np.nan], [0.5, 0.5])
    assert nobody.n == 0
    assert np.isnan(nobody.accuracy)


def test_missing_labels_are_left_out() -> None:
    assert auc([1, np.nan, 0], [0.9, 0.1, 0.2]) == 1.0
    assert balanced_accuracy([1, np.nan, 0], [0.9, 0.1, 0.2]) == 1.0


def test_trials_average_their_windows() -> None:
    trials, means = per_trial([0.2, 0.4, np.nan, 1.0], np.array([7, 7, 3, 3]))
    assert trials.tolist() == [3, 7]
    assert means == pytest.approx([1.0, 0.3])
    _, missing = per_trial([[np.nan, 1.0]], np.array([0]))
    assert np.isnan(missing[0, 0])
    assert missing[0, 1] == 1.0


def test_many_labellings_at_once_are_measured_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    logits = np.round(rng.standard_normal((5, 40)), 1)  # with ties
    high = (rng.random((5, 40)) < 0.4).astype(float)
    high[4] = 1.0  # one class
    accuracy = mean_over_classes((logits >= 0) == (high > 0.5), high)
    area = rank_auc(logits, high)
    for row in range(4):
        p = 1 / (1 + np.exp(-logits[row]))
        assert accuracy[row] == balanced_accuracy(high[row], p)
        assert area[row] == auc(high[row], p) == pytest.approx(roc_auc_score(high[row], p))
    assert np.isnan([accuracy[4], area[4]]).all()


def test_even_odds_count_half() -> None:
    right = correct_decisions([2.0, -1.0, 0.0, 0.0], [1, 1, 1, 0])
    np.testing.assert_array_equal(right, [1, 0, 0.5, 0.5])
