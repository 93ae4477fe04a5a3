"""Conclusions in the report of a study agree with its intervals and p-values."""

from __future__ import annotations

from typing import Any

import pytest

from bci_affect.training.report import conclusions


def _sentence(mean: float | None, low: float | None, high: float | None, p: float | None) -> str:
    found = {"mean": mean, "low": low, "high": high, "n": 8}
    result: dict[str, Any] = {
        "p": {"valence": p},
        "valence": {"trial": {"balanced_accuracy": found}},
    }
    metrics = {"protocol": "loso", "results": {"streaming": {"pretrain": result}}}
    (sentence,) = conclusions(metrics)
    return sentence


@pytest.mark.parametrize(
    ("mean", "low", "high", "p", "expected"),
    [
        (0.7, 0.6, 0.8, 0.001, ": is above chance (0.700 [0.600, 0.800], chance 0.5, p = 0.001)."),
        (0.5, 0.4, 0.6, 0.5, ": is not shown to be above chance ("),
        (0.3, 0.2, 0.4, 1.0, "is below chance"),
        (0.6, 0.48, 0.7, 0.01, "permutes labels within each person, but is not shown to be above"),
        (0.6, 0.51, 0.7, 0.2, "excludes chance, but the test"),
        (0.9, None, None, 0.001, "in this one person, which is no evidence about other people"),
        (0.9, None, None, 0.2, "is not shown to be above chance"),
        (None, None, None, None, "is undefined: no person has trials of both classes"),
    ],
)
def test_interval_and_test_that_differ_are_explained(
    mean: float | None, low: float | None, high: float | None, p: float | None, expected: str
) -> None:
    assert expected in _sentence(mean, low, high, p)
