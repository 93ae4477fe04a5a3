"""Retrieval metrics against values by hand, brute force and scikit-learn, and at chance."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from bci_affect.training.retrieval import chance_level, cosine, retrieval_metrics, track_scores


def test_by_hand() -> None:
    scores = [[0.9, 0.8, 0.7, 0.6, 0.5]]
    relevant = [[False, True, False, True, False]]
    found = retrieval_metrics(scores, relevant, ks=(1, 2, 4, 5, 10))
    assert found.precision_at_k == {1: 0.0, 2: 0.5, 4: 0.5, 5: pytest.approx(0.4)}
    assert found.mean_reciprocal_rank == pytest.approx(1 / 2)
    assert found.median_rank == 2
    assert found.mean_average_precision == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found.recall_at_1 == 0


def test_precision_is_not_divided_by_hits() -> None:
    """Division by the number of hits, as in the paper's released code, would give 1.0 here."""
    found = retrieval_metrics([[5, 4, 3, 2, 1]], [[True, False, False, False, True]], ks=(4,))
    assert found.precision_at_k[4] == pytest.approx(1 / 4)


def test_average_precision_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((30, 12))
    relevant = rng.random((30, 12)) < 0.3
    relevant[:, 0] = True
    expected = [average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)]
    assert retrieval_metrics(scores, relevant).mean_average_precision == pytest.approx(
        np.mean(expected)
    )


def test_chance_level_is_the_exact_mean_over_all_orders() -> None:
    flags = np.array([True, True, False, False, False])
    orders = np.array([flags[list(order)] for order in permutations(range(5))])
    scores = np.tile(np.arange(5, 0, -1.0), (len(orders), 1))
    found = retrieval_metrics(scores, orders, ks=(1, 3))
    expected = chance_level(flags[None], ks=(1, 3))
    assert found.precision_at_k[3] == pytest.approx(expected["p@3"])
    assert found.mean_average_precision == pytest.approx(expected["mAP"])
    assert found.mean_reciprocal_rank == pytest.approx(expected["MRR"])
    assert found.median_rank == expected["median_rank"]


def test_constant_model_is_at_chance() -> None:
    """Ties must not be resolved by the order of the catalogue."""
    relevant = np.zeros((6, 6), np.bool_)
    relevant[:, :2] = True
    found = retrieval_metrics(np.zeros((6, 6)), relevant, ks=(1, 2, 5))
    expected = chance_level(relevant, ks=(1, 2, 5))
    assert found.precision_at_k[1] == pytest.approx(expected["p@1"])
    assert found.precision_at_k[5] == pytest.approx(expected["p@5"])
    assert found.mean_average_precision == pytest.approx(expected["mAP"])
    assert found.mean_reciprocal_rank == pytest.approx(expected["MRR"])


def test_random_ranking_is_at_chance() -> None:
    rng = np.random.default_rng(1)
    relevant = rng.random((4000, 20)) < 0.2
    relevant[:, 3] |= ~relevant.any(axis=1)
    found = retrieval_metrics(rng.standard_normal(relevant.shape), relevant)
    assert found.mean_average_precision == pytest.approx(found.chance["mAP"], abs=0.01)
    assert found.mean_reciprocal_rank == pytest.approx(found.chance["MRR"], abs=0.02)
    assert found.precision_at_k[10] == pytest.approx(found.chance["p@10"], abs=0.01)


def test_queries_without_a_relevant_item_are_left_out() -> None:
    found = retrieval_metrics([[1.0, 2.0], [2.0, 1.0]], [[False, False], [True, False]])
    assert found.n_queries == 1
    assert found.recall_at_1 == 1
    assert retrieval_metrics([[1.0]], [[False]]).n_queries == 0


def test_track_score_is_the_mean_of_its_three_highest_scores() -> None:
    scores = np.array([[0.1, 0.9, 0.8, 0.7, 0.5]])
    found = track_scores(scores, np.array([4, 4, 4, 4, 2]))
    assert found == pytest.approx(np.array([[0.5, 0.8]]))


def test_cosine_of_a_zero_vector_is_zero() -> None:
    assert cosine([[0.0, 0.0]], [[1.0, 0.0]]) == pytest.approx(0.0)
