"""Drawings of the common space show what lies apart as apart."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.training.report_figures import _neighbour_maps, space_figures

pytestmark = pytest.mark.timeout(600)  # UMAP, where it is installed, compiles itself first


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Return points of two clouds that lie far apart in 16 dimensions, and which is which."""
    which = np.arange(60) % 2
    return np.random.default_rng(0).normal(which[:, None], 0.1, (60, 16)), which


def separated(placed: np.ndarray, which: np.ndarray) -> bool:
    """Whether every point's nearest neighbour is of its own cloud."""
    apart = ((placed[:, None] - placed[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    return bool((which[apart.argmin(axis=1)] == which).all())


def test_the_common_space_is_drawn_by_its_axes_and_by_neighbours() -> None:
    points, which = clusters()
    labels = np.stack([which, 1 - which], axis=1).astype(float)
    figures = space_figures(points[:40], points[40:], which[:40], labels[:40], labels[40:])
    assert figures[0][0].startswith("Principal axes (")
    assert figures[1][0] == "t-SNE"
    assert all(len(figure) > 1000 for _, figure in figures)
    name, placed = _neighbour_maps(points, 0)[0]
    assert (name, placed.shape) == ("t-SNE", (60, 2))
    assert separated(placed, which)


def test_umap_places_neighbours_together_and_repeats_itself() -> None:
    pytest.importorskip("umap", reason="UMAP is not installed: pip install 'bci_affect[maps]'")
    points, which = clusters()
    (_, first), (_, again) = (dict(_neighbour_maps(points, 0)).popitem() for _ in range(2))
    assert first.shape == (60, 2)
    assert separated(first, which)
    assert np.array_equal(first, again)
