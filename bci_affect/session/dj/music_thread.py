"""Thread that chooses and plays music, so that neither ever delays the data path.

The engine passes the newest estimate (the newest wins) and commands; the thread runs the
`MusicChooser` a few times a second. SQLite and retrieval may take their time.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, music_log_odds
from bci_affect.errors import BciAffectError
from bci_affect.events import (
    DeviceFound,
    DeviceLost,
    EventKind,
    MusicPaused,
    MusicResumed,
    MusicSought,
    PlaybackError,
    SessionEvent,
    TrackEvent,
    TrackStart,
    TrackStop,
)
from bci_affect.music import AudioPlayer, Library, PlayerEvent, PlayerState, Track
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.session.parts import Notify, OnEvent
from bci_affect.session.snapshot import MusicStatus, Policy

logger = logging.getLogger(__name__)
_TICK_S = 0.25
_TRACK_EVENTS: dict[EventKind, type[TrackEvent]] = {
    one.KIND: one for one in (TrackStop, MusicPaused, MusicResumed, MusicSought)
}


_NOT_YET = PlayerState(None, 0.0, 0.0, False, 0.0, "", message="The music is being prepared.")


@dataclass(frozen=True)
class MusicParts:
    """Library, player and chooser of a session; the thread closes library and player at its end."""

    library: Library
    player: AudioPlayer
    chooser: MusicChooser
    bring_in: Callable[[], None] | None = None
    """Adds more music while the first plays; returns soon after the session has ended."""


Prepare = Callable[
    [Callable[[PlayerEvent], None], Callable[[SessionEvent], None], Callable[[], bool]],
    MusicParts | None,
]


class MusicThread:
    """Thread of a `MusicChooser` and its `AudioPlayer`; implements `session.parts.SessionMusic`.

    Parameters
    ----------
    prepare : callable
        Opens the library, player and `MusicChooser`; its arguments are callbacks for the player's
        events and for the decisions, and a function that returns True once the session has ended.
        It runs on the music thread, so that a session never waits for a large library. It returns
        None if there is no music.
    notify : callable
        Shows a sentence to the user when something goes wrong.
    on_event : callable
        Takes playback and decisions as events of the session.
    policy : str
        How music is chosen at the start.
    target : (float, float), optional
        Valence and arousal to steer to.
    """

    def __init__(
        self,
        prepare: Prepare,
        notify: Notify,
        on_event: OnEvent,
        *,
        policy: Policy = "follow",
        target: tuple[float, float] | None = None,
    ) -> None:
        self._prepare = prepare
        self._notify = notify
        self._on_event = on_event
        self._policy: Policy = policy
        self._target = target
        self._parts: MusicParts | None = None
        self._newest: AffectEstimate | None = None
        self._commands: deque[Callable[[MusicParts], None]] = deque()
        self._tracks: dict[int, Track] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        # Not a daemon: Python ends those within torch, whose C++ then aborts the process.
        self._thread = threading.Thread(target=self._run, name="bci-music", daemon=False)

    # ---- for the engine -----------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """True policy; `status` shows a sham as ``follow``."""
        return self._policy

    def start(self) -> None:
        """Start choosing and playing."""
        self._thread.start()

    def offer(self, estimate: AffectEstimate | None) -> None:
        """Pass an estimate; the newest wins. None suspends choosing until the next."""
        self._newest = estimate

    def log_odds(self) -> NDArray[np.float64] | None:
        """Return the playing track's prediction, log-odds (2,); None while none plays."""
        parts = self._parts
        state = parts.player.state() if parts is not None else _NOT_YET
        track = self._known(state.track_id)
        if track is None or not state.playing:
            return None
        return music_log_odds(track.valence, track.arousal)

    def status(self) -> MusicStatus:
        """Return the state of player, playing track, and queue."""
        shown: Policy = "follow" if self._policy == "sham" else self._policy  # blinded
        parts = self._parts
        if parts is None:
            return MusicStatus(_NOT_YET, policy=shown, target=self._target)
        state, why = parts.player.state(), parts.chooser.why()
        if why is not None and why.track.id != state.track_id:
            why = None  # the next track plays already, and its choice has not been looked up yet
        return MusicStatus(
            player=state,
            track=self._known(state.track_id),
            why=why,
            queue=parts.chooser.queue(),
            policy=shown,
            target=self._target,
        )

    def close(self) -> None:
        """Stop the music and the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _ended(self) -> bool:
        """Return True if the thread must end: closed, or the main thread has ended."""
        return self._stop.is_set() or not threading.main_thread().is_alive()

    # ---- commands -----------------------------------------------------------------------------

    def play(self) -> None:
        """Start or resume playing."""
        self._do(lambda parts: parts.player.resume())

    def pause(self) -> None:
        """Pause."""
        self._do(lambda parts: parts.player.pause())

    def skip(self) -> None:
        """Change to the next track."""
        self._do(lambda parts: parts.chooser.skip())

    def seek(self, position_s: float) -> None:
        """Move within the playing track."""
        self._do(lambda parts: parts.player.seek(position_s))

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""
        self._do(lambda parts: parts.player.set_volume(volume))

    def choose(self, track_id: int) -> None:
        """Play this track now."""
        self._do(lambda parts: parts.chooser.choose(track_id))

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Queue this track next under any policy, or unpin it."""
        self._do(lambda parts: parts.chooser.pin(track_id, pinned))

    def like(self, track_id: int, liked: bool = True) -> None:
        """Like a track, or remove the like."""
        self._do(lambda parts: parts.chooser.like(track_id, liked))
        self._do(lambda parts: self._reload(parts, track_id))

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Ban a track, or lift the ban."""
        self._do(lambda parts: parts.chooser.ban(track_id, banned))
        self._do(lambda parts: self._reload(parts, track_id))

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen; a sham stays a sham where following is asked for."""
        if self._policy == "sham" and policy == "follow":
            return
        self._policy = policy
        self._do(lambda parts: parts.chooser.set_policy(policy))

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering; values are limited to [-1, 1]."""
        self._target = target = (min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0))
        self._do(lambda parts: parts.chooser.set_target(*target))

    def _do(self, action: Callable[[MusicParts], None]) -> None:
        """Queue an action for the music thread; return at once."""
        self._commands.append(action)
        self._wake.set()

    def _known(self, track_id: int | None) -> Track | None:
        return None if track_id is None else self._tracks.get(track_id)

    def _reload(self, parts: MusicParts, track_id: int) -> None:
        self._tracks[track_id] = parts.library.track(track_id)

    # ---- the music thread ---------------------------------------------------------------------

    def _warn(self, text: str) -> None:
        self._notify("warning", text)

    def _run(self) -> None:
        parts = self._open()
        if parts is None:
            return
        adding = threading.Thread(
            target=self._add, args=(parts.bring_in,), name="bci-music-add", daemon=False
        )
        adding.start()
        try:
            self._choose(parts)
        finally:
            parts.player.close()
            adding.join()
            parts.library.close()

    def _add(self, bring_in: Callable[[], None] | None) -> None:
        """Bring in more music while the first plays."""
        try:
            if bring_in is not None:
                bring_in()
        except BciAffectError as error:
            self._warn(str(error))
        except Exception:
            logger.exception("music could not be added")
            self._warn("More music could not be added by an internal error; see the log.")

    def _choose(self, parts: MusicParts) -> None:
        while not self._ended():
            self._wake.wait(_TICK_S)
            self._wake.clear()
            try:
                while self._commands:
                    self._commands.popleft()(parts)
                if (newest := self._newest) is not None:
                    parts.chooser.update(
                        newest.embedding,
                        newest.valence,
                        newest.arousal,
                        newest.confidence,
                        newest.time,
                        newest.state,
                    )
            except BciAffectError as error:
                self._warn(str(error))
            except Exception:  # the session continues without a choice of music
                logger.exception("the music failed")
                self._warn("The choice of music failed by an internal error; see the log.")
                self._stop.wait(1.0)

    def _open(self) -> MusicParts | None:
        try:
            parts = self._prepare(self._on_player_event, self._on_decision, self._ended)
        except BciAffectError as error:
            self._warn(str(error))
            return None
        except Exception:
            logger.exception("the music could not be prepared")
            self._warn("The music could not be prepared by an internal error; see the log.")
            return None
        if parts is None:
            self._warn("There is no music yet: add some with 'bci-affect music add FOLDER'.")
            return None
        self._tracks = {track.id: track for track in parts.library.tracks()}
        self._parts = parts
        return parts

    def _on_player_event(self, event: PlayerEvent) -> None:
        """Emit an event of the player; called on its decode thread."""
        parts, track = self._parts, self._known(event.track_id)
        if parts is not None and event.track_id is not None and track is None:
            # Added to the library since. Look it up here, at its start: `status` and `log_odds`
            # are called on the data path, which must not wait for the disk.
            with contextlib.suppress(BciAffectError):  # removed from the library while it plays
                self._reload(parts, event.track_id)
            track = self._known(event.track_id)
        if event.message:
            self._warn(event.message)
        self._on_event(_session_event(event, track), event.time)

    def _on_decision(self, event: SessionEvent) -> None:
        """Emit a decision of the `MusicChooser`, or a command to it, with its reasons."""
        self._on_event(event, None)


def _session_event(event: PlayerEvent, track: Track | None) -> SessionEvent:
    """Return what the player did as an event of the session."""
    if event.kind is EventKind.DEVICE_LOST:
        return DeviceLost(event.message)
    if event.kind is EventKind.DEVICE_FOUND:
        return DeviceFound(event.message)
    about: dict[str, Any] = {"track_id": event.track_id}
    if track is not None:
        about |= {"track": track.title, "artist": track.artist}
        about |= {"offset": round(event.offset_s, 4)}
    if event.kind is EventKind.TRACK_START:
        if track is not None and np.isfinite([track.valence, track.arousal]).all():
            about |= {"valence": float(track.valence), "arousal": float(track.arousal)}
        return TrackStart(**about)
    if event.kind is EventKind.ERROR:
        return PlaybackError(**about, message=event.message)
    return _TRACK_EVENTS[event.kind](**about)
