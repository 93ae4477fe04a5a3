"""Music retrieval: exact search, suggestions and their reasons, and exclusion of tracks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.errors import BciAffectError
from bci_affect.music import Library, Retriever
from bci_affect.music.index import BEST_SEGMENTS, ExactIndex
from bci_affect.simulation.music import PIECES, embedded
from tests.music.fake_library import fill


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "music.sqlite") as opened:
        yield opened


def normalise(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    count=st.integers(1, 6),
    excluded=st.sets(st.integers(0, 11)),
)
def test_exact_search_equals_its_definition(
    seed: int, sizes: list[int], count: int, excluded: set[int]
) -> None:
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(len(sizes)), sizes)
    embeddings = normalise(rng.standard_normal((len(ids), 4))).astype(np.float32)
    if len(embeddings) > 3:
        embeddings[1] = embeddings[0]  # a tie
    query = normalise(rng.standard_normal((1, 4))).astype(np.float32)
    index = ExactIndex()
    index.build(embeddings, ids)
    found = index.search(query, count, frozenset(excluded))
    similarity = embeddings @ query[0]
    expected = {
        track: float(np.sort(similarity[ids == track])[-BEST_SEGMENTS:].mean())
        for track in range(len(sizes))
        if track not in excluded
    }
    best = sorted(expected.values(), reverse=True)[:count]
    assert [score for _, score, _ in found] == pytest.approx(best, abs=1e-6)
    for track, score, row in found:
        assert expected[track] == pytest.approx(score, abs=1e-6)
        assert ids[row] == track
        assert similarity[row] == similarity[ids == track].max()


def test_a_query_in_the_common_space_finds_its_track_with_reasons(
    library: Library, tmp_path: Path
) -> None:
    centres = fill(library, tmp_path / "f", 20)
    projection = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 8)))[0].astype(
        np.float32
    )
    retriever = Retriever(library, project=lambda embeddings: embeddings @ projection)
    for i in (0, 7, 19):
        like = library.track(i + 1)
        found = retriever.query(centres[i] @ projection, count=5, point=(0.3, 0.1), like=like)
        assert found[0].track.id == i + 1
        assert found[0].score > found[1].score
        assert found[0].shared_tags == tuple(tag for tag, _ in like.tags)[:3]
        distance = np.hypot(like.valence - 0.3, like.arousal - 0.1)
        assert found[0].distance == pytest.approx(distance)
        assert found[0].rule == "nearest"
        assert retriever.score(i + 1, centres[i] @ projection) == pytest.approx(
            found[0].score, abs=1e-5
        )


def test_the_matched_segment_is_that_of_the_query(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 5, n_embeddings=20)
    retriever = Retriever(library, project=lambda embeddings: embeddings)
    times, embeddings = library.embeddings(3)
    (first,) = retriever.query(embeddings[11], count=1)
    assert first.track.id == 3
    assert first.segment_s == times[11]


def test_banned_and_excluded_tracks_are_never_found(library: Library, tmp_path: Path) -> None:
    centres = fill(library, tmp_path / "f", 8)
    retriever = Retriever(library, project=lambda embeddings: embeddings)
    library.ban(1)
    library.exclude(2)
    for found in (
        retriever.query(centres[0], count=20, exclude={3}),
        retriever.by_point(0, 0, count=20, exclude={3}),
        retriever.by_track(4, count=20, exclude={3}),
        retriever.by_tags(["jazz"], count=20, exclude={3}),
    ):
        assert not {1, 2, 3} & {s.track.id for s in found}
        assert len(found) >= 4


def test_tracks_added_later_are_found(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 2)
    retriever = Retriever(library, project=lambda embeddings: embeddings)
    centres = fill(library, tmp_path / "g", 3, seed=5)
    assert retriever.query(centres[2], count=1)[0].track.id == 5
    ids, embeddings = retriever.track_embeddings()
    assert ids.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(retriever.track_embedding(5), embeddings[4], atol=1e-6)


def test_search_by_point_and_by_tags(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 12)
    retriever = Retriever(library, project=lambda embeddings: embeddings)
    found = retriever.by_point(0.5, 0.5, count=12)
    distances = [s.distance for s in found]
    assert distances[0] == min(distances)
    assert all(-1 <= s.score <= 1 for s in found)
    ids, tags = library.tag_matrix()
    best = retriever.by_tags(["Jazz"], count=1)[0]
    assert best.track.id == ids[np.argmax(tags[:, 9])]
    assert best.shared_tags == ("jazz",)


def test_invalid_queries_raise(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 2)
    retriever = Retriever(library, project=lambda embeddings: embeddings)
    with pytest.raises(BciAffectError, match="use the retriever with its own model"):
        retriever.query(np.ones(3))
    with pytest.raises(BciAffectError, match="outside of -1 to 1"):
        retriever.by_point(2, 0)
    with pytest.raises(BciAffectError, match="known tags: rock"):
        retriever.by_tags(["polka"])
    with pytest.raises(BciAffectError, match="add its file again"):
        retriever.by_track(77)


def test_an_empty_library_gives_no_suggestions(library: Library) -> None:
    retriever = Retriever(library)
    assert retriever.query(np.ones(4)) == []
    assert retriever.by_point(0, 0) == []
    assert retriever.by_tags(["rock"]) == []


def test_first_halves_retrieve_their_second_halves() -> None:
    """On synthetic music, with the tagger embeddings."""
    embeddings = [embeddings for _, _, embeddings in embedded(PIECES[:6])]
    pooled = np.concatenate(embeddings)
    mean, sd = pooled.mean(axis=0), pooled.std(axis=0)
    normalised = [normalise((e - mean) / sd).astype(np.float32) for e in embeddings]
    index = ExactIndex()
    halves = [e[len(e) // 2 + 1 :] for e in normalised]
    ids = np.concatenate([np.full(len(h), i) for i, h in enumerate(halves)])
    index.build(np.concatenate(halves), ids)
    hits = [
        index.search(e[: len(e) // 2 - 1], 1, frozenset())[0][0] == i
        for i, e in enumerate(normalised)
    ]
    assert np.mean(hits) >= 5 / 6
