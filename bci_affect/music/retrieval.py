"""Retrieval of tracks by embedding, mood, similar track or tags, with reasons.

The common space is that of the model: the retriever has a projection of tagger embeddings into it.
Without one, embeddings are standardised over the library, which finds music that sounds similar.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music.index import BEST_SEGMENTS, ExactIndex, SearchIndex
from bci_affect.music.library import Library
from bci_affect.music.tags import TAGS
from bci_affect.music.types import Suggestion, Track

Projection = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_QUERY_EMBEDDINGS = 64  # number of embeddings of a track in a query
_MAX_SHARED = 3


class Retriever:
    """Search over a music library; thread-safe.

    Parameters
    ----------
    library : Library
        Library to search. Banned and excluded tracks are never found.
    project : callable, optional
        Projection of tagger embeddings (n, 128) into the common space (n, d).
    index : SearchIndex, optional
        Search index; by default exact.
    within : sequence of Path
        Folders to which the search is limited; by default all.
    """

    def __init__(
        self,
        library: Library,
        project: Projection | None = None,
        *,
        index: SearchIndex | None = None,
        within: Sequence[Path] = (),
    ) -> None:
        self.library = library
        self._within = tuple(folder.expanduser().resolve() for folder in within)
        self._project = project
        self._index = index or ExactIndex()
        self._lock = threading.Lock()
        self._version = -1
        self._times = np.empty(0, np.float32)
        self._spans: dict[int, tuple[int, int]] = {}
        self._unit = np.empty((0, 0), np.float32)
        self._centre = np.empty(0, np.float32)
        self._scale = np.empty(0, np.float32)
        self.refresh()

    # --- index ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Update the index if the library has changed."""
        version = self.library.version
        with self._lock:
            if version == self._version:
                return
            table = self.library.all_embeddings()
            if self._project is None and len(table.embeddings):
                self._centre = table.embeddings.mean(axis=0)
                self._scale = table.embeddings.std(axis=0) + np.float32(1e-3)
            unit = self._to_space(table.embeddings)
            edges = np.flatnonzero(np.diff(table.track_ids)) + 1
            bounds = [0, *edges.tolist(), len(unit)] if len(unit) else []
            self._spans = {
                int(table.track_ids[first]): (first, last)
                for first, last in itertools.pairwise(bounds)
            }
            self._index.build(unit, table.track_ids)
            self._unit, self._times = unit, table.times
            self._version = version

    def _to_space(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(embeddings):
            return np.empty((0, 0), np.float32)
        if self._project is not None:
            # In parts, to limit the memory of large libraries.
            starts = range(0, len(embeddings), 65_536)
            parts = [self._project(embeddings[i : i + 65_536]) for i in starts]
            projected = np.concatenate(parts)
        else:
            projected = (embeddings - self._centre) / self._scale
        return _unit(projected)

    def track_embedding(self, track_id: int) -> NDArray[np.float32]:
        """Return the unit-length mean embedding of a track in the common space, shape (d,)."""
        self.refresh()
        first, last = self._span(track_id)
        return _unit(self._unit[first:last].mean(axis=0))

    def track_embeddings(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return all track ids (n,) and their mean embeddings in the common space (n, d)."""
        self.refresh()
        with self._lock:
            numbers = np.array(list(self._spans), dtype=np.int64)
            means = [self._unit[a:b].mean(axis=0) for a, b in self._spans.values()]
        return numbers, _unit(np.stack(means)) if means else np.empty((0, 0), np.float32)

    def _span(self, track_id: int) -> tuple[int, int]:
        span = self._spans.get(track_id)
        if span is None:
            raise BciAffectError(f"Track {track_id} has no embeddings; add its file again.")
        return span

    # --- queries ----------------------------------------------------------------------------

    def query(
        self,
        embedding: NDArray[np.floating],
        *,
        count: int = 5,
        exclude: Collection[int] = (),
        point: tuple[float, float] | None = None,
        like: Track | None = None,
    ) -> list[Suggestion]:
        """Find the tracks nearest to an embedding in the common space.

        Parameters
        ----------
        embedding : ndarray, shape (d,) or (m, d)
            Query, smoothed by the caller over 10-15 s, or several with equal weight.
        count : int
            Number of tracks.
        exclude : collection of int
            Tracks to exclude.
        point : (float, float), optional
            Valence and arousal of the query, for the distance of the suggestions.
        like : Track, optional
            Track for the shared tags of the suggestions.

        Returns
        -------
        list of Suggestion
            Best first; `score` is the mean cosine similarity of the three best segments.

        Raises
        ------
        BciAffectError
            If the embedding does not have the dimensions of the common space.
        """
        self.refresh()
        queries = np.atleast_2d(np.asarray(embedding, dtype=np.float32))
        with self._lock:
            if len(self._unit) and queries.shape[1] != self._unit.shape[1]:
                raise BciAffectError(
                    f"The query has {queries.shape[1]} dimensions, the music's space "
                    f"{self._unit.shape[1]}: use the retriever with its own model."
                )
            tracks = self._candidates(exclude)
            banned = frozenset(self._spans) - tracks.keys()
            found = self._index.search(_unit(queries), count, banned)
            times = self._times
        return [
            _explain(
                Suggestion(tracks[number], score, max(0.0, float(times[row])), rule="nearest"),
                point,
                like,
            )
            for number, score, row in found
        ]

    def score(self, track_id: int, embedding: NDArray[np.floating]) -> float:
        """Return the score of one track for an embedding, as in `query`."""
        self.refresh()
        first, last = self._span(track_id)
        similarity = self._unit[first:last] @ _unit(np.asarray(embedding, dtype=np.float32))
        return float(np.sort(similarity)[-BEST_SEGMENTS:].mean())

    def by_track(
        self, track_id: int, *, count: int = 5, exclude: Collection[int] = ()
    ) -> list[Suggestion]:
        """Find tracks similar to a track by its segments, with their shared tags."""
        self.refresh()
        first, last = self._span(track_id)
        chosen = np.unique(np.linspace(first, last - 1, _QUERY_EMBEDDINGS).astype(int))
        track = self.library.track(track_id)
        return self.query(
            self._unit[chosen], count=count, exclude={track_id, *exclude}, like=track,
            point=(track.valence, track.arousal),
        )  # fmt: skip

    def by_embeddings(
        self,
        embeddings: NDArray[np.float32],
        *,
        count: int = 5,
        exclude: Collection[int] = (),
    ) -> list[Suggestion]:
        """Find tracks similar to tagger embeddings (m, 128), for example of another file."""
        self.refresh()
        if not len(self._unit):
            return []
        return self.query(self._to_space(embeddings), count=count, exclude=exclude)

    def by_point(
        self,
        valence: float,
        arousal: float,
        *,
        count: int = 5,
        exclude: Collection[int] = (),
        like: Track | None = None,
    ) -> list[Suggestion]:
        """Find tracks with a predicted emotion near a point of the valence-arousal plane.

        `score` is 1 at the point and -1 at a distance of the diagonal of the plane. Of tracks at
        equal distance, the one with the smaller uncertainty comes first.
        """
        for name, value in (("valence", valence), ("arousal", arousal)):
            if not -1.0 <= value <= 1.0:
                raise BciAffectError(f"{name} {value:g} is outside of -1 to 1.")
        ranked = []
        for track in self._candidates(exclude).values():
            distance = float(np.hypot(track.valence - valence, track.arousal - arousal))
            if np.isfinite(distance):
                ranked.append((distance + 0.01 * track.valence_sd, distance, track))
        ranked.sort(key=lambda item: (item[0], item[2].id))
        return [
            _explain(
                Suggestion(track, 1.0 - distance / np.sqrt(2.0), rule="nearest on the plane"),
                (valence, arousal),
                like,
            )
            for _, distance, track in ranked[:count]
        ]

    def by_tags(
        self, tags: Sequence[str], *, count: int = 5, exclude: Collection[int] = ()
    ) -> list[Suggestion]:
        """Find tracks with high probabilities of tags, relative to the library.

        Raises
        ------
        BciAffectError
            If a tag is not one of the tagger's fifty.
        """
        lower = {tag.lower(): number for number, tag in enumerate(TAGS)}
        unknown = [tag for tag in tags if tag.lower() not in lower]
        if unknown or not tags:
            raise BciAffectError(f"No tag '{', '.join(unknown)}'; known tags: {', '.join(TAGS)}.")
        columns = [lower[tag.lower()] for tag in tags]
        numbers, matrix = self.library.tag_matrix()
        tracks = self._candidates(exclude)
        keep = np.isin(numbers, list(tracks)) & np.isfinite(matrix).all(axis=1)
        numbers, matrix = numbers[keep], matrix[keep]
        if not len(numbers):
            return []
        selected = matrix[:, columns]  # (n, n_tags)
        # Rank within the library, 0 to 1, since rare tags have small probabilities in all tracks.
        ranks = np.argsort(np.argsort(selected, axis=0), axis=0) / max(1, len(numbers) - 1)
        score = ranks.mean(axis=1)
        best = np.argsort(-score, kind="stable")[:count]
        return [
            Suggestion(
                tracks[int(numbers[i])],
                float(2 * score[i] - 1),
                shared_tags=tuple(TAGS[columns[j]] for j in np.argsort(-ranks[i])),
                rule="tags",
            )
            for i in best
        ]

    def _candidates(self, exclude: Collection[int]) -> dict[int, Track]:
        return {
            track.id: track
            for track in self.library.tracks(include_banned=False)
            if track.id not in exclude and self._is_within(track)
        }

    def _is_within(self, track: Track) -> bool:
        return not self._within or any(map(Path(track.path).is_relative_to, self._within))


def _explain(
    suggestion: Suggestion, point: tuple[float, float] | None, like: Track | None
) -> Suggestion:
    track = suggestion.track
    distance = float("nan")
    if point is not None:
        distance = float(np.hypot(track.valence - point[0], track.arousal - point[1]))
    shared: tuple[str, ...] = ()
    if like is not None:
        tags = {tag for tag, _ in like.tags}
        shared = tuple(tag for tag, _ in track.tags if tag in tags)[:_MAX_SHARED]
    return replace(suggestion, distance=distance, shared_tags=shared)


def _unit(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (embeddings / np.maximum(length, 1e-9)).astype(np.float32)
    return unit
