"""Projections of the common space keep clusters separate."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.training.report_figures import _neighbour_maps, space_figures

pytestmark = pytest.mark.timeout(600)  # UMAP is compiled at its first use


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Return points of two well-separated clusters in 16 dimensions, with their cluster."""
    cluster = np.arange(60) % 2
    return np.random.default_rng(0).normal(cluster[:, None], 0.1, (60, 16)), cluster


def separated(points: np.ndarray, cluster: np.ndarray) -> bool:
    """Return True if the nearest neighbour of every point is in the same cluster."""
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    return bool((cluster[distance.argmin(axis=1)] == cluster).all())


def test_projections_of_the_common_space() -> None:
    points, cluster = clusters()
    labels = np.stack([cluster, 1 - cluster], axis=1).astype(float)
    figures = space_figures(points[:40], points[40:], cluster[:40], labels[:40], labels[40:])
    assert figures[0][0].startswith("Principal axes (")
    assert figures[1][0] == "t-SNE"
    assert all(len(figure) > 1000 for _, figure in figures)
    name, projected = _neighbour_maps(points, 0)[0]
    assert (name, projected.shape) == ("t-SNE", (60, 2))
    assert separated(projected, cluster)


def test_umap_separates_clusters_and_is_reproducible() -> None:
    pytest.importorskip("umap", reason="UMAP is not installed: pip install 'bci_affect[maps]'")
    points, cluster = clusters()
    (_, first), (_, again) = (dict(_neighbour_maps(points, 0)).popitem() for _ in range(2))
    assert first.shape == (60, 2)
    assert separated(first, cluster)
    assert np.array_equal(first, again)
