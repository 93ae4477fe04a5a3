"""What is found is what is nearest, exactly, and it says why."""

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


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    count=st.integers(1, 6),
    left_out=st.sets(st.integers(0, 11)),
)
def test_exact_search_equals_the_plain_definition(
    seed: int, sizes: list[int], count: int, left_out: set[int]
) -> None:
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(len(sizes)), sizes)
    rows = unit(rng.standard_normal((len(ids), 4))).astype(np.float32)
    if len(rows) > 3:
        rows[1] = rows[0]  # ties must not be lost
    query = unit(rng.standard_normal((1, 4))).astype(np.float32)
    index = ExactIndex()
    index.build(rows, ids)
    found = index.search(query, count, frozenset(left_out))
    similarity = rows @ query[0]
    expected = {
        track: float(np.sort(similarity[ids == track])[-BEST_SEGMENTS:].mean())
        for track in range(len(sizes))
        if track not in left_out
    }
    best = sorted(expected.values(), reverse=True)[:count]
    assert [score for _, score, _ in found] == pytest.approx(best, abs=1e-6)
    for track, score, row in found:
        assert expected[track] == pytest.approx(score, abs=1e-6)
        assert ids[row] == track
        assert similarity[row] == similarity[ids == track].max()


def test_a_query_in_the_common_space_finds_its_track_and_says_why(
    library: Library, tmp_path: Path
) -> None:
    centres = fill(library, tmp_path / "f", 20)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 8)))[0].astype(np.float32)
    retriever = Retriever(library, project=lambda rows: rows @ turn)
    for i in (0, 7, 19):
        like = library.track(i + 1)
        found = retriever.query(centres[i] @ turn, count=5, point=(0.3, 0.1), like=like)
        assert found[0].track.id == i + 1
        assert found[0].score > found[1].score
        assert found[0].shared_tags == tuple(tag for tag, _ in like.tags)[:3]
        away = np.hypot(like.valence - 0.3, like.arousal - 0.1)
        assert found[0].distance == pytest.approx(away)
        assert found[0].rule == "nearest"
        assert retriever.score(i + 1, centres[i] @ turn) == pytest.approx(found[0].score, abs=1e-5)


def test_the_matched_segment_is_the_one_that_was_asked_for(
    library: Library, tmp_path: Path
) -> None:
    fill(library, tmp_path / "f", 5, n_rows=20)
    retriever = Retriever(library, project=lambda rows: rows)
    times, rows = library.rows(3)
    (first,) = retriever.query(rows[11], count=1)
    assert first.track.id == 3
    assert first.segment_s == times[11]


def test_banned_excluded_and_left_out_tracks_are_never_found(
    library: Library, tmp_path: Path
) -> None:
    centres = fill(library, tmp_path / "f", 8)
    retriever = Retriever(library, project=lambda rows: rows)
    library.ban(1)
    library.exclude(2)
    for found in (
        retriever.query(centres[0], count=20, leave_out={3}),
        retriever.by_point(0, 0, count=20, leave_out={3}),
        retriever.by_track(4, count=20, leave_out={3}),
        retriever.by_tags(["jazz"], count=20, leave_out={3}),
    ):
        assert not {1, 2, 3} & {s.track.id for s in found}
        assert len(found) >= 4


def test_a_growing_library_is_seen(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 2)
    retriever = Retriever(library, project=lambda rows: rows)
    centres = fill(library, tmp_path / "g", 3, seed=5)
    assert retriever.query(centres[2], count=1)[0].track.id == 5
    numbers, places = retriever.places()
    assert numbers.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(retriever.place(5), places[4], atol=1e-6)


def test_points_and_tags(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 12)
    retriever = Retriever(library, project=lambda rows: rows)
    found = retriever.by_point(0.5, 0.5, count=12)
    distances = [s.distance for s in found]
    assert distances[0] == min(distances)
    assert all(-1 <= s.score <= 1 for s in found)
    numbers, tags = library.tag_matrix()
    best = retriever.by_tags(["Jazz"], count=1)[0]
    assert best.track.id == numbers[np.argmax(tags[:, 9])]
    assert best.shared_tags == ("jazz",)


def test_mistakes_are_told(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 2)
    retriever = Retriever(library, project=lambda rows: rows)
    with pytest.raises(BciAffectError, match="do not belong together"):
        retriever.query(np.ones(3))
    with pytest.raises(BciAffectError, match="outside of -1 to 1"):
        retriever.by_point(2, 0)
    with pytest.raises(BciAffectError, match="known tags: rock"):
        retriever.by_tags(["polka"])
    with pytest.raises(BciAffectError, match="add it again"):
        retriever.by_track(77)


def test_an_empty_library_finds_nothing(library: Library) -> None:
    retriever = Retriever(library)
    assert retriever.query(np.ones(4)) == []
    assert retriever.by_point(0, 0) == []
    assert retriever.by_tags(["rock"]) == []


def test_first_halves_find_their_second_halves() -> None:
    """On the generated music, with the real tagger: a track is most like itself."""
    rows = [rows for _, _, rows in embedded(PIECES[:6])]
    every = np.concatenate(rows)
    placed = [unit((r - every.mean(axis=0)) / every.std(axis=0)).astype(np.float32) for r in rows]
    index = ExactIndex()
    halves = [r[len(r) // 2 + 1 :] for r in placed]
    ids = np.concatenate([np.full(len(h), i) for i, h in enumerate(halves)])
    index.build(np.concatenate(halves), ids)
    hits = [
        index.search(r[: len(r) // 2 - 1], 1, frozenset())[0][0] == i for i, r in enumerate(placed)
    ]
    assert np.mean(hits) >= 5 / 6
