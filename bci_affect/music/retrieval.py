"""Finding tracks that fit a place in the common space, a mood, a track, or tags; with reasons.

The common space is the model's: retrieval is given a projection of tagger rows into it. Without
one, rows are compared after standardisation over the library, which finds music that sounds alike.
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
from bci_affect.music.index import BEST_SEGMENTS, ExactIndex, Index
from bci_affect.music.library import Library
from bci_affect.music.tags import TAGS
from bci_affect.music.types import Suggestion, Track

Projection = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_QUERY_ROWS = 64  # rows of a track that stand for it in a query
_SHARED = 3


class Retriever:
    """Search over a library; any thread may ask.

    Parameters
    ----------
    library : Library
        Whose tracks are searched. Tracks that are banned or excluded are never found.
    project : callable, optional
        Takes tagger rows (n, 128) to the common space (n, d).
    index : Index, optional
        Search structure; exact by default.
    within : sequence of Path
        Only tracks below these folders are found; all where it is empty.
    """

    def __init__(
        self,
        library: Library,
        project: Projection | None = None,
        *,
        index: Index | None = None,
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

    # --- what is searched -------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what was added or removed since; costs nothing where nothing was."""
        version = self.library.version
        with self._lock:
            if version == self._version:
                return
            every = self.library.all_rows()
            if self._project is None and len(every.rows):
                self._centre = every.rows.mean(axis=0)
                self._scale = every.rows.std(axis=0) + np.float32(1e-3)
            unit = self._to_space(every.rows)
            edges = np.flatnonzero(np.diff(every.track_ids)) + 1
            bounds = [0, *edges.tolist(), len(unit)] if len(unit) else []
            self._spans = {
                int(every.track_ids[first]): (first, last)
                for first, last in itertools.pairwise(bounds)
            }
            self._index.build(unit, every.track_ids)
            self._unit, self._times = unit, every.times
            self._version = version

    def _to_space(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(rows):
            return np.empty((0, 0), np.float32)
        if self._project is not None:
            # In parts: a large library's rows and their projections need not be held at once.
            parts = [self._project(rows[i : i + 65_536]) for i in range(0, len(rows), 65_536)]
            placed = np.concatenate(parts)
        else:
            placed = (rows - self._centre) / self._scale
        return _unit(placed)

    def place(self, track_id: int) -> NDArray[np.float32]:
        """Return the mean place of a track in the common space, shape (d,), of unit length."""
        self.refresh()
        first, last = self._span(track_id)
        return _unit(self._unit[first:last].mean(axis=0))

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return every track's number (n,) and mean place in the common space (n, d)."""
        self.refresh()
        with self._lock:
            numbers = np.array(list(self._spans), dtype=np.int64)
            means = [self._unit[a:b].mean(axis=0) for a, b in self._spans.values()]
        return numbers, _unit(np.stack(means)) if means else np.empty((0, 0), np.float32)

    def _span(self, track_id: int) -> tuple[int, int]:
        span = self._spans.get(track_id)
        if span is None:
            raise BciAffectError(f"Track {track_id} has no rows to search with; add it again.")
        return span

    # --- questions --------------------------------------------------------------------------

    def query(
        self,
        embedding: NDArray[np.floating],
        *,
        count: int = 5,
        leave_out: Collection[int] = (),
        point: tuple[float, float] | None = None,
        like: Track | None = None,
    ) -> list[Suggestion]:
        """Find what lies nearest to a place in the common space.

        Parameters
        ----------
        embedding : ndarray, shape (d,) or (m, d)
            The place, smoothed by the caller over 10-15 s; or several, which count alike.
        count : int
            How many tracks.
        leave_out : collection of int
            Tracks that may not be found.
        point : (float, float), optional
            Valence and arousal of the query: suggestions then say how far they are from it.
        like : Track, optional
            Suggestions say which tags they share with it.

        Returns
        -------
        list of Suggestion
            Best first; `score` is the mean cosine of the three best segments.

        Raises
        ------
        BciAffectError
            If the embedding has not the width of the common space.
        """
        self.refresh()
        queries = np.atleast_2d(np.asarray(embedding, dtype=np.float32))
        with self._lock:
            if len(self._unit) and queries.shape[1] != self._unit.shape[1]:
                raise BciAffectError(
                    f"The query has {queries.shape[1]} dimensions, the music's space "
                    f"{self._unit.shape[1]}: model and retrieval do not belong together."
                )
            tracks = self._choosable(leave_out)
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
        """Return how well one track fits a place in the common space, as `query` scores it."""
        self.refresh()
        first, last = self._span(track_id)
        similarity = self._unit[first:last] @ _unit(np.asarray(embedding, dtype=np.float32))
        return float(np.sort(similarity)[-BEST_SEGMENTS:].mean())

    def by_track(
        self, track_id: int, *, count: int = 5, leave_out: Collection[int] = ()
    ) -> list[Suggestion]:
        """Find what sounds like a track, segment by segment, and say which tags they share."""
        self.refresh()
        first, last = self._span(track_id)
        chosen = np.unique(np.linspace(first, last - 1, _QUERY_ROWS).astype(int))
        track = self.library.track(track_id)
        return self.query(
            self._unit[chosen], count=count, leave_out={track_id, *leave_out}, like=track,
            point=(track.valence, track.arousal),
        )  # fmt: skip

    def by_rows(
        self,
        rows: NDArray[np.float32],
        *,
        count: int = 5,
        leave_out: Collection[int] = (),
    ) -> list[Suggestion]:
        """Find what sounds like tagger rows (m, 128), of a file that is not in the library, say."""
        self.refresh()
        if not len(self._unit):
            return []
        return self.query(self._to_space(rows), count=count, leave_out=leave_out)

    def by_point(
        self,
        valence: float,
        arousal: float,
        *,
        count: int = 5,
        leave_out: Collection[int] = (),
        like: Track | None = None,
    ) -> list[Suggestion]:
        """Find music that is meant to feel like a point of the plane.

        `score` is 1 at the point and falls to -1 over the plane's diagonal. Of tracks as near, the
        one whose prediction is surer comes first.
        """
        for name, value in (("valence", valence), ("arousal", arousal)):
            if not -1.0 <= value <= 1.0:
                raise BciAffectError(f"{name} {value:g} is outside of -1 to 1.")
        placed = []
        for track in self._choosable(leave_out).values():
            distance = float(np.hypot(track.valence - valence, track.arousal - arousal))
            if np.isfinite(distance):
                placed.append((distance + 0.01 * track.valence_sd, distance, track))
        placed.sort(key=lambda item: (item[0], item[2].id))
        return [
            _explain(
                Suggestion(track, 1.0 - distance / np.sqrt(2.0), rule="nearest on the plane"),
                (valence, arousal),
                like,
            )
            for _, distance, track in placed[:count]
        ]

    def by_tags(
        self, tags: Sequence[str], *, count: int = 5, leave_out: Collection[int] = ()
    ) -> list[Suggestion]:
        """Find tracks that the tagger gives these tags, relative to how common each tag is here.

        Raises
        ------
        BciAffectError
            If a tag is none of the tagger's fifty.
        """
        lower = {tag.lower(): number for number, tag in enumerate(TAGS)}
        unknown = [tag for tag in tags if tag.lower() not in lower]
        if unknown or not tags:
            raise BciAffectError(f"No tag '{', '.join(unknown)}'; known tags: {', '.join(TAGS)}.")
        columns = [lower[tag.lower()] for tag in tags]
        numbers, matrix = self.library.tag_matrix()
        tracks = self._choosable(leave_out)
        keep = np.isin(numbers, list(tracks)) & np.isfinite(matrix).all(axis=1)
        numbers, matrix = numbers[keep], matrix[keep]
        if not len(numbers):
            return []
        asked = matrix[:, columns]  # (n, n_tags)
        # Rank within the library, 0 to 1: rare tags have small probabilities everywhere.
        ranks = np.argsort(np.argsort(asked, axis=0), axis=0) / max(1, len(numbers) - 1)
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

    def _choosable(self, leave_out: Collection[int]) -> dict[int, Track]:
        return {
            track.id: track
            for track in self.library.tracks(include_banned=False)
            if track.id not in leave_out and self._is_within(track)
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
        theirs = {tag for tag, _ in like.tags}
        shared = tuple(tag for tag, _ in track.tags if tag in theirs)[:_SHARED]
    return replace(suggestion, distance=distance, shared_tags=shared)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (rows / np.maximum(length, 1e-9)).astype(np.float32)
    return unit
