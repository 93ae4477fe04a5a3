"""Retrieval metrics: precision at k, mAP, MRR and median rank, with their chance levels.

A query is an EEG embedding, the catalogue consists of music embeddings in the same space. An item
is relevant if it is the music played (stimulus retrieval) or has the emotion rated by the person
(emotion retrieval). Ranks are those of an exhaustive cosine search; tied items share the mean of
their ranks, so that a constant model is at chance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RetrievalMetrics:
    """Metrics of one set of queries against one catalogue, averaged over queries.

    Attributes
    ----------
    n_queries, n_items : int
        Number of queries with a relevant item, and size of the catalogue.
    precision_at_k : dict of int to float
        Share of relevant items among the first k. It is not divided by the number of hits, so it
        is below 1 with fewer than k relevant items.
    recall_at_1 : float
        Share of queries whose first item is relevant.
    mean_average_precision : float
        Mean over queries of the average precision: the mean over relevant items of the precision
        at their ranks.
    mean_reciprocal_rank : float
        Mean of 1 / rank of the first relevant item.
    median_rank : float
        Median rank of the first relevant item; 1 is best.
    chance : dict of str to float
        Expected values of the same metrics under a random order of the catalogue.
    """

    n_queries: int
    n_items: int
    precision_at_k: dict[int, float]
    recall_at_1: float
    mean_average_precision: float
    mean_reciprocal_rank: float
    median_rank: float
    chance: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """Return the metrics by name."""
        return asdict(self)


def cosine(queries: ArrayLike, items: ArrayLike) -> Floats:
    """Return the cosine similarity, (n_queries, n_items)."""
    q, i = np.asarray(queries, np.float64), np.asarray(items, np.float64)
    tiny = 1e-12
    q = q / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), tiny)
    i = i / np.maximum(np.linalg.norm(i, axis=1, keepdims=True), tiny)
    product: Floats = q @ i.T
    return product


def track_scores(scores: Floats, track_of_row: NDArray[np.int64], best: int = 3) -> Floats:
    """Aggregate scores of embeddings to scores of tracks: the mean of each track's `best` highest.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_queries, n_rows)
        Scores of the embeddings.
    track_of_row : ndarray of int64, shape (n_rows,)
        Track of each embedding.
    best : int
        Number of scores to average.

    Returns
    -------
    ndarray of float64, shape (n_queries, n_tracks)
        Tracks in ascending order of their number.
    """
    tracks = np.unique(track_of_row)
    out = np.empty((len(scores), len(tracks)))
    for column, track in enumerate(tracks):
        own = scores[:, track_of_row == track]
        k = min(best, own.shape[1])
        out[:, column] = np.partition(own, own.shape[1] - k, axis=1)[:, -k:].mean(axis=1)
    return out


def retrieval_metrics(
    scores: ArrayLike, relevant: ArrayLike, ks: tuple[int, ...] = (1, 5, 10)
) -> RetrievalMetrics:
    """Compute all metrics of a ranking.

    Parameters
    ----------
    scores : array_like, shape (n_queries, n_items)
        Larger is better.
    relevant : array_like of bool, shape (n_queries, n_items)
        Relevance of each item; queries without a relevant item are left out.
    ks : tuple of int
        Values of k; those larger than the catalogue are left out.
    """
    s, r = np.asarray(scores, np.float64), np.asarray(relevant, np.bool_)
    if s.shape != r.shape or s.ndim != 2:
        raise ValueError(f"scores {s.shape} and relevance {r.shape} must have the same 2-D shape")
    answerable = r.any(axis=1)
    s, r = s[answerable], r[answerable]
    n_queries, n_items = s.shape
    ks = tuple(k for k in ks if k <= n_items)
    if not n_queries:
        nan = float("nan")
        return RetrievalMetrics(0, n_items, dict.fromkeys(ks, nan), nan, nan, nan, nan, {})
    values = _per_query(s, r, ks)
    return RetrievalMetrics(
        n_queries=n_queries,
        n_items=n_items,
        precision_at_k={k: float(values[f"p@{k}"].mean()) for k in ks},
        recall_at_1=float(values["first_is_hit"].mean()),
        mean_average_precision=float(values["ap"].mean()),
        mean_reciprocal_rank=float(values["rr"].mean()),
        median_rank=float(np.median(values["rank"])),
        chance=chance_level(r, ks),
    )


def chance_level(relevant: Flags, ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Return the exact expected metrics under a random order.

    With R relevant among N items: precision at any k is R/N; the first relevant item's rank f has
    P(f) = C(N-f, R-1) / C(N, R), from which the mean reciprocal rank and the median follow; the
    expected average precision is (H_N / N) (N-R)/(N-1) + (R-1)/(N-1) with the harmonic number H_N.
    """
    n_items = relevant.shape[1]
    counts, weights = np.unique(relevant.sum(axis=1), return_counts=True)
    weights = weights / weights.sum()
    share = float((counts / n_items * weights).sum())
    rank = np.arange(1, n_items + 1)
    first = np.zeros(n_items)
    ap = 0.0
    harmonic = float((1.0 / rank).sum())
    for count, weight in zip(counts, weights, strict=True):
        first += weight * _first_rank(n_items, int(count))
        if n_items > 1:
            spread = (harmonic / n_items) * (n_items - count) / (n_items - 1)
            ap += weight * (spread + (count - 1) / (n_items - 1))
        else:
            ap += weight
    result = {f"p@{k}": share for k in ks if k <= n_items}
    result["mAP"] = float(ap)
    result["MRR"] = float((first / rank).sum())
    result["median_rank"] = float(rank[np.searchsorted(np.cumsum(first), 0.5 - 1e-12)])
    return result


def _first_rank(n_items: int, n_relevant: int) -> Floats:
    """Return the rank distribution of the first relevant item in random order, (n_items,)."""
    probability = np.zeros(n_items)
    none_yet = 1.0
    for before in range(n_items - n_relevant + 1):
        here = n_relevant / (n_items - before)
        probability[before] = none_yet * here
        none_yet *= 1 - here
    return probability


def _per_query(s: Floats, r: Flags, ks: tuple[int, ...]) -> dict[str, Floats]:
    """Compute every metric of every query, with expectations over the order of tied items."""
    n_queries, n_items = s.shape
    order = np.argsort(-s, axis=1, kind="stable")
    sorted_scores = np.take_along_axis(s, order, axis=1)
    hits = np.take_along_axis(r, order, axis=1).astype(np.float64)
    tied = np.zeros(n_queries, np.bool_)
    if n_items > 1:
        tied = (np.diff(sorted_scores, axis=1) == 0).any(axis=1)
    values = _from_hits(hits, ks)
    for query in np.flatnonzero(tied):
        one = _tied_query(sorted_scores[query], hits[query], ks)
        for name, value in one.items():
            values[name][query] = value
    return values


def _from_hits(hits: Floats, ks: tuple[int, ...]) -> dict[str, Floats]:
    rank = np.arange(1, hits.shape[1] + 1)
    found = np.cumsum(hits, axis=1)
    first = hits.argmax(axis=1) + 1.0
    values = {f"p@{k}": found[:, k - 1] / k for k in ks}
    values["first_is_hit"] = hits[:, 0].copy()
    values["ap"] = (hits * found / rank).sum(axis=1) / hits.sum(axis=1)
    values["rank"], values["rr"] = first, 1.0 / first
    return values


def _tied_query(scores: Floats, hits: Floats, ks: tuple[int, ...]) -> dict[str, float]:
    """Return the expected metrics over random orders within each group of equal scores."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores) != 0]))
    sizes = np.diff(np.append(starts, len(scores)))
    expected = np.empty(len(scores))
    ap = 0.0
    first_rank = first_reciprocal = float("nan")
    before = 0.0
    for start, size in zip(starts, sizes, strict=True):
        inside = float(hits[start : start + size].sum())
        expected[start : start + size] = inside / size
        if inside:
            place = np.arange(size)
            # Given a hit at this place, `others` is the chance of a hit at each earlier place.
            others = (inside - 1) / (size - 1) if size > 1 else 0.0
            precision = (before + 1 + place * others) / (start + place + 1)
            ap += float((inside / size * precision).sum())
            if np.isnan(first_rank):
                chances = _first_rank(int(size), int(inside))
                ranks = start + place + 1
                first_rank = float((chances * ranks).sum())
                first_reciprocal = float((chances / ranks).sum())
        before += inside
    found = np.cumsum(expected)
    values = {f"p@{k}": float(found[k - 1] / k) for k in ks}
    values["first_is_hit"] = float(expected[0])
    values["ap"] = ap / float(hits.sum())
    values["rank"], values["rr"] = first_rank, first_reciprocal
    return values
