"""Events of the session as notes on a time axis: their text, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bci_affect.events import (
    CalibrationDone,
    CalibrationStart,
    CalibrationStop,
    ChannelUse,
    ClipStart,
    ClipStop,
    ContactSkipped,
    DeviceFound,
    DeviceLost,
    InvalidEvent,
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
    UnknownEvent,
)
from bci_affect.streams import Marker


class NoteKind(Enum):
    """Appearance of a note."""

    MARK = auto()
    MARKER = auto()  # of another program
    TRACK = auto()
    REPORT = auto()
    BASELINE = auto()
    OTHER = auto()
    HIDDEN = auto()  # recorded and published, but not drawn over the EEG


KINDS: dict[type[SessionEvent], NoteKind] = {
    Mark: NoteKind.MARK,
    TrackStart: NoteKind.TRACK,
    SelfReport: NoteKind.REPORT,
    RestStart: NoteKind.BASELINE,
    **dict.fromkeys(
        (
            *(SessionPause, SessionResume, CalibrationStart, CalibrationStop, CalibrationDone),
            *(ContactSkipped, SilenceStart, ClipStart, ClipStop),
            *(MusicPaused, MusicResumed, MusicSought, DeviceLost, DeviceFound, PlaybackError),
            *(UnknownEvent, InvalidEvent),
        ),
        NoteKind.OTHER,
    ),
    **dict.fromkeys(
        (
            *(SessionStart, SessionStop, RecordingStart, Normalisation, ChannelUse),
            *(MarkRemoved, RestStop, TrackStop, MusicChoice, MusicCommand),
        ),
        NoteKind.HIDDEN,
    ),
}
"""Appearance of each event."""


@dataclass(frozen=True, slots=True)
class Note:
    """Event on a time axis.

    Attributes
    ----------
    time : float
        LSL time.
    event : SessionEvent or Marker
        Event of the session, or marker of another program.
    text : str
        Text next to it.
    """

    time: float
    event: SessionEvent | Marker
    text: str

    @property
    def kind(self) -> NoteKind:
        """Appearance."""
        if isinstance(self.event, Marker):
            return NoteKind.MARKER
        return KINDS[type(self.event)]

    @property
    def rating(self) -> tuple[float, float] | None:
        """Self-report on the valence-arousal plane, [-1, 1]; None for any other event."""
        event = self.event
        if not isinstance(event, SelfReport):
            return None
        return (event.valence - 5) / 4, (event.arousal - 5) / 4


def make_note(time: float, event: SessionEvent) -> Note:
    """Return the note of an event."""
    return Note(time, event, _text(event))


def make_marker_note(marker: Marker) -> Note:
    """Return the note of another program's marker."""
    return Note(marker.time, marker, marker.text.replace("\t", " "))


def _text(event: SessionEvent) -> str:
    if isinstance(event, RestStart):
        return "baseline"
    if isinstance(event, Mark) and event.note:
        return event.note
    if isinstance(event, TrackStart | ClipStart) and (event.title or event.track):
        return event.title or event.track
    name = event.name if isinstance(event, UnknownEvent | InvalidEvent) else event.KIND.value
    return name.replace("_", " ")
