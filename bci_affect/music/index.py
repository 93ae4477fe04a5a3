"""Nearest-neighbour search of tracks by the cosine similarity of their segments.

`SearchIndex` is the interface for other implementations. Up to a million segments, the exact search
by a matrix product takes milliseconds; approximate indexes take minutes to build and lose recall.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BEST_SEGMENTS = 3
"""Number of best segments averaged for the score of a track: less noisy than the single best one,
and more specific than the centroid."""


class SearchIndex(Protocol):
    """Interface of a search index; the embeddings of a track are adjacent."""

    def build(self, embeddings: NDArray[np.float32], track_ids: NDArray[np.int64]) -> None:
        """Build the index from unit-length embeddings (n, d) and the track of each, (n,)."""

    def search(
        self, queries: NDArray[np.float32], count: int, exclude: frozenset[int]
    ) -> list[tuple[int, float, int]]:
        """Return the best tracks for unit-length queries (m, d): track, score, best segment."""


class ExactIndex:
    """Exhaustive search over all segments."""

    def __init__(self) -> None:
        self._rows = np.empty((0, 0), np.float32)
        self._tracks = np.empty(0, np.int64)  # (n_tracks,)
        self._starts = np.empty(0, np.int64)  # (n_tracks + 1,)

    def build(self, embeddings: NDArray[np.float32], track_ids: NDArray[np.int64]) -> None:
        """Build the index; see `SearchIndex`."""
        change = np.flatnonzero(np.diff(track_ids)) + 1
        edges = [np.zeros(min(1, len(embeddings)), np.int64), change, np.array([len(embeddings)])]
        self._starts = np.concatenate(edges).astype(np.int64)
        self._tracks = track_ids[self._starts[:-1]]
        self._rows = np.ascontiguousarray(embeddings, dtype=np.float32)

    def search(
        self, queries: NDArray[np.float32], count: int, exclude: frozenset[int] = frozenset()
    ) -> list[tuple[int, float, int]]:
        """Return the best tracks; see `SearchIndex`.

        The mean of a track's best segments never exceeds its single best segment, so tracks whose
        single best is below the scores found so far are skipped without loss of exactness.
        """
        if not len(self._tracks) or not len(queries):
            return []
        if len(queries) == 1:
            similarity = self._rows @ queries[0]  # (n,)
        else:  # mean over the queries of the similarity is the similarity to their mean
            similarity = self._rows @ queries.mean(axis=0)
        tops = np.maximum.reduceat(similarity, self._starts[:-1])  # (n_tracks,)
        if exclude:
            tops = np.where(np.isin(self._tracks, list(exclude)), -np.inf, tops)
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
