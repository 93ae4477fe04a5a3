"""Clips, rests and ratings found in the markers of this and of other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.config import load_toml
from bci_affect.datasets import Labels, Segment, find_segments, format_marker_names
from bci_affect.datasets.segments import ROLES
from bci_affect.errors import BciAffectError
from bci_affect.events import (
    EVENTS,
    CalibrationDone,
    CalibrationStart,
    CalibrationStop,
    ChannelUse,
    ClipStart,
    ClipStop,
    ContactSkipped,
    DeviceFound,
    DeviceLost,
    Mark,
    MarkRemoved,
    MusicChoice,
    MusicCommand,
    MusicPaused,
    MusicResumed,
    MusicSought,
    Normalisation,
    PlaybackError,
    RecordingStart,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    SessionPause,
    SessionResume,
    SessionStart,
    SessionStop,
    SilenceStart,
    TrackStart,
    TrackStop,
    encode,
    read,
)
from bci_affect.streams import Marker
from tests.training.calibration.conftest import LABELS


def labels(tmp_path: Path, more: str = "") -> Labels:
    path = tmp_path / "labels.toml"
    path.write_text(LABELS + more)
    return load_toml(path, Labels)


def bare(*pairs: tuple[float, str]) -> list[Marker]:
    return [Marker(time, text) for time, text in pairs]


def events(*pairs: tuple[float, SessionEvent]) -> list[Marker]:
    return [Marker(time, encode(event), "bci_affect.events", event) for time, event in pairs]


def spans(segments: list[Segment]) -> list[tuple[str, float, float]]:
    return [(s.name, s.start, s.stop) for s in segments]


def test_trials_last_until_the_next_marker_or_for_the_configured_time(tmp_path: Path) -> None:
    markers = bare((10, "happy"), (25, "Sad "), (32, "beep"), (60, "nothing"))
    found = find_segments(markers, 100.0, labels(tmp_path))
    assert spans(found) == [("happy", 10, 25), ("sad", 25, 32)]
    assert (found[0].valence, found[0].arousal) == (8, 7)
    timed = find_segments(markers, 100.0, labels(tmp_path, "[trial]\nseconds = 10\nskip_s = 2\n"))
    assert spans(timed) == [("happy", 12, 20), ("sad", 27, 32)]


def test_last_trial_ends_with_the_recording(tmp_path: Path) -> None:
    found = find_segments(bare((90, "sad")), 100.0, labels(tmp_path))
    assert spans(found) == [("sad", 90, 100)]


def test_rest_and_blocks(tmp_path: Path) -> None:
    meaning = labels(tmp_path, '[rest]\nmarkers = ["pause"]\n[block]\nmarkers = ["new block"]\n')
    markers = bare((0, "pause"), (5, "happy"), (9, "pause"), (12, "new block"), (13, "sad"))
    found = find_segments(markers, 20.0, meaning)
    assert [(s.name, s.rest, s.block) for s in found] == [
        ("rest", "rest", 0),
        ("happy", "", 0),
        ("rest", "rest", 0),
        ("sad", "", 1),
    ]


def test_events_of_this_program_with_ratings() -> None:
    markers = events(
        (0, RestStart(kind="closed")),
        (5, RestStop()),
        (6, ClipStart(track="/m/a.mp3", intended_valence=0.5, intended_arousal=-1.0)),
        (10, Mark(note="sneezed")),
        (20, ClipStop()),
        (22, SelfReport(3, 4)),
        (23, SelfReport(7, 2)),
        (30, TrackStart(track="/m/b.mp3")),
        (50, TrackStop()),
    )
    rest, first, second = find_segments(markers, 60.0, Labels())
    assert (rest.rest, rest.start, rest.stop) == ("closed", 0, 5)
    assert (first.start, first.stop, first.stimulus) == (6, 20, "/m/a.mp3")
    assert (first.valence, first.arousal) == (7, 2), "the last rating of a clip counts"
    assert (first.music_valence, first.music_arousal) == (0.5, -1.0)
    assert np.isnan(second.valence)
    assert np.isnan(second.music_valence)


def test_the_stimulus_of_another_program() -> None:
    text = '{"event": "clip_start", "stimulus": "situation1"}'
    markers = [
        Marker(1.0, text, event=read(text)),
        *events((9, ClipStop()), (10, SelfReport(3, 4))),
    ]
    (clip,) = find_segments(markers, 60.0, Labels())
    assert (clip.start, clip.stop, clip.stimulus, clip.arousal) == (1, 9, "situation1", 4)
    odd = text.replace('"situation1"', "[1]")
    (clip,) = find_segments([Marker(1.0, odd, event=read(odd))], 60.0, Labels())
    assert clip.stimulus == ""


def test_a_rating_out_of_range_is_ignored() -> None:
    markers = events((0, ClipStart(track="a")), (9, ClipStop()))
    text = '{"event": "rating", "valence": 11, "arousal": 2}'
    (clip,) = find_segments([*markers, Marker(10, text, event=read(text))], 60.0, Labels())
    assert np.isnan(clip.valence)


def test_a_trial_ends_with_its_music() -> None:
    """With a crossfade a track stops after the next has started; that stop is not the next's."""
    markers = events(
        (10, TrackStart(track="a", track_id=1)),
        (30, TrackStart(track="b", track_id=2)),
        (34, TrackStop(track="a", track_id=1)),
        (50, TrackStop(track="b", track_id=2)),
        (55, TrackStart(track="c", track_id=3)),
        (60, SessionStop()),
    )
    found = find_segments(markers, 100.0, Labels())
    assert spans(found) == [("a", 10, 30), ("b", 30, 50), ("c", 55, 60)]


def test_breaks_are_left_out() -> None:
    """A break of the session, and a pause of the music, are no part of a trial or a rest."""
    markers = events(
        (0, RestStart()),
        (1, SessionPause()),
        (2, SessionResume()),
        (5, RestStop()),
        (10, TrackStart(track="a")),
        (12, SessionPause()),
        (12.1, MusicPaused()),
        (18, SessionResume()),
        (18.1, MusicResumed()),
        (20, MusicPaused()),
        (21, MusicResumed()),
        (30, TrackStop(track="a")),
        (31, SelfReport(7, 2)),
    )
    rest, clip = find_segments(markers, 60.0, Labels())
    assert rest.stretches == ((0, 1), (2, 5))
    assert (clip.start, clip.stop, clip.valence) == (10, 30, 7)
    assert clip.stretches == ((10, 12), (18.1, 20), (21, 30))


def test_markers_of_other_programs_do_nothing_to_a_session() -> None:
    """Text of another program, in our form or not, is a foreign marker."""
    own = events((0, ClipStart(track="a")), (20, ClipStop()), (22, SelfReport(7, 2)))
    forged = [
        Marker(time, text, "Other program")
        for time, text in (
            (3, "beep"),
            (4, encode(TrackStart(track="forged"))),
            (5, encode(ClipStop())),
            (6, encode(CalibrationStop())),
            (7, encode(SessionPause())),
            (23, encode(SelfReport(1, 9))),
        )
    ]
    assert find_segments([*own, *forged], 60.0, Labels()) == find_segments(own, 60.0, Labels())


def test_every_event_has_a_role_or_ends_nothing() -> None:
    """A new kind of event must be classified here: what it means for trials is decided once."""
    assert set(EVENTS.values()) - set(ROLES) == {
        *(CalibrationStart, CalibrationDone, ContactSkipped, SilenceStart),
        *(SessionStart, SessionPause, SessionResume, RecordingStart, Normalisation),
        *(Mark, MarkRemoved, ChannelUse, MusicChoice, MusicCommand),
        *(MusicPaused, MusicResumed, MusicSought, DeviceLost, DeviceFound, PlaybackError),
    }


def test_label_inside_a_json_event(tmp_path: Path) -> None:
    """Of another program, too."""
    markers = bare((3, '{"event": "stimulus", "label": "happy"}'), (9, encode(ClipStop())))
    assert spans(find_segments(markers, 20.0, labels(tmp_path))) == [("happy", 3, 9)]
    own = events((3, TrackStart(track="x", label="happy")), (9, TrackStop(track="x")))
    assert spans(find_segments(own, 20.0, labels(tmp_path))) == [("happy", 3, 9)]


@pytest.mark.parametrize("text", ["{", '{"event": 3}', "[1]", "", '{"event": "rating"}'])
def test_invalid_markers_are_ignored(text: str, tmp_path: Path) -> None:
    markers = [Marker(1.0, "happy"), Marker(2.0, text), Marker(9.0, "sad")]
    found = find_segments(markers, 20.0, labels(tmp_path))
    assert [s.name for s in found] == ["happy", "sad"]


def test_format_of_marker_names() -> None:
    many = bare(*[(float(i), f"m{i % 12}") for i in range(40)])
    assert format_marker_names(many).startswith("'m0', 'm1'")
    assert format_marker_names(many).endswith("...")
    assert format_marker_names([]) == "none at all"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[labels]\nhappy = { valence = 12, arousal = 5 }", "labels.happy.valence"),
        ("[labels]\nhappy = { valence = 2 }", "labels.happy.arousal"),
        ("[lables]\nhappy = { valence = 2, arousal = 2 }", "lables"),
        ("[trial]\nseconds = -1", "trial.seconds"),
    ],
)
def test_invalid_labels_are_refused_with_their_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text)
    with pytest.raises(BciAffectError, match=named):
        load_toml(path, Labels)
