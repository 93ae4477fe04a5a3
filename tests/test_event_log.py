"""Breaks and music as they follow from the events of a session."""

from __future__ import annotations

import math

import pytest

from bci_affect.event_log import Breaks, PlayedMusic, uninterrupted
from bci_affect.events import (
    ClipStart,
    ClipStop,
    Mark,
    MusicPaused,
    MusicResumed,
    SessionPause,
    SessionResume,
    SessionStop,
    TrackStart,
    TrackStop,
)

A, B = TrackStart(track="A", track_id=1), TrackStart(track="B", track_id=2)
A_STOPS, B_STOPS = TrackStop(track="A", track_id=1), TrackStop(track="B", track_id=2)


@pytest.mark.parametrize(
    ("breaks", "left"),
    [
        ([], [(0, 10)]),
        ([(2, 3)], [(0, 2), (3, 10)]),
        ([(-1, 3), (2, 4)], [(4, 10)]),
        ([(9, math.inf)], [(0, 9)]),
        ([(-1, 11)], []),
        ([(12, 13), (-5, -1)], [(0, 10)]),
        ([(5, 6), (1, 2)], [(0, 1), (2, 5), (6, 10)]),
    ],
)
def test_what_breaks_leave(
    breaks: list[tuple[float, float]], left: list[tuple[float, float]]
) -> None:
    assert list(uninterrupted(0, 10, breaks)) == left


def test_breaks() -> None:
    breaks = Breaks([(1, SessionPause()), (2, SessionPause()), (3, SessionResume())])
    assert breaks.spans == ((1, 3),)
    breaks.push(4, SessionResume())
    breaks.push(5, SessionPause())
    breaks.push(6, Mark())
    assert breaks.spans == ((1, 3), (5, math.inf))
    assert [breaks.covers(t) for t in (0.9, 1, 2.9, 3, 4.9, 5, 99)] == [
        *(False, True, True, False), *(False, True, True)
    ]  # fmt: skip
    breaks.push(7, SessionStop())
    assert breaks.spans[-1] == (5, 7)


def spans(music: PlayedMusic) -> list[tuple[float, float, str]]:
    return [(one.start, one.stop, one.music.track) for one in music.played]


def test_a_track_ends_with_its_stop() -> None:
    music = PlayedMusic([(1, A)])
    assert music.audible == A
    assert spans(music) == [(1, math.inf, "A")]
    music.push(9, A_STOPS)
    assert music.audible is None
    assert spans(music) == [(1, 9, "A")]
    music.push(10, A_STOPS)
    assert spans(music) == [(1, 9, "A")]


def test_a_crossfaded_stop_does_not_end_the_next_track() -> None:
    """The last frame of a track is audible after the first of the next."""
    music = PlayedMusic([(1, A), (20, B), (24, A_STOPS)])
    assert music.audible == B
    assert spans(music) == [(1, 20, "A"), (20, math.inf, "B")]
    music.push(40, B_STOPS)
    assert spans(music) == [(1, 20, "A"), (20, 40, "B")]
    again = PlayedMusic([(1, A), (20, A), (24, A_STOPS), (40, A_STOPS)])
    assert spans(again) == [(1, 20, "A"), (20, 40, "A")]


def test_names_that_are_missing_fit_any() -> None:
    assert spans(PlayedMusic([(1, TrackStart(track="A")), (2, TrackStop())])) == [(1, 2, "A")]
    assert spans(PlayedMusic([(1, ClipStart(track="A", clip=1)), (2, ClipStop())])) == [(1, 2, "A")]
    other = PlayedMusic([(1, ClipStart(track="A", clip=1)), (2, ClipStop(clip=0))])
    assert spans(other) == [(1, math.inf, "A")]


def test_pauses_of_the_player() -> None:
    music = PlayedMusic([(1, A), (3, MusicPaused(track_id=1))])
    assert music.audible is None
    assert music.played[0].pauses == ((3, math.inf),)
    music.push(5, MusicResumed(track_id=1))
    assert music.audible == A
    assert music.played[0].pauses == ((3, 5),)
    assert spans(music) == [(1, math.inf, "A")]


def test_a_clip_over_paused_music() -> None:
    """A calibration pauses the session's music and plays clips; then the music resumes."""
    clip = ClipStart(clip=0, track="c")
    music = PlayedMusic([(1, A), (3, MusicPaused()), (4, clip)])
    assert music.audible == clip
    music.push(9, ClipStop(clip=0))
    assert music.audible is None
    music.push(11, MusicResumed())
    assert music.audible == A
    assert spans(music) == [(1, 4, "A"), (4, 9, "c")]


def test_the_end_of_the_session_ends_the_music() -> None:
    music = PlayedMusic([(1, A), (3, SessionStop()), (4, A_STOPS)])
    assert music.audible is None
    assert spans(music) == [(1, 3, "A")]
