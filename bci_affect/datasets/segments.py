"""Segmentation of a recording into clips and rests with ratings, from its markers.

Two kinds of markers are supported: events of this program, JSON objects (``clip_start`` or
``track_start``, ``clip_stop`` or ``track_stop``, ``rating``, ``rest_start``, ``rest_stop``), and
markers of other programs, mapped to emotions by a ``LABELS.toml``. A file may contain both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from bci_affect.config import Section
from bci_affect.streams import Marker

_START = ("clip_start", "track_start")
_STOP = ("clip_stop", "track_stop")
_NAME_KEYS = ("event", "label", "emotion", "stimulus", "marker", "condition")


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
    meanings = [_classify(marker.text, labels) for marker in ordered]
    times = [marker.time for marker in ordered]
    segments: list[Segment] = []
    block = 0
    for i, (kind, value) in enumerate(meanings):
        start = times[i]
        if kind == "block":
            block += 1
        elif kind == "label":
            label = labels.labels[value]
            segments.append(
                replace(
                    _segment(
                        start + labels.trial.skip_s, _end_time(meanings, times, i, end), value
                    ),
                    valence=label.valence,
                    arousal=label.arousal,
                    block=block,
                )
            )
            if labels.trial.seconds is not None:
                stop = min(segments[-1].stop, start + labels.trial.seconds)
                segments[-1] = replace(segments[-1], stop=stop)
        elif kind == "rest":
            stop = _end_time(meanings, times, i, end)
            segments.append(replace(_segment(start, stop, "rest"), rest=value))
        elif kind == "start":
            segments.append(
                replace(_clip(value, start, _end_time(meanings, times, i, end)), block=block)
            )
        elif kind == "rating":
            _assign_rating(segments, value)
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
    names: list[str] = []
    for marker in markers:
        name = _names(marker.text)[0]
        if name not in names:
            names.append(name)
    shown = ", ".join(f"'{name[:40]}'" for name in names[:limit])
    return (shown + (", ..." if len(names) > limit else "")) or "none at all"


def _classify(text: str, labels: Labels) -> tuple[str, Any]:
    """Classify one marker; return its kind and its value (label, event or rest)."""
    event = _event(text)
    names = {name.casefold() for name in _names(text)}
    for key in labels.labels:
        if key.casefold() in names:
            return "label", key
    if names & {marker.casefold() for marker in labels.rest.markers}:
        return "rest", "rest"
    if names & {marker.casefold() for marker in labels.block.markers}:
        return "block", None
    kind = event.get("event") if event else None
    if kind in _START:
        return "start", event
    if kind == "rest_start":
        return "rest", str((event or {}).get("kind", "rest"))
    if kind == "rating":
        return "rating", event
    if kind in (*_STOP, "rest_stop", "calibration_stop"):
        return "stop", None
    # Other events of this program do not end a trial; a marker of another program may.
    return ("other", None) if event else ("foreign", None)


def _event(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _names(text: str) -> list[str]:
    """Return the names by which a label may refer to a marker."""
    event = _event(text)
    if event is None:
        return [text.strip()]
    names = [str(event[key]) for key in _NAME_KEYS if key in event]
    return names or [text.strip()]


def _end_time(meanings: list[tuple[str, Any]], times: list[float], i: int, end: float) -> float:
    """Return the time of the marker that ends the segment started by marker `i`."""
    for (kind, _), time in zip(meanings[i + 1 :], times[i + 1 :], strict=True):
        if kind not in ("other", "rating") and time > times[i]:
            return time
    return end


def _segment(start: float, stop: float, name: str) -> Segment:
    nan = float("nan")
    return Segment(start, stop, name, "", nan, nan)


def _clip(event: dict[str, Any], start: float, stop: float) -> Segment:
    """Create a clip, with the mood of the music, from its start event."""
    track = str(event.get("track", ""))
    title = str(event.get("title") or track.rsplit("/", 1)[-1] or "clip")
    mood = (float("nan"), float("nan"))
    for valence, arousal in (("intended_valence", "intended_arousal"), ("valence", "arousal")):
        try:
            values = (float(event[valence]), float(event[arousal]))
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if all(-1 <= value <= 1 for value in values):  # values out of range are ignored
            mood = values
            break
    return replace(
        _segment(start, stop, title), stimulus=track, music_valence=mood[0], music_arousal=mood[1]
    )


def _assign_rating(segments: list[Segment], event: dict[str, Any]) -> None:
    """Assign a rating to the last clip before it; the last rating of a clip wins."""
    for i in range(len(segments) - 1, -1, -1):
        if segments[i].rest:
            continue
        try:
            valence, arousal = float(event["valence"]), float(event["arousal"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        if 1 <= valence <= 9 and 1 <= arousal <= 9:
            segments[i] = replace(segments[i], valence=valence, arousal=arousal)
        return
