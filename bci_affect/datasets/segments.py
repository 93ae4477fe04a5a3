"""Segmentation of a recording into clips and rests with ratings, from its markers.

Two kinds of markers are supported: events of a session of this program (music, rests, breaks and
self-reports), and markers of other programs, mapped to emotions by a ``LABELS.toml``. A file may
contain both. A trial of our own music ends with that music, whatever other programs mark meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from pydantic import Field

from bci_affect.config import Section
from bci_affect.event_log import Breaks, MusicSpan, PlayedMusic, Span, uninterrupted
from bci_affect.events import (
    CalibrationStop,
    ClipStart,
    ClipStop,
    Mark,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    SessionStop,
    TrackStart,
    TrackStop,
    names_in_marker,
    object_in_marker,
    read,
)
from bci_affect.streams import Marker


class _Role(Enum):
    """Meaning of a marker for the segmentation."""

    LABEL = auto()
    REST = auto()
    BLOCK = auto()
    MUSIC = auto()
    RATING = auto()
    MUSIC_STOP = auto()
    STOP = auto()
    OTHER = auto()  # ends nothing
    FOREIGN = auto()  # may end a labelled trial


ROLES: dict[type[SessionEvent], _Role] = {
    ClipStart: _Role.MUSIC,
    TrackStart: _Role.MUSIC,
    ClipStop: _Role.MUSIC_STOP,
    TrackStop: _Role.MUSIC_STOP,
    RestStart: _Role.REST,
    RestStop: _Role.STOP,
    CalibrationStop: _Role.STOP,
    SessionStop: _Role.STOP,
    SelfReport: _Role.RATING,
}
"""Roles of events; any other event ends nothing."""
_NEVER_END = {_Role.OTHER, _Role.RATING}
_OUTSIDE = {*_NEVER_END, _Role.FOREIGN, _Role.MUSIC_STOP}
"""Roles that end no clip or rest of a session; its music ends with its own stop."""


class AffectLabel(Section):
    """Emotion denoted by a marker, on 1-9."""

    valence: float = Field(ge=1, le=9)
    arousal: float = Field(ge=1, le=9)


class MarkerTexts(Section):
    """Marker texts with the same meaning."""

    markers: tuple[str, ...] = ()


class TrialTiming(Section):
    """Duration of a trial after its marker."""

    seconds: float | None = Field(None, gt=0)
    """Length; None: until the next marker."""
    skip_s: float = Field(0.0, ge=0)
    """Seconds to skip at the start of each trial."""


class FileInfo(Section):
    """Subject and session of a file; missing values are parsed from the file name."""

    subject: str | None = None
    session: str | None = None


class Labels(Section):
    """Content of a ``LABELS.toml``."""

    labels: dict[str, AffectLabel] = Field(default_factory=dict)
    rest: MarkerTexts = MarkerTexts()
    block: MarkerTexts = MarkerTexts()
    """Markers that start a new block; labels are only compared within a block."""
    trial: TrialTiming = TrialTiming()
    files: dict[str, FileInfo] = Field(default_factory=dict)
    """Subject and session by file name."""
    align: bool = False
    """Shift streams that are on another clock, where one constant explains it."""


@dataclass(frozen=True)
class Segment:
    """Clip or rest in a recording.

    Attributes
    ----------
    start, stop : float
        LSL times in seconds.
    name : str
        Name shown in reports.
    stimulus : str
        Identifier of the stimulus; "" if only the label is known.
    valence, arousal : float
        Ratings, 1-9; NaN if missing.
    music_valence, music_arousal : float
        Mood of the music itself in [-1, 1], from the start event; NaN if unknown.
    block : int
        Number of the block that contains the segment.
    rest : str
        "" for a clip; ``open``, ``closed``, ``blinks`` or ``rest`` for a rest.
    breaks : tuple of (float, float)
        Breaks of the session and pauses of the music in it, LSL times.
    """

    start: float
    stop: float
    name: str
    stimulus: str
    valence: float
    arousal: float
    music_valence: float = float("nan")
    music_arousal: float = float("nan")
    block: int = 0
    rest: str = ""
    breaks: tuple[Span, ...] = ()

    @property
    def stretches(self) -> tuple[Span, ...]:
        """Start and end of each stretch without a break."""
        return uninterrupted(self.start, self.stop, self.breaks)


def find_segments(markers: Iterable[Marker], end: float, labels: Labels) -> list[Segment]:
    """Find the clips and rests of one recording.

    Parameters
    ----------
    markers : iterable of Marker
        Markers in any order.
    end : float
        LSL time of the last sample.
    labels : Labels
        Labels of markers; empty if the ratings are in the events.

    Returns
    -------
    list of Segment
        Clips and rests in order of time. A rating belongs to the last clip that started before it.
    """
    ordered = sorted(markers, key=lambda marker: marker.time)
    events = [(marker.time, marker.event) for marker in ordered if marker.event is not None]
    roles = [_role(marker, labels) for marker in ordered]
    breaks = Breaks(events).spans
    music = iter(PlayedMusic(events).played)
    segments: list[Segment] = []
    block = 0
    for i, (marker, (role, label)) in enumerate(zip(ordered, roles, strict=True)):
        event = marker.event
        played = next(music) if isinstance(event, TrackStart | ClipStart) else None
        segment: Segment | None = None
        if role is _Role.BLOCK:
            block += 1
        elif role is _Role.LABEL:
            stop = _end_time(ordered, roles, i, end, _NEVER_END)
            segment = _labelled(marker.time, stop, label, labels)
        elif role is _Role.REST:
            stop = _end_time(ordered, roles, i, end, _NEVER_END if event is None else _OUTSIDE)
            kind = event.kind if isinstance(event, RestStart) else label
            segment = replace(_segment(marker.time, stop, "rest"), rest=kind)
        elif role is _Role.MUSIC and played is not None:
            stop = _end_time(ordered, roles, i, end, _OUTSIDE)
            segment = _clip(played, stop, marker.text)
        elif role is _Role.RATING and isinstance(event, SelfReport):
            _assign_rating(segments, event)
        if segment is not None:
            segments.append(replace(segment, block=block, breaks=(*segment.breaks, *breaks)))
    return [segment for segment in segments if segment.stop > segment.start]


def subject_of(path: Path, labels: Labels) -> str:
    """Return the subject of a recording from the labels or its name (``sub-XX``), else ""."""
    info = _file_info(path, labels)
    return (info.subject if info else None) or _from_name(path, "sub") or ""


def session_of(path: Path, labels: Labels) -> str:
    """Return the session of a recording from the labels or its name (``ses-XX``), else its name."""
    info = _file_info(path, labels)
    return (info.session if info else None) or _from_name(path, "ses") or path.name


def _file_info(path: Path, labels: Labels) -> FileInfo | None:
    return labels.files.get(path.name) or labels.files.get(str(path))


def _from_name(path: Path, key: str) -> str | None:
    """Parse ``sub-XX`` or ``ses-XX`` in a file name."""
    match = re.search(rf"{key}-([A-Za-z0-9]+)", path.name)
    return match.group(1) if match else None


def format_marker_names(markers: Iterable[Marker], limit: int = 8) -> str:
    """Format the distinct marker names as a list for a message."""
    names = list(dict.fromkeys(_names(marker)[0] for marker in markers))
    shown = ", ".join(f"'{name[:40]}'" for name in names[:limit])
    return (shown + (", ..." if len(names) > limit else "")) or "none at all"


def _names(marker: Marker) -> list[str]:
    """Return all names of a marker; a mark set by hand is named by its note."""
    note = marker.event.note if isinstance(marker.event, Mark) else ""
    return ([note] if note else []) + names_in_marker(marker.text)


def _role(marker: Marker, labels: Labels) -> tuple[_Role, str]:
    """Return the role of a marker, and the label or kind of rest that it names."""
    names = {name.casefold() for name in _names(marker)}
    for key in labels.labels:
        if key.casefold() in names:
            return _Role.LABEL, key
    if names & {text.casefold() for text in labels.rest.markers}:
        return _Role.REST, "rest"
    if names & {text.casefold() for text in labels.block.markers}:
        return _Role.BLOCK, ""
    if marker.event is not None:
        return ROLES.get(type(marker.event), _Role.OTHER), ""
    # Of another program, plain text and starts and stops in our form may end a labelled trial.
    structured = object_in_marker(marker.text) is not None
    passes = structured and ROLES.get(type(read(marker.text)), _Role.OTHER) in _NEVER_END
    return _Role.OTHER if passes else _Role.FOREIGN, ""


def _end_time(
    markers: Sequence[Marker],
    roles: Sequence[tuple[_Role, str]],
    i: int,
    end: float,
    passing: Set[_Role],
) -> float:
    """Return the time of the marker that ends the segment started by marker `i`.

    Markers with one of the roles `passing` do not end it.
    """
    for marker, (role, _) in zip(markers[i + 1 :], roles[i + 1 :], strict=True):
        if role not in passing and marker.time > markers[i].time:
            return marker.time
    return end


def _segment(start: float, stop: float, name: str) -> Segment:
    nan = float("nan")
    return Segment(start, stop, name, "", nan, nan)


def _labelled(start: float, stop: float, name: str, labels: Labels) -> Segment:
    """Create a clip with the emotion of its label."""
    if labels.trial.seconds is not None:
        stop = min(stop, start + labels.trial.seconds)
    label = labels.labels[name]
    made = _segment(start + labels.trial.skip_s, stop, name)
    return replace(made, valence=label.valence, arousal=label.arousal)


def _clip(played: MusicSpan, end: float, text: str) -> Segment:
    """Create a clip, with the mood of the music, from what was played until `end` at most.

    Other programs name the stimulus of a `clip_start` without music in a field `stimulus`.
    """
    music = played.music
    named = (object_in_marker(text) or {}).get("stimulus", "")
    made = replace(
        _segment(played.start, min(played.stop, end), _title(music)),
        stimulus=music.track or (named if isinstance(named, str) else ""),
        breaks=played.pauses,
    )
    valence, arousal = music.mood
    if valence is None or arousal is None:
        return made
    return replace(made, music_valence=valence, music_arousal=arousal)


def _title(music: TrackStart | ClipStart) -> str:
    return music.title or music.track.rsplit("/", 1)[-1] or "clip"


def _assign_rating(segments: list[Segment], report: SelfReport) -> None:
    """Assign a rating to the last clip before it; the last rating of a clip wins."""
    for i in range(len(segments) - 1, -1, -1):
        if not segments[i].rest:
            segments[i] = replace(segments[i], valence=report.valence, arousal=report.arousal)
            return
