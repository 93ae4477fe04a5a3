"""Speed and quality of finding music: ms a query by size, and whether the right track is found.

``own_track``: the first half of each generated piece asks for the second halves of all; chance is
one in their number. ``pairs``: a noisy copy of one segment's place asks for its track.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIM = 32
_ROWS_PER_TRACK = 200


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` takes fewer queries and pieces."""
    sizes = (10_000, 100_000, 1_000_000)
    return {
        "ms_per_query": {str(size): _speed(size, 5 if quick else 30) for size in sizes},
        "pairs": _pairs(100 if quick else 1000),
        "own_track": _own_track(6 if quick else 14),
    }


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit


def _space(n_rows: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of tracks that vary around their own centres."""
    n_tracks = n_rows // _ROWS_PER_TRACK
    centres = rng.standard_normal((n_tracks, 1, _DIM), dtype=np.float32)
    rows = centres + rng.standard_normal((n_tracks, _ROWS_PER_TRACK, _DIM), dtype=np.float32)
    ids = np.repeat(np.arange(n_tracks), _ROWS_PER_TRACK)
    return _unit(rows.reshape(-1, _DIM)), ids


def _speed(n_rows: int, n_queries: int) -> dict[str, float]:
    from bci_affect.music import ExactIndex

    rng = np.random.default_rng(0)
    index = ExactIndex()
    index.build(*_space(n_rows, rng))
    times = []
    for query in _unit(rng.standard_normal((n_queries, 1, _DIM), dtype=np.float32)):
        begun = time.perf_counter()
        index.search(query, 5, frozenset())
        times.append(1e3 * (time.perf_counter() - begun))
    median, worst = np.percentile(times, [50, 95])
    return {"median": round(float(median), 2), "p95": round(float(worst), 2)}


def _pairs(n_queries: int) -> dict[str, float]:
    from bci_affect.music import ExactIndex

    rng = np.random.default_rng(1)
    rows, ids = _space(20_000, rng)
    index = ExactIndex()
    index.build(rows, ids)
    first = among_five = 0
    for at in rng.integers(0, len(rows), n_queries):
        noise = rng.standard_normal((1, _DIM), dtype=np.float32) / np.float32(np.sqrt(_DIM))
        found = [track for track, _, _ in index.search(_unit(rows[at] + noise), 5, frozenset())]
        first += found[0] == ids[at]
        among_five += ids[at] in found
    return {
        "queries": n_queries,
        "tracks": int(ids.max()) + 1,
        "hit_at_1": round(first / n_queries, 3),
        "hit_at_5": round(among_five / n_queries, 3),
        "chance_at_1": round(1 / (int(ids.max()) + 1), 4),
    }


def _own_track(n_pieces: int) -> dict[str, float]:
    from bci_affect.music import ExactIndex, single_threaded_torch
    from bci_affect.simulation import PIECES, embedded

    with single_threaded_torch():
        rows = [rows for _, _, rows in embedded(PIECES[:n_pieces])]
    every = np.concatenate(rows)
    placed = [_unit((r - every.mean(axis=0)) / every.std(axis=0)) for r in rows]
    halves = [(r[: len(r) // 2 - 1], r[len(r) // 2 + 1 :]) for r in placed]
    index = ExactIndex()
    ids = np.concatenate([np.full(len(second), i) for i, (_, second) in enumerate(halves)])
    index.build(np.concatenate([second for _, second in halves]), ids)
    ranks = []
    for number, (first, _) in enumerate(halves):
        found = [track for track, _, _ in index.search(_unit(first), n_pieces, frozenset())]
        ranks.append(found.index(number) + 1)
    return {
        "pieces": n_pieces,
        "hit_at_1": round(float(np.mean(np.array(ranks) == 1)), 3),
        "mean_reciprocal_rank": round(float(np.mean(1 / np.array(ranks))), 3),
        "chance_at_1": round(1 / n_pieces, 3),
    }
