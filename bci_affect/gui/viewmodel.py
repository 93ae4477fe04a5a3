"""View model without Qt: one snapshot per tick, values derived from it, and change events.

Only `ViewModel.tick` calls the session. Views read its fields and subscribe to its few events;
nothing is emitted per sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate
from bci_affect.eeg import State
from bci_affect.event_log import PlayedMusic
from bci_affect.events import Mark, MarkRemoved, SessionPause
from bci_affect.gui.notes import Note, make_marker_note, make_note
from bci_affect.gui.reading import Reading, classify, is_sure
from bci_affect.gui.texts import tr
from bci_affect.music import PlayerState, Track
from bci_affect.session import Message, MusicControl, SessionControl, SessionSnapshot
from bci_affect.streams import Health, StreamInfo

T = TypeVar("T")
JUMP_S = 2.0
"""Backward step of time in seconds that counts as a jump in a replay."""
_NO_MUSIC = "There is no music in this session; add some with 'bci-affect music add'."


class Event(Generic[T]):
    """Functions to call with a value when it has changed."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[T], None]] = []

    def connect(self, listener: Callable[[T], None]) -> None:
        """Call `listener` at every change from now on."""
        self._listeners.append(listener)

    def emit(self, value: T) -> None:
        """Notify every listener."""
        for listener in list(self._listeners):
            listener(value)


class Timeline:
    """All estimates of the session in arrays that grow without copying at every tick.

    Columns are time, valence, arousal, confidence, and the state (0 held, 1 unsure, 2 reading).
    """

    COLUMNS = 5

    def __init__(self) -> None:
        self._rows = np.empty((1024, self.COLUMNS))
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def rows(self) -> NDArray[np.float64]:
        """Return all rows, shape (n, 5), oldest first, as a read-only view."""
        return self._rows[: self._n]

    @property
    def newest(self) -> float:
        """Time of the newest row; minus infinity without one."""
        return float(self._rows[self._n - 1, 0]) if self._n else -np.inf

    def clear(self) -> None:
        """Remove all rows."""
        self._n = 0

    def add(self, estimates: list[AffectEstimate]) -> None:
        """Append the estimates that are newer than the newest row."""
        fresh = [e for e in estimates if e.time > self.newest]
        while self._n + len(fresh) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        for e in fresh:
            rank = 1.0 + is_sure(e) if e.state is State.OK else 0.0
            self._rows[self._n] = (e.time, e.valence, e.arousal, e.confidence, rank)
            self._n += 1

    def since(self, time: float) -> NDArray[np.float64]:
        """Return the rows at and after `time`, shape (n, 5)."""
        rows = self.rows
        return rows[np.searchsorted(rows[:, 0], time) :]


def _is_mark_at(note: Note, time: float) -> bool:
    return isinstance(note.event, Mark) and abs(note.time - time) < 1e-6


class ViewModel:
    """State that the panels draw.

    Parameters
    ----------
    control : SessionControl
        The session that is shown.

    Attributes
    ----------
    control : SessionControl
        Commands go straight to it.
    snapshot : SessionSnapshot
        Of the last tick.
    reading : Reading
        The newest estimate, with the style in which it is shown.
    timeline : Timeline
        All estimates so far.
    notes : list of Note
        All events so far, and the markers of other programs.
    music : PlayedMusic
        Music so far.
    manual_bad : set of str
        Channels that the user has taken out of use.
    hide_reasons : bool
        Hide the reasons for the choice of music.
    stream_changed, message_added, ended, note_added : Event
        Fired from `tick`.
    """

    def __init__(self, control: SessionControl) -> None:
        self.control = control
        self.snapshot: SessionSnapshot = control.snapshot()
        self.reading: Reading = classify(self.snapshot)
        self.timeline = Timeline()
        self.notes: list[Note] = []
        self.music = PlayedMusic()
        self.manual_bad: set[str] = set()
        self.hide_reasons = False
        self.stream_changed: Event[SessionSnapshot] = Event()
        self.message_added: Event[Message] = Event()
        self.note_added: Event[Note] = Event()
        self.ended: Event[SessionSnapshot] = Event()
        self._n_events = self._n_markers = 0
        self._messages_seen: set[tuple[float, str]] = set()
        self._stream: object = None
        self._was_ended = False
        self._ignore_until_jump: AffectEstimate | None = None  # the estimate before a seek

    @property
    def started(self) -> float:
        """LSL time at which the session began."""
        return self.snapshot.clock.time - self.snapshot.clock.elapsed_s

    @property
    def break_since(self) -> float | None:
        """LSL time at which the present break began; None outside of a break."""
        if not self.snapshot.clock.paused:
            return None
        starts = [note.time for note in self.notes if isinstance(note.event, SessionPause)]
        return starts[-1] if starts else self.snapshot.clock.time

    @property
    def info(self) -> StreamInfo | None:
        """Description of the stream; None until it is open."""
        return self.snapshot.stream.info if self.snapshot.stream is not None else None

    @property
    def health(self) -> Health | None:
        """Health of the stream; None until it is open."""
        return self.snapshot.stream.health if self.snapshot.stream is not None else None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the stream's channels; empty until it is open."""
        return self.info.labels if self.info is not None else ()

    @property
    def player(self) -> PlayerState | None:
        """State of the player; None for a session without music."""
        return self.snapshot.music.player if self.snapshot.music is not None else None

    @property
    def track(self) -> Track | None:
        """Playing track; None while none plays."""
        return self.snapshot.music.track if self.snapshot.music is not None else None

    @property
    def target(self) -> tuple[float, float] | None:
        """Valence and arousal of the target of steering; None without one."""
        return self.snapshot.music.target if self.snapshot.music is not None else None

    def music_command(self, command: Callable[[MusicControl], None]) -> None:
        """Send a command to the music; show a message if the session has none."""
        if self.control.music is not None:
            command(self.control.music)
        else:
            self.message_added.emit(Message(self.snapshot.clock.time, "warning", tr(_NO_MUSIC)))

    def tick(self) -> None:
        """Poll one snapshot of the session and emit the change events."""
        self.snapshot = snapshot = self.control.snapshot()
        if snapshot.clock.time < self.timeline.newest - JUMP_S:
            self.timeline.clear()  # a replay moved back: the rest is shown again
        self._read_events()
        before = self.timeline.newest
        gone = snapshot.clock.time - before if np.isfinite(before) else snapshot.clock.elapsed_s
        stale = snapshot.affect.estimate is self._ignore_until_jump
        if gone > 0 and not stale:
            self._ignore_until_jump = None
            self.timeline.add(
                [e for e in self.control.history(gone + 1.0) if e.time <= snapshot.clock.time + 1.0]
            )
        self.reading = classify(snapshot)
        self._emit_changes(snapshot)

    def _read_events(self) -> None:
        for time, event in self.control.events()[self._n_events :]:
            self._n_events += 1
            if isinstance(event, MarkRemoved):
                self.notes = [n for n in self.notes if not _is_mark_at(n, event.time)]
            self.music.push(time, event)
            self._add_note(make_note(time, event))
        for marker in self.control.markers(self._n_markers):
            self._n_markers += 1
            self._add_note(make_marker_note(marker))

    def _add_note(self, note: Note) -> None:
        self.notes.append(note)
        self.note_added.emit(note)

    def _emit_changes(self, snapshot: SessionSnapshot) -> None:
        stream = self.labels if self.info is not None else None
        if stream != self._stream:
            self._stream = stream
            self.manual_bad &= set(stream or ())
            self.stream_changed.emit(snapshot)
        for message in snapshot.messages:
            key = (message.time, message.text)
            if key not in self._messages_seen:
                self._messages_seen.add(key)
                self.message_added.emit(message)
        if snapshot.clock.ended and not self._was_ended:
            self._was_ended = True
            self.ended.emit(snapshot)

    def clear_course(self) -> None:
        """Forget the course of the estimates, because a replay is moved: it is drawn again."""
        self.timeline.clear()
        self._ignore_until_jump = self.snapshot.affect.estimate

    def toggle_bad(self, channel: str) -> None:
        """Exclude a channel by hand, or return it to automatic quality control."""
        bad = channel not in self.manual_bad
        (self.manual_bad.add if bad else self.manual_bad.discard)(channel)
        self.control.set_bad(channel, bad)
