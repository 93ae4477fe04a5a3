"""From the markers of a recording to what was played when, and what the listener said of it.

Two kinds of recording are understood: our own, whose events are JSON objects (``clip_start`` or
``track_start``, ``clip_stop`` or ``track_stop``, ``rating``, ``rest_start``, ``rest_stop``), and
anybody's, whose marker texts a ``LABELS.toml`` maps to feelings. Both may be mixed in one file.
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
_NAMING = ("event", "label", "emotion", "stimulus", "marker", "condition")


class AffectLabel(Section):
    """What a named marker says that the listener felt, each 1-9."""

    valence: float = Field(ge=1, le=9)
    arousal: float = Field(ge=1, le=9)


class Markers(Section):
    """Marker texts of one meaning."""

    markers: tuple[str, ...] = ()


class TrialLength(Section):
    """How long a trial lasts from its marker."""

    seconds: float | None = Field(None, gt=0)
    """None: until the next marker."""
    skip_s: float = Field(0.0, ge=0)
    """Left out at the start of each trial."""


class FileNote(Section):
    """Who and which sitting a file is of; the file's name says it where this does not."""

    subject: str | None = None
    session: str | None = None


class Labels(Section):
    """A ``LABELS.toml``."""

    labels: dict[str, AffectLabel] = Field(default_factory=dict)
    rest: Markers = Markers()
    block: Markers = Markers()
    """Markers that begin a new block: labels are only compared inside one."""
    trial: TrialLength = TrialLength()
    files: dict[str, FileNote] = Field(default_factory=dict)
    """By the file's name."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording.

    Attributes
    ----------
    start, stop : float
        LSL times.
    name : str
        For the report.
    stimulus : str
        What was played; "" where only the feeling is known.
    valence, arousal : float
        Reported, 1-9; NaN where missing.
    music_valence, music_arousal : float
        Mood of the music itself in [-1, 1], as the event names it; NaN where unknown.
    block : int
    rest : str
        "" for a clip; else ``open``, ``closed``, ``blinks`` or ``rest``.
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
    """Read the markers of one recording, in order of time.

    Parameters
    ----------
    markers : iterable of Marker
    end : float
        LSL time of the last sample.
    labels : Labels
        Named feelings; empty where ratings are in the events.

    Returns
    -------
    list of Segment
        Clips and rests. A rating belongs to the clip that began last before it.
    """
    ordered = sorted(markers, key=lambda marker: marker.time)
    meanings = [_meaning(marker.text, labels) for marker in ordered]
    times = [marker.time for marker in ordered]
    segments: list[Segment] = []
    block = 0
    for i, (kind, value) in enumerate(meanings):
        start = times[i]
        if kind == "block":
            block += 1
        elif kind == "label":
            felt = labels.labels[value]
            segments.append(
                replace(
                    _segment(start + labels.trial.skip_s, _until(meanings, times, i, end), value),
                    valence=felt.valence,
                    arousal=felt.arousal,
                    block=block,
                )
            )
            if labels.trial.seconds is not None:
                stop = min(segments[-1].stop, start + labels.trial.seconds)
                segments[-1] = replace(segments[-1], stop=stop)
        elif kind == "rest":
            stop = _until(meanings, times, i, end)
            segments.append(replace(_segment(start, stop, "rest"), rest=value))
        elif kind == "start":
            segments.append(
                replace(_clip(value, start, _until(meanings, times, i, end)), block=block)
            )
        elif kind == "rating":
            _rate(segments, value)
    return [segment for segment in segments if segment.stop > segment.start]


def subject_of(path: Path, labels: Labels) -> str:
    """Return whose recording it is, by the labels or by its name (``sub-XX``); "" if unknown."""
    note = _note(path, labels)
    return (note.subject if note else None) or _from_name(path, "sub") or ""


def session_of(path: Path, labels: Labels) -> str:
    """Return of which sitting it is, by the labels or its name (``ses-XX``); else the file's."""
    note = _note(path, labels)
    return (note.session if note else None) or _from_name(path, "ses") or path.name


def _note(path: Path, labels: Labels) -> FileNote | None:
    return labels.files.get(path.name) or labels.files.get(str(path))


def _from_name(path: Path, key: str) -> str | None:
    """Read ``sub-XX`` or ``ses-XX`` from a LabRecorder file name."""
    match = re.search(rf"{key}-([A-Za-z0-9]+)", path.name)
    return match.group(1) if match else None


def marker_names(markers: Iterable[Marker], limit: int = 8) -> str:
    """List the different marker texts for a sentence."""
    names: list[str] = []
    for marker in markers:
        name = _names(marker.text)[0]
        if name not in names:
            names.append(name)
    shown = ", ".join(f"'{name[:40]}'" for name in names[:limit])
    return (shown + (", ..." if len(names) > limit else "")) or "none at all"


def _meaning(text: str, labels: Labels) -> tuple[str, Any]:
    """Classify one marker: kind, and what goes with it."""
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
    # Any other event of ours (a mark, a policy) ends nothing; a foreign marker may end a trial.
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
    """All that a marker may be called by."""
    event = _event(text)
    if event is None:
        return [text.strip()]
    named = [str(event[key]) for key in _NAMING if key in event]
    return named or [text.strip()]


def _until(meanings: list[tuple[str, Any]], times: list[float], i: int, end: float) -> float:
    """Time of the marker that ends what marker `i` began."""
    for (kind, _), time in zip(meanings[i + 1 :], times[i + 1 :], strict=True):
        if kind not in ("other", "rating") and time > times[i]:
            return time
    return end


def _segment(start: float, stop: float, name: str) -> Segment:
    nan = float("nan")
    return Segment(start, stop, name, "", nan, nan)


def _clip(event: dict[str, Any], start: float, stop: float) -> Segment:
    """Make a clip of a start event: what played, and what the music's own mood is."""
    track = str(event.get("track", ""))
    title = str(event.get("title") or track.rsplit("/", 1)[-1] or "clip")
    mood = (float("nan"), float("nan"))
    for valence, arousal in (("intended_valence", "intended_arousal"), ("valence", "arousal")):
        try:
            named = (float(event[valence]), float(event[arousal]))
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if all(-1 <= value <= 1 for value in named):  # anything else is no mood
            mood = named
            break
    return replace(
        _segment(start, stop, title), stimulus=track, music_valence=mood[0], music_arousal=mood[1]
    )


def _rate(segments: list[Segment], event: dict[str, Any]) -> None:
    """Give a rating to the last clip before it; the last rating of a clip counts."""
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
