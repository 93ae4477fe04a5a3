"""State that follows from a session's events: its breaks, and its music.

Live readers push events as they arrive; offline readers push those of a recording in order. Both
get the same breaks and the same music.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bci_affect.events import (
    ClipStart,
    ClipStop,
    Mark,
    MarkRemoved,
    MusicPaused,
    MusicResumed,
    RestStart,
    RestStop,
    SessionEvent,
    SessionPause,
    SessionResume,
    SessionStop,
    TrackStart,
    TrackStop,
)

Span = tuple[float, float]
"""Start and end, LSL time; the end is infinite while it lasts."""
TimedEvent = tuple[float, SessionEvent]
"""LSL time and event."""


def uninterrupted(start: float, stop: float, breaks: Iterable[Span]) -> tuple[Span, ...]:
    """Return the stretches of a span that lie outside of all breaks, in order.

    Examples
    --------
    >>> uninterrupted(0.0, 10.0, [(2.0, 3.0), (9.0, 12.0)])
    ((0.0, 2.0), (3.0, 9.0))
    """
    found: list[Span] = []
    for begin, end in sorted(breaks):
        if begin > start:
            found.append((start, min(begin, stop)))
        start = max(start, end)
    found.append((start, stop))
    return tuple((begin, end) for begin, end in found if end > begin)


_SAME_MARK_S = 1e-6
REST_KINDS = ("rest", "open", "eyes_open")
"""Kinds of a rest that serve as a person's reference: awake, eyes open."""


def rest_spans(events: Iterable[TimedEvent]) -> tuple[Span, ...]:
    """Return the rests of a session that serve as a person's reference, in order.

    A rest of a planned length ends as planned, any other at its `RestStop`. One that is interrupted
    before its planned end does not count.

    Examples
    --------
    >>> rest_spans([(5.0, RestStart(seconds=60.0)), (65.1, RestStop())])
    ((5.0, 65.0),)
    """
    found: list[Span] = []
    for time, event in events:
        if isinstance(event, RestStart) and event.kind in REST_KINDS:
            found.append((time, math.inf if event.seconds is None else time + event.seconds))
        elif isinstance(event, RestStop) and found and math.isinf(found[-1][1]):
            found[-1] = (found[-1][0], time)
        elif isinstance(event, RestStop) and event.complete is False:
            found = [span for span in found if span[1] <= time]
    return tuple(found)


class Breaks:
    """Breaks of a session, from `SessionPause` to `SessionResume`.

    Parameters
    ----------
    events : iterable of (float, SessionEvent)
        Events so far, in order.

    Attributes
    ----------
    spans : tuple of (float, float)
        Start and end of each break; a new tuple at each change, so that any thread may read it.
    """

    def __init__(self, events: Iterable[TimedEvent] = ()) -> None:
        self.spans: tuple[Span, ...] = ()
        for time, event in events:
            self.push(time, event)

    def push(self, time: float, event: SessionEvent) -> None:
        """Push the next event."""
        running = bool(self.spans) and math.isinf(self.spans[-1][1])
        if isinstance(event, SessionPause) and not running:
            self.spans = (*self.spans, (time, math.inf))
        elif isinstance(event, SessionResume | SessionStop) and running:
            self.spans = (*self.spans[:-1], (self.spans[-1][0], time))

    def covers(self, time: float) -> bool:
        """Return whether a time lies in a break."""
        return any(start <= time < stop for start, stop in self.spans)


@dataclass(frozen=True, slots=True)
class MusicSpan:
    """Track or clip that was played.

    Attributes
    ----------
    start, stop : float
        LSL times; `stop` is infinite while it plays. A track ends at its last frame, or where the
        next piece begins.
    music : TrackStart or ClipStart
        Event that began it.
    pauses : tuple of (float, float)
        Pauses of the player in it.
    """

    start: float
    stop: float
    music: TrackStart | ClipStart
    pauses: tuple[Span, ...] = ()


class PlayedMusic:
    """Music of a session: everything that was played, and the music that is audible.

    With a crossfade a track stops after the next one has started, so a stop belongs to the music
    that it names, not to the last that began.

    Parameters
    ----------
    events : iterable of (float, SessionEvent)
        Events so far, in order.
    """

    def __init__(self, events: Iterable[TimedEvent] = ()) -> None:
        self._played: list[MusicSpan] = []
        self._clip: int | None = None
        self._track: int | None = None
        self._fading: int | None = None  # the track whose stop follows the start of the next
        self._paused = False
        for time, event in events:
            self.push(time, event)

    @property
    def played(self) -> Sequence[MusicSpan]:
        """Music so far, in order of its start."""
        return self._played

    @property
    def track(self) -> MusicSpan | None:
        """Track that plays or is paused; None in silence and during a clip."""
        if self._clip is not None or self._track is None:
            return None
        return self._played[self._track]

    @property
    def audible(self) -> TrackStart | ClipStart | None:
        """Music that is audible now; None in silence."""
        if self._clip is not None:
            return self._played[self._clip].music
        if self._track is None or self._paused:
            return None
        return self._played[self._track].music

    def push(self, time: float, event: SessionEvent) -> None:
        """Push the next event."""
        if isinstance(event, TrackStart):
            self._begin(time, event)
            self._fading, self._track = self._track, len(self._played) - 1
            self._clip, self._paused = None, False
        elif isinstance(event, ClipStart):
            self._begin(time, event)
            self._clip = len(self._played) - 1
        elif isinstance(event, TrackStop):
            if self._ends(event, self._fading):
                self._fading = None
            elif self._ends(event, self._track):
                self._end(time, self._track)
                self._track = None
        elif isinstance(event, ClipStop):
            if self._ends(event, self._clip):
                self._end(time, self._clip)
                self._clip = None
        elif isinstance(event, SessionStop):
            self._end(time, self._clip)
            self._end(time, self._track)
            self._clip = self._track = self._fading = None
        elif isinstance(event, MusicPaused | MusicResumed):
            self._hold(time, isinstance(event, MusicPaused))

    def _begin(self, time: float, event: TrackStart | ClipStart) -> None:
        self._end(time, self._clip)
        self._end(time, self._track)
        self._played.append(MusicSpan(time, math.inf, event))

    def _end(self, time: float, number: int | None) -> None:
        if number is not None and math.isinf(self._played[number].stop):
            self._played[number] = replace(self._played[number], stop=time)

    def _ends(self, stop: TrackStop | ClipStop, number: int | None) -> bool:
        """Return whether a stop is of this music; a name that is missing fits any."""
        if number is None:
            return False
        music = self._played[number].music
        if isinstance(stop, ClipStop) and isinstance(music, ClipStart):
            return stop.clip is None or music.clip is None or stop.clip == music.clip
        if isinstance(stop, TrackStop) and isinstance(music, TrackStart):
            if stop.track_id is not None and music.track_id is not None:
                return stop.track_id == music.track_id
            return not stop.track or not music.track or stop.track == music.track
        return False

    def _hold(self, time: float, paused: bool) -> None:
        if self._track is None or paused is self._paused:
            return
        self._paused = paused
        one = self._played[self._track]
        if paused and math.isinf(one.stop):
            self._played[self._track] = replace(one, pauses=(*one.pauses, (time, math.inf)))
        elif one.pauses and math.isinf(one.pauses[-1][1]):
            pauses = (*one.pauses[:-1], (one.pauses[-1][0], time))
            self._played[self._track] = replace(one, pauses=pauses)


def marks(events: Iterable[TimedEvent]) -> list[tuple[float, Mark]]:
    """Return the marks that were set and not removed, in order of their times.

    Examples
    --------
    >>> marks([(1.0, Mark("")), (2.0, MarkRemoved(1.0)), (1.0, Mark("a door"))])
    [(1.0, Mark(note='a door'))]
    """
    found: list[tuple[float, Mark]] = []
    for time, event in events:
        if isinstance(event, Mark):
            found.append((time, event))
        elif isinstance(event, MarkRemoved):
            found = [one for one in found if abs(one[0] - event.time) > _SAME_MARK_S]
    return sorted(found, key=lambda one: one[0])
