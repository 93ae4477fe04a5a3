"""Audio player with a command queue, which reports the time of every track's first frame."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from bci_affect.events import EventKind
from bci_affect.music.audio import DecodeError
from bci_affect.music.player.audio_ring import RAMP_S, AudioRing
from bci_affect.music.player.frame_time import Clock
from bci_affect.music.player.mixer import Mixer
from bci_affect.music.player.priority import DECODE, raise_thread_priority
from bci_affect.music.player.speaker import Speaker
from bci_affect.music.player.track_reader import TrackReader
from bci_affect.music.types import PlayerState, Track

logger = logging.getLogger(__name__)

MAX_CROSSFADE_S = 12.0
_RING_S = 1.5  # adds no delay: a change of track retracts the frames not yet played
_BLOCK_S = 0.1
_KEEP_S = 0.25  # audio played before a change of track
_START_RAMP_S = 2.0  # fade-in of the first sound


@dataclass(frozen=True, slots=True)
class PlayerEvent:
    """Event of the player.

    Attributes
    ----------
    kind : EventKind
        ``TRACK_START``, ``TRACK_STOP``, ``PAUSED``, ``RESUMED``, ``SEEK``, ``DEVICE_LOST``,
        ``DEVICE_FOUND`` or ``ERROR``.
    time : float
        Time on the player's clock; for tracks, the time at which the first (last) frame is audible.
    track_id : int or None
        Id of the track.
    offset_s : float
        Position in the track.
    message : str
        Message for device and error events.
    """

    kind: EventKind
    time: float
    track_id: int | None = None
    offset_s: float = 0.0
    message: str = ""


class _Segment(NamedTuple):
    """Track played from a frame on, with the position in the track at that frame."""

    first: int
    track: Track | None
    offset_s: float


class AudioPlayer:
    """Player of consecutive tracks with crossfade; without a device it plays silently.

    All methods are thread-safe; commands return immediately and run on the decode thread.

    Parameters
    ----------
    clock : callable
        Clock of all event times (``pylsl.local_clock`` in a session).
    on_event : callable, optional
        Called with each `PlayerEvent` on the decode thread; it must return quickly.
    device : str, optional
        Part of a device's name; "" is the system's default, "none" plays silently.
    crossfade_s : float
        Crossfade, 0 (gapless) to 12 s.
    volume : float
        Initial volume, 0 to 1; low by default, so as not to startle the listener.
    max_volume : float
        Upper limit of the volume.
    """

    def __init__(
        self,
        *,
        clock: Clock = time.monotonic,
        on_event: Callable[[PlayerEvent], None] | None = None,
        device: str = "",
        crossfade_s: float = 4.0,
        volume: float = 0.4,
        max_volume: float = 1.0,
    ) -> None:
        self._clock, self._on_event = clock, on_event
        self._max_volume = min(1.0, max(0.0, max_volume))
        self._message = ""
        self._playing = False
        self._fresh = True  # no sound yet: the first one gets a slow fade-in
        self.failed: frozenset[int] = frozenset()
        """Ids of tracks that could not be played in this session."""
        self._speaker = Speaker(clock, device)
        self._rate = self._speaker.rate_hz
        self._ring = AudioRing(_RING_S, self._rate)
        self._mixer = Mixer(
            self._rate,
            min(MAX_CROSSFADE_S, max(0.0, crossfade_s)),
            started=self._on_started,
            ended=self._on_ended,
            next_source=self._next_source,
        )
        self._following: TrackReader | None = None
        self._segments: list[_Segment] = [_Segment(0, None, 0.0)]
        self._pending: list[tuple[int, PlayerEvent]] = []
        self._started_ids: set[int] = set()
        self.set_volume(volume)
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._speaker.start(self._ring.fill)
        # Not a daemon: its libraries may crash if the thread is ended at interpreter exit.
        self._thread = threading.Thread(target=self._run, name="music-decode", daemon=False)
        self._thread.start()

    # --- commands ---------------------------------------------------------------------------

    def load(self, track: Track, start_s: float = 0.0) -> None:
        """Load a track, paused at a position."""
        self._commands.put(lambda: self._begin(track, start_s, play=False, fade_s=0.0))

    def play(self, track: Track, start_s: float = 0.0) -> None:
        """Play a track from a position, with a short fade-out of the current one."""
        self._commands.put(lambda: self._begin(track, start_s, play=True, fade_s=0.3))

    def skip_to(self, track: Track, fade_s: float | None = None) -> None:
        """Switch to a track with a crossfade, by default the configured one but at most 3 s."""
        fade = min(3.0, self._mixer.crossfade_s) if fade_s is None else fade_s
        self._commands.put(lambda: self._begin(track, 0.0, play=True, fade_s=fade))

    def enqueue(self, track: Track | None) -> None:
        """Set the track that follows the current one; None for no track."""
        self._commands.put(lambda: self._set_following(track))

    def pause(self) -> None:
        """Fade out and pause."""
        self._commands.put(lambda: self._set_paused(True))

    def resume(self) -> None:
        """Resume playback."""
        self._commands.put(lambda: self._set_paused(False))

    def seek(self, position_s: float) -> None:
        """Continue at another position of the current track."""
        self._commands.put(lambda: self._seek(position_s))

    def stop(self) -> None:
        """Fade out and close the current track."""
        self._commands.put(self._stop)

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1 (up to the limit), reached by a ramp."""
        self._volume = min(self._max_volume, max(0.0, volume))
        self._ring.set_gain(self._volume**2)  # closer to perceived loudness

    def set_crossfade(self, seconds: float) -> None:
        """Set the crossfade at the end of tracks, 0 to 12 s."""
        self._mixer.crossfade_s = min(MAX_CROSSFADE_S, max(0.0, seconds))

    def close(self) -> None:
        """Fade out, end the threads and release the device."""
        self._commands.put(self._stop)
        self._closing.set()
        if self._thread is not threading.current_thread():
            self._thread.join(5.0)
        self._speaker.close()

    def __enter__(self) -> AudioPlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- state ------------------------------------------------------------------------------

    def state(self) -> PlayerState:
        """Return the current state, of the audible track."""
        frame, now = self._ring.read, self._audible()
        track = now.track
        position = now.offset_s + (frame - now.first) / self._rate if track else 0.0
        return PlayerState(
            track_id=track.id if track else None,
            position_s=min(position, track.duration_s) if track else 0.0,
            duration_s=track.duration_s if track else 0.0,
            playing=self._playing and track is not None,
            volume=self._volume,
            device=self._speaker.name,
            starved=self._ring.starved + self._speaker.underflows,
            message=self._speaker.message or self._message,
        )

    def _audible(self) -> _Segment:
        """Return the audible segment."""
        frame = self._ring.read
        segments = self._segments
        return next((s for s in reversed(segments) if s.first <= frame), segments[0])

    # --- decode thread ----------------------------------------------------------------------

    def _run(self) -> None:
        raise_thread_priority(DECODE)
        while not (self._closing.is_set() and self._commands.empty()):
            if not threading.main_thread().is_alive():  # the program ended without `close`
                self._speaker.close()
                break
            try:
                command = self._commands.get(timeout=_BLOCK_S / 2)
            except queue.Empty:
                pass
            else:
                self._guarded(command)
                continue
            self._guarded(self._decode)
            self._emit_due()
            if (change := self._speaker.poll()) is not None:
                self._emit(PlayerEvent(change.kind, change.time, message=change.message))
        self._mixer.stop()
        self._emit_due()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run work of this thread; log the failure of a file and continue."""
        try:
            work()
        except (DecodeError, OSError) as error:
            logger.warning("playback: %s", error)

    def _decode(self) -> None:
        block = int(_BLOCK_S * self._rate)
        while self._ring.free() >= block and self._mixer.playing is not None:
            frames = self._mixer.read(block)
            self._ring.set_draining(self._mixer.playing is None)
            if len(frames):
                self._ring.write(frames)
            if not self._commands.empty():
                return
        if self._mixer.playing is None:
            self._ring.set_draining(True)
            end = self._ring.written
            if self._segments[-1].track is not None:
                self._segments.append(_Segment(end, None, 0.0))

    def _open(self, track: Track, start_s: float = 0.0) -> TrackReader | None:
        try:
            source = TrackReader(track, self._rate, start_s)
            source.prefetch(int(_BLOCK_S * self._rate))
            if source.prefetch(0) == 0:
                raise DecodeError(source.problem or "no audio in it")
            return source
        except DecodeError as error:
            self.failed |= {track.id}
            self._message = f"'{track.title}' cannot be played: {error}."
            self._emit(PlayerEvent(EventKind.ERROR, self._clock(), track.id, 0.0, self._message))
            return None

    def _begin(self, track: Track, start_s: float, *, play: bool, fade_s: float) -> None:
        source = self._open(track, start_s)
        if source is None:
            return
        before = self._mixer.playing
        if before is not None and self._playing and play:
            self._retract(before)
        else:
            self._silence()
            self._mixer.stop()
        self._mixer.switch_to(source, fade_s if self._playing else 0.0)
        self._ring.set_draining(False)
        self._decode()
        if play:
            self._set_playing(True)
        else:
            self._playing = False

    def _retract(self, source: TrackReader) -> None:
        """Return the frames not yet played to their source, so that a change is immediate."""
        tail = self._ring.retract(int(_KEEP_S * self._rate))
        start = self._ring.written
        source.push(tail, front=True)
        retracted = [event for frame, event in self._pending if frame >= start]
        self._pending = [item for item in self._pending if item[0] < start]
        self._segments = [s for s in self._segments if s.first < start] or self._segments[:1]
        for event in retracted:
            if event.kind is EventKind.TRACK_STOP:
                self._mark(start, event)

    def _silence(self) -> None:
        """Fade out, wait for the end of the fade, and discard the remaining frames."""
        self._ring.set_playing(False)
        until = time.monotonic() + RAMP_S + 0.3
        while not self._ring.silent and time.monotonic() < until and self._speaker.alive():
            time.sleep(0.005)
        self._emit_due()
        for _, event in self._pending:
            if event.kind is EventKind.TRACK_STOP:
                self._emit(replace(event, time=self._clock()))
        self._pending.clear()
        self._ring.clear()

    def _set_playing(self, playing: bool) -> None:
        self._playing = playing
        self._ring.set_playing(playing, _START_RAMP_S if playing and self._fresh else RAMP_S)
        self._fresh = self._fresh and not playing

    def _set_paused(self, hold: bool) -> None:
        now = self.state()  # the last seconds of a track may be only in the ring
        if now.track_id is None or self._playing is not hold:
            return
        self._set_playing(not hold)
        kind = EventKind.PAUSED if hold else EventKind.RESUMED
        self._emit(PlayerEvent(kind, self._clock(), now.track_id, now.position_s))

    def _seek(self, position_s: float) -> None:
        source = self._mixer.playing
        if source is None:
            track = self._audible().track
            if track is not None:  # its end is in the ring: open it again
                place = min(max(0.0, position_s), track.duration_s)
                self._begin(track, place, play=self._playing, fade_s=0.0)
                self._emit(PlayerEvent(EventKind.SEEK, self._clock(), track.id, place))
            return
        was_playing = self._playing
        self._silence()
        self._mixer.drop_fading()
        source.seek(min(max(0.0, position_s), source.track.duration_s))
        self._segments.append(_Segment(self._ring.written, source.track, source.position_s))
        self._emit(PlayerEvent(EventKind.SEEK, self._clock(), source.track.id, source.position_s))
        self._decode()
        self._ring.set_playing(was_playing)

    def _stop(self) -> None:
        self._silence()
        self._mixer.stop()
        self._emit_due()
        self._set_following(None)
        self._playing = False
        self._segments.append(_Segment(self._ring.written, None, 0.0))

    def _set_following(self, track: Track | None) -> None:
        if self._following is not None:
            self._following.close()
        self._following = self._open(track) if track is not None else None
        if self._mixer.playing is None and self._audible().track is not None and self._following:
            self._mixer.switch_to(self._following, 0.0)  # late: it follows what is in the ring
            self._following = None
            self._ring.set_draining(False)

    def _next_source(self) -> TrackReader | None:
        following, self._following = self._following, None
        return following

    # --- events -----------------------------------------------------------------------------

    def _on_started(self, source: TrackReader, ahead: int) -> None:
        frame = self._ring.written + ahead
        self._segments = [*self._segments[-8:], _Segment(frame, source.track, source.position_s)]
        self._started_ids.add(id(source))
        event = PlayerEvent(
            EventKind.TRACK_START, self._clock(), source.track.id, source.position_s
        )
        self._mark(frame, event)

    def _on_ended(self, source: TrackReader, ahead: int) -> None:
        if id(source) not in self._started_ids:
            return
        self._started_ids.discard(id(source))
        frame = max(0, self._ring.written + ahead - 1)
        event = PlayerEvent(EventKind.TRACK_STOP, self._clock(), source.track.id, source.position_s)
        self._mark(frame, event)

    def _mark(self, frame: int, event: PlayerEvent) -> None:
        """Schedule an event for the time at which a frame is audible."""
        if frame < self._ring.read:
            self._emit(replace(event, time=self._clock()))
            return
        self._pending.append((frame, event))
        self._ring.marks.append(frame)

    def _emit_due(self) -> None:
        while self._ring.stamps:
            frame, audible_at = self._ring.stamps.popleft()
            for number, (wanted, event) in enumerate(self._pending):
                if wanted == frame:
                    del self._pending[number]
                    self._emit(PlayerEvent(event.kind, audible_at, event.track_id, event.offset_s))
                    break

    def _emit(self, event: PlayerEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)
