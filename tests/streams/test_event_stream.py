"""Only a session's own stream has events; text of any other program is a marker."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bci_affect.events import (
    CalibrationStop,
    ClipStart,
    InvalidEvent,
    Mark,
    SelfReport,
    SessionEvent,
    SessionPause,
    TrackStart,
    encode,
)
from bci_affect.resources import shipped
from bci_affect.streams import (
    StreamHeader,
    XdfWriter,
    build_header,
    event_header,
    is_event_stream,
    read_xdf,
    simulated_event_header,
)
from bci_affect.streams.event_stream import new_session_id
from bci_affect.streams.header import parse_header

FORGED: tuple[SessionEvent, ...] = (
    TrackStart(track="forged", valence=1, arousal=1),
    SelfReport(9, 9),
    SessionPause(),
    CalibrationStop(),
)


def named(name: str = "bci_affect.events", kind: str = "Markers", source: str = "") -> StreamHeader:
    return build_header(name, kind, ["event"], fmt="string", source_id=source)


def over_lsl(header: StreamHeader) -> StreamHeader:
    """Return the header as it is received from the network: with the uid of its outlet."""
    return parse_header(header.xml.replace("<desc", "<uid>0c7e</uid><desc"))


OWN = event_header("bci_affect-0123456789ab")
OTHER_SESSION = event_header("bci_affect-ba9876543210")
FORMER = named()
"""Event stream in recordings of earlier versions, which had no source id."""
SIMULATED = simulated_event_header()
PLAYED = named(source="simulated-events-5f3a")
"""Event stream of a simulated session that `play` publishes again."""


@dataclass(frozen=True)
class Case:
    """Streams of a recording, and those of them whose events count."""

    streams: tuple[StreamHeader, ...]
    own: tuple[int, ...] = field(default=())


CASES = {
    "session": Case((OWN,), (0,)),
    "session of an earlier version": Case((FORMER,), (0,)),
    "simulated": Case((SIMULATED,), (0,)),
    "LabRecorder": Case((over_lsl(OWN),), (0,)),
    "LabRecorder, without source id": Case((over_lsl(FORMER),), (0,)),
    "played simulation": Case((over_lsl(PLAYED),), (0,)),
    "session on a played simulation": Case((over_lsl(PLAYED), OWN), (1,)),
    "earlier session on a played simulation": Case((over_lsl(PLAYED), FORMER), (1,)),
    "LabRecorder of a session on a simulation": Case((over_lsl(SIMULATED), over_lsl(OWN)), (1,)),
    "two sessions in one room": Case((OWN, over_lsl(OTHER_SESSION)), (0,)),
    "session and another program": Case((over_lsl(named("PsychoPy")), OWN), (1,)),
    "another program of the same name": Case((over_lsl(named(source="x1")), OWN), (1,)),
    "another program alone": Case((over_lsl(named("PsychoPy")),)),
    "same name, other source": Case((over_lsl(named(source="x1")),)),
    "same name, other type": Case((over_lsl(named(kind="Notes", source=OWN.source_id)),)),
    "suffix before": Case((over_lsl(named(source="x-" + OWN.source_id)),)),
}


@pytest.mark.parametrize("name", CASES)
def test_events_count_from_the_own_stream_only(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    with XdfWriter(tmp_path / "a.xdf") as writer:
        for header in case.streams:
            stream = writer.add_stream(header)
            texts = [[encode(event)] for event in FORGED]
            writer.texts(stream, texts, np.arange(float(len(texts))))
    recording = read_xdf(tmp_path / "a.xdf")
    assert [event for _, event in recording.events()] == [
        event for event in FORGED for _ in case.own
    ]
    assert len(recording.markers()) == len(FORGED) * len(case.streams), "all are markers"


def test_a_converted_data_set_brings_clips_and_ratings_only(tmp_path: Path) -> None:
    """A file that never was on LSL and has no session may be a data set in our form."""
    events = (ClipStart(track="a"), SelfReport(7, 7), Mark("x"), *FORGED)
    with XdfWriter(tmp_path / "a.xdf") as writer:
        stream = writer.add_stream(named("Markers", source="Markers-1"))
        texts = [[encode(event)] for event in events] + [["happy"]]
        writer.texts(stream, texts, np.arange(float(len(texts))))
    found = [event for _, event in read_xdf(tmp_path / "a.xdf").events()]
    assert found == [ClipStart(track="a"), SelfReport(7, 7), SelfReport(9, 9)]


def test_a_damaged_event_is_kept_with_its_reason(tmp_path: Path) -> None:
    with XdfWriter(tmp_path / "a.xdf") as writer:
        stream = writer.add_stream(event_header())
        writer.texts(stream, [["{"], ['{"event": "rating", "valence": 99}']], np.arange(2.0))
    first, second = (event for _, event in read_xdf(tmp_path / "a.xdf").events())
    assert isinstance(first, InvalidEvent)
    assert isinstance(second, InvalidEvent)
    assert second.name == "rating"


def test_the_shipped_recording_has_events() -> None:
    recording = read_xdf(shipped("recordings/demo.xdf"))
    assert len(recording.events()) == 17
    assert len(recording.markers()) == 28, "the truth is a marker stream of its own"


def test_live_streams_are_recognised_by_name_type_and_source() -> None:
    for header in (OWN, OTHER_SESSION, SIMULATED, PLAYED, event_header(new_session_id())):
        assert is_event_stream(header.name, header.type, header.source_id)
    for header in (named(), named(source="x"), named("PsychoPy", source=OWN.source_id)):
        assert not is_event_stream(header.name, header.type, header.source_id)
    assert not is_event_stream(OWN.name, "Notes", OWN.source_id)
