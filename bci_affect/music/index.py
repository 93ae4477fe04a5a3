"""Exact search: which tracks have segments that point where a query points.

`Index` is the seam for something larger; up to a million segments a plain matrix product answers in
milliseconds, and approximate indexes cost minutes to build and lose recall.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BEST_SEGMENTS = 3
"""A track's score is the mean of this many best segments: steadier than the single best, and not
blurred like the centroid."""


class Index(Protocol):
    """What retrieval asks of a search structure; rows of a track lie next to each other."""

    def build(self, rows: NDArray[np.float32], track_ids: NDArray[np.int64]) -> None:
        """Take all rows, shape (n, d) of unit length, and the track of each, shape (n,)."""

    def search(
        self, queries: NDArray[np.float32], count: int, leave_out: frozenset[int]
    ) -> list[tuple[int, float, int]]:
        """Return the best tracks for queries (m, d) of unit length: track, score, best row."""


class ExactIndex:
    """Every segment is compared."""

    def __init__(self) -> None:
        self._rows = np.empty((0, 0), np.float32)
        self._tracks = np.empty(0, np.int64)  # (n_tracks,)
        self._starts = np.empty(0, np.int64)  # (n_tracks + 1,)

    def build(self, rows: NDArray[np.float32], track_ids: NDArray[np.int64]) -> None:
        """Take all rows; see `Index`."""
        change = np.flatnonzero(np.diff(track_ids)) + 1
        edges = [np.zeros(min(1, len(rows)), np.int64), change, np.array([len(rows)])]
        self._starts = np.concatenate(edges).astype(np.int64)
        self._tracks = track_ids[self._starts[:-1]]
        self._rows = np.ascontiguousarray(rows, dtype=np.float32)

    def search(
        self, queries: NDArray[np.float32], count: int, leave_out: frozenset[int] = frozenset()
    ) -> list[tuple[int, float, int]]:
        """Return the best tracks; see `Index`. Exact, though few tracks are scored whole.

        A track's mean of best segments is never above its single best, so tracks whose single best
        is below the scores found cannot enter.
        """
        if not len(self._tracks) or not len(queries):
            return []
        if len(queries) == 1:
            similarity = self._rows @ queries[0]  # (n,)
        else:  # mean over the queries of the similarity is the similarity to their mean
            similarity = self._rows @ queries.mean(axis=0)
        tops = np.maximum.reduceat(similarity, self._starts[:-1])  # (n_tracks,)
        if leave_out:
            tops = np.where(np.isin(self._tracks, list(leave_out)), -np.inf, tops)
        order = np.argsort(-tops)
        order = order[np.isfinite(tops[order])]
        found: list[tuple[float, int]] = []
        for index in order:
            if len(found) >= count:
                found.sort(key=lambda item: -item[0])
                del found[count:]
                if tops[index] <= found[-1][0]:
                    break
            segment = similarity[self._starts[index] : self._starts[index + 1]]
            best = np.partition(segment, -min(BEST_SEGMENTS, len(segment)))[-BEST_SEGMENTS:]
            found.append((float(best.mean()), int(index)))
        found.sort(key=lambda item: -item[0])
        results = []
        for score, index in found[:count]:
            first, last = self._starts[index], self._starts[index + 1]
            row = int(first + np.argmax(similarity[first:last]))
            results.append((int(self._tracks[index]), score, row))
        return results
