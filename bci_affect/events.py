"""Events of a session: one vocabulary and one codec.

In memory an event is one of the frozen dataclasses below. JSON text exists only where an event
leaves or enters the process: in a text stream of LSL or XDF, one object per sample. `encode` and
`decode` are the only functions that know this form, and `EventKind` is the only list of its names.

Types are strict (a rating of ``"7"`` is refused), unknown kinds and fields are tolerated, and size
and depth of the text are limited before it is parsed.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, TypeVar, cast, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bci_affect.errors import BciAffectError

MAX_CHARS: Final = 16_000_000
"""Longest text of one event, in characters; with 256 electrodes a person's rest has 10 million."""
MAX_DEPTH: Final = 8
"""Deepest nesting of one event; the deepest that a session writes is 4."""


class EventKind(StrEnum):
    """Names of events as they are recorded and published."""

    SESSION_START = "session_start"
    SESSION_PAUSE = "session_pause"
    SESSION_RESUME = "session_resume"
    SESSION_STOP = "session_stop"
    RECORDING_START = "recording_start"
    NORMALISATION = "normalisation"
    MARK = "mark"
    MARK_REMOVED = "mark_removed"
    RATING = "rating"
    CHANNEL = "channel"
    REST_START = "rest_start"
    REST_STOP = "rest_stop"
    CALIBRATION_START = "calibration_start"
    CONTACT_SKIPPED = "contact_skipped"
    SILENCE_START = "silence_start"
    CLIP_START = "clip_start"
    CLIP_STOP = "clip_stop"
    CALIBRATION_STOP = "calibration_stop"
    CALIBRATION_DONE = "calibration_done"
    TRACK_START = "track_start"
    TRACK_STOP = "track_stop"
    PAUSED = "paused"
    RESUMED = "resumed"
    SEEK = "seek"
    DEVICE_LOST = "device_lost"
    DEVICE_FOUND = "device_found"
    ERROR = "error"
    MUSIC_CHOICE = "music_choice"
    MUSIC_COMMAND = "music_command"
    UNKNOWN = "unknown"
    """Kind of another version, or an event that cannot be read; a session never writes it."""


FORMER_NAMES: Final[Mapping[str, EventKind]] = {"track_end": EventKind.TRACK_STOP}
"""Names that earlier versions wrote, and the kinds that they are read as."""


class EventError(BciAffectError):
    """Text that is not an event, or an event with values that it cannot have."""


def _unicode(value: object) -> object:
    """Replace lone surrogates, which file names may contain and no stream can store."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _mood(value: object) -> object:
    """Return a number from -1 to 1, and None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -1 <= value <= 1 else None


Text = Annotated[str, BeforeValidator(_unicode)]
Name = Annotated[str, BeforeValidator(_unicode), Field(min_length=1)]
Scale = Annotated[float, Field(ge=1, le=9)]
"""Answer on a self-assessment scale, 1 to 9."""
Mood = Annotated[float | None, BeforeValidator(_mood)]
"""Valence or arousal of music, -1 to 1; None where unknown or out of range."""
Count = Annotated[int, Field(ge=0)]

_STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid", defer_build=True)
_T = TypeVar("_T")


@dataclass_transform(frozen_default=True)
def _event(cls: type[_T]) -> type[_T]:
    """Make a frozen dataclass whose constructor refuses values of the wrong type or range."""
    return cast(type[_T], dataclass(frozen=True, config=_STRICT)(cls))


@_event
class SessionEvent:
    """Base of all events.

    A field that is None is left out of the recorded text. The constructors raise
    `pydantic.ValidationError`, a `ValueError`, for values that the field cannot have.
    """

    KIND: ClassVar[EventKind] = EventKind.UNKNOWN


# ---- the session --------------------------------------------------------------------------------


@_event
class SessionStart(SessionEvent):
    """Start of a live session."""

    KIND = EventKind.SESSION_START
    model: Text = ""
    """Name of the model."""
    profile: Text | None = None
    """Name of the person's profile."""
    policy: Text | None = None
    """Policy by which music is chosen; absent without music."""


@_event
class SessionPause(SessionEvent):
    """Start of a break: no estimate is a reading until `session_resume`."""

    KIND = EventKind.SESSION_PAUSE


@_event
class SessionResume(SessionEvent):
    """End of a break."""

    KIND = EventKind.SESSION_RESUME


@_event
class SessionStop(SessionEvent):
    """End of a live session."""

    KIND = EventKind.SESSION_STOP


@_event
class RecordingStart(SessionEvent):
    """Start of a recording in a running session."""

    KIND = EventKind.RECORDING_START
    model: Text = ""
    """Name of the model."""


@_event
class Normalisation(SessionEvent):
    """Normalisation and personal model with which a session of a profile begins."""

    KIND = EventKind.NORMALISATION
    profile: Text
    """Name of the profile."""
    model: Text
    """Identity of the model file."""
    now: float
    """Unix time of the session."""
    channels: tuple[Text, ...]
    """Electrodes, in order."""
    state: dict[str, Any]
    """Arrays of the normaliser: of each its type, shape and bytes in base64."""
    calibration: float | None = None
    """Unix time at which the personal model was made; absent without one."""


@_event
class Mark(SessionEvent):
    """Mark set by hand."""

    KIND = EventKind.MARK
    note: Text = ""
    """Free text."""


@_event
class MarkRemoved(SessionEvent):
    """Mark that was deleted by hand, or replaced by one with a note."""

    KIND = EventKind.MARK_REMOVED
    time: float
    """Time of the mark, in seconds on the LSL clock."""


@_event
class SelfReport(SessionEvent):
    """Self-report of the listener; it belongs to the music that began last."""

    KIND = EventKind.RATING
    valence: Scale
    """Unpleasant (1) to pleasant (9)."""
    arousal: Scale
    """Calm (1) to excited (9)."""
    dominance: Scale | None = None
    """Controlled (1) to in control (9)."""
    familiarity: Scale | None = None
    """Unknown (1) to familiar (9)."""
    liking: Scale | None = None
    """Dislike (1) to like (9)."""
    clip: Count | None = None
    """Number of the calibration's clip, from 0."""
    track: Text | None = None
    """Title of the music."""


@_event
class ChannelUse(SessionEvent):
    """Channel taken out of use by hand, or given back to the automatic assessment."""

    KIND = EventKind.CHANNEL
    channel: Text
    """Label of the electrode."""
    bad: bool
    """True where it is out of use."""


# ---- rest and calibration -----------------------------------------------------------------------


@_event
class RestStart(SessionEvent):
    """Start of a rest: a step of the calibration, or the baseline of a session."""

    KIND = EventKind.REST_START
    kind: Name = "rest"
    """``open``, ``closed``, ``blinks``; simulated ``eyes_open``, ``eyes_closed``; ``rest``."""
    seconds: float | None = None
    """Planned length."""


@_event
class RestStop(SessionEvent):
    """End of a rest."""

    KIND = EventKind.REST_STOP
    kind: Text | None = None
    """As in `rest_start`."""
    complete: bool | None = None
    """False where it was interrupted."""


@_event
class CalibrationStart(SessionEvent):
    """Start of a guided calibration, or its continuation."""

    KIND = EventKind.CALIBRATION_START
    profile: Text = ""
    """Name of the person's profile."""
    seed: int | None = None
    """Seed of the choice and order of clips."""
    n_clips: Count | None = None
    """Number of clips."""
    rated: Count | None = None
    """Number of clips rated before."""


@_event
class ContactSkipped(SessionEvent):
    """Decision to continue with bad contact."""

    KIND = EventKind.CONTACT_SKIPPED


@_event
class SilenceStart(SessionEvent):
    """Start of the silence before a clip."""

    KIND = EventKind.SILENCE_START
    clip: Count | None = None
    """Number of the clip, from 0."""


@_event
class ClipStart(SessionEvent):
    """Start of a clip of the calibration."""

    KIND = EventKind.CLIP_START
    clip: Count | None = None
    """Number of the clip, from 0."""
    track: Text = ""
    """File of the music."""
    title: Text = ""
    """Title of the music."""
    offset: float = 0.0
    """Place in the music in seconds."""
    block: int = 0
    """Block of clips: labels are compared only within one."""
    intended_valence: Mood = None
    """Valence of the music, -1 to 1."""
    intended_arousal: Mood = None
    """Arousal of the music, -1 to 1."""

    @property
    def mood(self) -> tuple[float | None, float | None]:
        """Valence and arousal of the music."""
        return self.intended_valence, self.intended_arousal


@_event
class ClipStop(SessionEvent):
    """End of a clip."""

    KIND = EventKind.CLIP_STOP
    clip: Count | None = None
    """Number of the clip, from 0."""
    complete: bool | None = None
    """False where it was interrupted."""


@_event
class CalibrationStop(SessionEvent):
    """Calibration stopped before its end; it can be resumed."""

    KIND = EventKind.CALIBRATION_STOP
    rated: Count | None = None
    """Number of clips rated so far."""


@_event
class CalibrationDone(SessionEvent):
    """End of a calibration: all clips are rated."""

    KIND = EventKind.CALIBRATION_DONE
    rated: Count | None = None
    """Number of clips rated."""


# ---- music --------------------------------------------------------------------------------------


@_event
class TrackEvent(SessionEvent):
    """Base of what the player does with a track."""

    track: Text = ""
    """Title."""
    artist: Text | None = None
    """Artist."""
    track_id: int | None = None
    """Number in the music library."""
    offset: float | None = None
    """Place in the track in seconds."""


@_event
class TrackStart(TrackEvent):
    """First audible frame of a track, or the start of a recording in the middle of one."""

    KIND = EventKind.TRACK_START
    earlier: bool | None = None
    """True where the track began before the recording."""
    valence: Mood = None
    """Valence of the music, -1 to 1."""
    arousal: Mood = None
    """Arousal of the music, -1 to 1."""
    label: Text | None = None
    """Name of the mood, in simulated sessions."""

    @property
    def title(self) -> str:
        """Title of the music."""
        return self.track

    @property
    def mood(self) -> tuple[float | None, float | None]:
        """Valence and arousal of the music."""
        return self.valence, self.arousal


@_event
class TrackStop(TrackEvent):
    """Last audible frame of a track; with a crossfade the next one has begun before."""

    KIND = EventKind.TRACK_STOP


@_event
class MusicPaused(TrackEvent):
    """Music paused."""

    KIND = EventKind.PAUSED


@_event
class MusicResumed(TrackEvent):
    """Music resumed after a pause."""

    KIND = EventKind.RESUMED


@_event
class MusicSought(TrackEvent):
    """Jump to another place of the track."""

    KIND = EventKind.SEEK


@_event
class DeviceLost(SessionEvent):
    """Loss of the sound device; the music continues silently."""

    KIND = EventKind.DEVICE_LOST
    message: Text = ""
    """One sentence."""


@_event
class DeviceFound(SessionEvent):
    """Return of a sound device."""

    KIND = EventKind.DEVICE_FOUND
    message: Text = ""
    """One sentence."""


@_event
class PlaybackError(TrackEvent):
    """Track that cannot be played."""

    KIND = EventKind.ERROR
    message: Text = ""
    """Reason, one sentence."""


@_event
class MusicChoice(SessionEvent):
    """Choice of a track with its reasons."""

    KIND = EventKind.MUSIC_CHOICE
    time: float | None = None
    """Time of the estimate that it rests on, in seconds on the LSL clock."""
    action: Text = ""
    """``start``, ``next``, ``change``, ``skip``, or ``yoked`` for a repeated session."""
    policy: Text = ""
    """Policy by which music is chosen."""
    yoked: Text | None = None
    """Recording whose choices are repeated."""
    track: int | None = None
    """Number in the music library."""
    title: Text = ""
    """Title of the track."""
    artist: Text = ""
    """Artist of the track."""
    score: float | None = None
    """Cosine of the angle to the query in the common space."""
    segment_s: float | None = None
    """Place in the track that fits best, in seconds."""
    distance: float | None = None
    """Distance from the query on the valence-arousal plane."""
    shared_tags: tuple[Text, ...] = ()
    """Tags shared with the query."""
    rule: Text = ""
    """Rule that decided."""
    draw: int | None = None
    """Number of the candidate that was drawn."""
    seed: int | None = None
    """Seed of the draws."""
    candidates: tuple[tuple[int, float | None], ...] | None = None
    """Track and score of the candidates."""
    mood: tuple[float | None, float | None] | None = None
    """Smoothed valence and arousal of the listener."""
    confidence: float | None = None
    """Confidence of the estimate."""
    target: tuple[float | None, float | None] | None = None
    """Target of steering, valence and arousal."""
    waypoint: tuple[float | None, float | None] | None = None
    """Place on the path to the target."""
    query: tuple[float | None, ...] | None = None
    """Place in the common space."""


@_event
class MusicCommand(SessionEvent):
    """Command of the listener to the choice of music."""

    KIND = EventKind.MUSIC_COMMAND
    time: float | None = None
    """Time of the last estimate, in seconds on the LSL clock."""
    command: Text = ""
    """``skip``, ``choose``, ``pin``, ``like``, ``ban``, ``policy`` or ``target``."""
    track: int | None = None
    """Number in the music library."""
    on: bool | None = None
    """False where a pin, like or ban is withdrawn."""
    policy: Text | None = None
    """New policy."""
    target: tuple[float, float] | None = None
    """New target of steering, valence and arousal in -1 to 1."""


# ---- what cannot be read ------------------------------------------------------------------------


@_event
class UnknownEvent(SessionEvent):
    """Event of a kind that this version does not know, kept as it is."""

    name: Text
    """Name of the event."""
    fields: dict[str, Any]
    """All other values."""


@_event
class InvalidEvent(SessionEvent):
    """Text of our own stream that cannot be read as an event."""

    name: Text
    """Name of the event; "" where it is not readable."""
    problem: Text
    """Reason, for the user."""


# ---- codec --------------------------------------------------------------------------------------


def _kinds(cls: type[SessionEvent]) -> Iterator[type[SessionEvent]]:
    for one in cls.__subclasses__():
        if one.KIND is not EventKind.UNKNOWN:
            yield one
        yield from _kinds(one)


EVENTS: Final[Mapping[EventKind, type[SessionEvent]]] = {
    one.KIND: one for one in _kinds(SessionEvent)
}
"""Class of each kind."""

_FIELDS = {kind: [field.name for field in dataclasses.fields(one)] for kind, one in EVENTS.items()}
_FORMER_FIELDS = {
    EventKind.CLIP_START: {"valence": "intended_valence", "arousal": "intended_arousal"},
}
_NAME = "event"
_MARKER_NAMES = (_NAME, "label", "emotion", "stimulus", "marker", "condition")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # linear in time, also if it never ends
_BRACKET = re.compile(r"[\[\]{}]")


def encode(event: SessionEvent) -> str:
    """Return an event as one JSON object, without the fields that are None.

    Raises
    ------
    EventError
        If `event` is an `InvalidEvent` or holds infinite numbers, or the text is longer than
        `decode` accepts.

    Examples
    --------
    >>> encode(Mark("a door"))
    '{"event": "mark", "note": "a door"}'
    """
    if isinstance(event, InvalidEvent):
        raise EventError(f"This event cannot be written again: {event.problem}")
    if isinstance(event, UnknownEvent):
        document = {_NAME: event.name, **event.fields}
    else:
        values = ((name, getattr(event, name)) for name in _FIELDS[event.KIND])
        document = {_NAME: event.KIND, **{n: v for n, v in values if v is not None}}
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise EventError("An event has finite numbers only.") from None
    if len(text) > MAX_CHARS:
        raise EventError(f"The event '{document[_NAME]}' is longer than {MAX_CHARS:,} characters.")
    return text.encode("utf-8", "replace").decode()


def decode(text: str) -> SessionEvent:
    """Read an event.

    Fields that the kind does not have are left out, and null is read as absent.

    Returns
    -------
    SessionEvent
        `UnknownEvent` for a kind of another version.

    Raises
    ------
    EventError
        If `text` is not a JSON object with a name under ``event``, is too long or too deeply
        nested, or a field has the wrong type or is out of range.

    Examples
    --------
    >>> decode('{"event": "rating", "valence": 7, "arousal": 3}').valence
    7.0
    """
    document = _parse(text)
    name = document.pop(_NAME, None)
    if not isinstance(name, str):
        raise EventError("An event is a JSON object with a name under 'event'.")
    kind = FORMER_NAMES.get(name, name)
    if kind not in _FIELDS:
        return UnknownEvent(name, document)
    kind = EventKind(kind)
    for former, field in _FORMER_FIELDS.get(kind, {}).items():
        document.setdefault(field, document.get(former))
    known = {field: document[field] for field in _FIELDS[kind] if document.get(field) is not None}
    try:
        return _validated(kind, json.dumps(known, ensure_ascii=False))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise EventError(f"The event '{name}' is damaged: {field}: {first['msg']}.") from None


def read(text: str) -> SessionEvent:
    """Read an event; return an `InvalidEvent` where `decode` raises."""
    try:
        return decode(text)
    except EventError as error:
        name = (object_in_marker(text) or {}).get(_NAME)
        return InvalidEvent(name if isinstance(name, str) else "", str(error))


def object_in_marker(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a marker of any program consists of; None for other text."""
    try:
        return _parse(text) if text.lstrip().startswith("{") else None
    except EventError:
        return None


def names_in_marker(text: str) -> list[str]:
    r"""Return all names of a marker of any program, by which labels may refer to it.

    Of a JSON object these are its values under ``event``, ``label``, ``emotion``, ``stimulus``,
    ``marker`` and ``condition``; of any other text, the text, and each channel of several (they
    are separated by tabs).

    Examples
    --------
    >>> names_in_marker("7\t3")
    ['7\t3', '7', '3']
    """
    document = object_in_marker(text) or {}
    named = [str(document[key]) for key in _MARKER_NAMES if key in document]
    if named:
        return named
    cells = [cell.strip() for cell in text.split("\t")] if "\t" in text else []
    return [text.strip(), *filter(None, cells)]


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARS:
        raise EventError(f"An event has at most {MAX_CHARS:,} characters; this has {len(text):,}.")
    if _too_deep(text):
        raise EventError(f"An event is nested at most {MAX_DEPTH} deep.")
    try:
        document = json.loads(text, parse_constant=_absent)
    except ValueError:
        raise EventError("An event is a JSON object; this text is not.") from None
    if not isinstance(document, dict):
        raise EventError("An event is a JSON object; this text is not.")
    return document


def _absent(constant: str) -> None:
    """Read NaN and the infinities as null: earlier versions wrote them where a value is unknown."""


def _too_deep(text: str) -> bool:
    """Return whether brackets outside of strings are nested deeper than `MAX_DEPTH`."""
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _validated(kind: EventKind, text: str) -> SessionEvent:
    """Validate JSON against a kind: its arrays become tuples, all other types must fit."""
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(EVENTS[kind])
    return adapter.validate_json(text.encode("utf-8", "replace"))


_ADAPTERS: dict[EventKind, TypeAdapter[SessionEvent]] = {}
