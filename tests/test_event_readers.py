"""Readers of events: each depends on the kinds of events that it claims, and on no other.

The scenario has every kind of event. It is written to XDF and read back for each reader, complete
and without one kind at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.app.session_page import reveal
from bci_affect.app.session_record import SessionRecord, heard
from bci_affect.datasets import Labels, find_segments
from bci_affect.errors import BciAffectError
from bci_affect.event_log import Breaks, PlayedMusic, TimedEvent
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
)
from bci_affect.gui.notes import KINDS, NoteKind, make_note
from bci_affect.music import Library
from bci_affect.profiles import starting_state
from bci_affect.session.dj.sham import yoke
from bci_affect.simulation.listener import Mind
from bci_affect.streams import XdfWriter, event_header, read_xdf
from bci_affect.streams.xdf.recording import XdfRecording
from tests.music.fake_library import fill

Kinds = set[type[SessionEvent]]
A: dict[str, Any] = {"track": "Title 0", "artist": "Artist 0", "track_id": 1}
B: dict[str, Any] = {"track": "Title 1", "artist": "Artist 1", "track_id": 2}

SCENARIO: list[TimedEvent] = [
    (0.0, SessionStart(model="m", policy="follow")),
    (0.1, Normalisation(profile="Ada", model="m", now=1.0, channels=("C3",), state={})),
    (0.2, RecordingStart(model="m")),
    (0.3, DeviceLost("lost")),
    (0.4, DeviceFound("found")),
    (0.5, ChannelUse("C3", True)),
    (1.0, RestStart()),
    (5.0, RestStop()),
    (9.0, MusicChoice(policy="steer", track=1, waypoint=(0.5, 0.5), score=0.8)),
    (10.0, TrackStart(**A, valence=0.8, arousal=0.8)),
    (12.0, MusicPaused(**A)),
    (13.0, MusicResumed(**A)),
    (14.0, MusicSought(**A, offset=30.0)),
    (15.0, SessionPause()),
    (17.0, SessionResume()),
    (18.0, Mark("a door")),
    (18.5, Mark("a bell")),
    (18.6, MarkRemoved(18.5)),
    (20.0, TrackStop(**A)),
    (21.0, SelfReport(8, 8)),
    (22.0, MusicCommand(command="policy", policy="manual")),
    (23.0, PlaybackError(**B, message="broken")),
    (30.0, CalibrationStart(profile="Ada")),
    (31.0, ContactSkipped()),
    (32.0, SilenceStart(clip=0)),
    (40.0, ClipStart(clip=0, track="c0", intended_valence=-0.8, intended_arousal=-0.8)),
    (50.0, ClipStop(clip=0)),
    (52.0, ClipStart(clip=1, track="c1", intended_valence=-0.8, intended_arousal=-0.8)),
    (55.0, CalibrationStop()),
    (56.0, CalibrationDone()),
    (60.0, TrackStart(**B, valence=0.8, arousal=-0.8)),
    (70.0, SessionStop()),
]
MUSIC: Kinds = {TrackStart, TrackStop, ClipStart, ClipStop, MusicPaused, MusicResumed, SessionStop}


def trials(recording: XdfRecording) -> Any:
    found = find_segments(recording.markers(), 100.0, Labels())
    return repr([(replace(segment, breaks=()), segment.stretches) for segment in found])


def report(recording: XdfRecording) -> Any:
    time = np.arange(0.0, 90.0, 0.5)
    values = np.stack((time, time), axis=1)
    breaks = Breaks(recording.events())
    record = SessionRecord(
        name="s",
        profile="",
        model="m",
        simulated=True,
        channels=("C3",),
        positions=np.zeros((1, 3), np.float32),
        time=time,
        ok=np.array([not breaks.covers(at) for at in time]),
        eeg=values,
        music=values,
        fused=values,
        confidence=time,
        quality=time,
        attention=np.ones(1),
        events=tuple(recording.events()),
    )
    tracks = heard(record)
    marks = [event for _, event in record.events if isinstance(event, Mark)]
    return repr((tracks, reveal(record, tracks), marks))


def music(recording: XdfRecording) -> Any:
    return PlayedMusic(recording.events()).played


def window(recording: XdfRecording) -> Any:
    notes = [make_note(*timed) for timed in recording.events()]
    return [(note.time, note.kind, note.text) for note in notes if note.kind is not NoteKind.HIDDEN]


def sham(recording: XdfRecording) -> Any:
    with Library(recording.path.parent / "library.sqlite") as library:
        if not len(library):
            fill(library, recording.path.parent / "music", 2)
        try:
            return repr(replace(yoke(recording.path, library), source=""))
        except BciAffectError as error:
            return str(error)


def profile(recording: XdfRecording) -> Any:
    return starting_state(recording.events())


READERS: dict[str, tuple[Callable[[XdfRecording], Any], Kinds]] = {
    "trials": (
        trials,
        MUSIC | {RestStart, RestStop, SessionPause, SessionResume, SelfReport, CalibrationStop},
    ),
    "report": (
        report,
        MUSIC
        | {SessionStart, SessionPause, SessionResume, SelfReport, Mark, MusicChoice, MusicCommand},
    ),
    "music": (music, MUSIC),
    "profile": (profile, {Normalisation}),
    "sham": (sham, {SessionStart, MusicChoice, TrackStart, SessionStop}),
    "window": (
        window,
        {kind for kind in EVENTS.values() if KINDS[kind] is not NoteKind.HIDDEN},
    ),
}


def written(path: Path, events: list[TimedEvent]) -> XdfRecording:
    with XdfWriter(path) as writer:
        stream = writer.add_stream(event_header())
        texts = [[encode(event)] for _, event in events]
        writer.texts(stream, texts, np.array([at for at, _ in events]))
    return read_xdf(path)


def test_the_scenario_has_every_kind() -> None:
    assert {type(event) for _, event in SCENARIO} == set(EVENTS.values())


@pytest.mark.parametrize("name", READERS)
def test_a_reader_depends_on_the_kinds_it_claims(name: str, tmp_path: Path) -> None:
    read, claims = READERS[name]
    complete = read(written(tmp_path / "complete.xdf", SCENARIO))
    found = set()
    for kind in EVENTS.values():
        others = [timed for timed in SCENARIO if not isinstance(timed[1], kind)]
        path = tmp_path / f"{kind.__name__}.xdf"
        if read(written(path, others)) != complete:
            found.add(kind)
    assert found == claims


def test_a_simulated_listener_follows_music_and_rest(tmp_path: Path) -> None:
    """Mood and activity after each event; only changes are stated."""
    mind, changes = Mind(), []
    before: Any = (mind.mood, mind.activity)
    for at, event in written(tmp_path / "a.xdf", SCENARIO).events():
        mind.push(at, event)
        if (after := (mind.mood, mind.activity)) != before:
            changes.append((at, *after[0]))
        before = after
    assert changes == [
        (10.0, 0.8, 0.8), (12.0, 0.0, 0.0), (13.0, 0.8, 0.8), (20.0, 0.0, 0.0),
        (40.0, -0.8, -0.8), (50.0, 0.0, 0.0), (52.0, -0.8, -0.8), (60.0, 0.8, -0.8),
        (70.0, 0.0, 0.0),
    ]  # fmt: skip
