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

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, music_log_odds
from bci_affect.errors import BciAffectError
from bci_affect.music import AudioPlayer, Library, PlayerEvent, PlayerState, Suggestion, Track
from bci_affect.session.control import Policy
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.session.parts import Notify, OnEvent

_LOG = logging.getLogger(__name__)
_TICK_S = 0.25


_NOT_YET = PlayerState(None, 0.0, 0.0, False, 0.0, "", message="The music is being prepared.")


@dataclass(frozen=True)
class MusicParts:
    """What music needs once it is prepared; the desk closes player and library at its end."""

    library: Library
    player: AudioPlayer
    chooser: MusicChooser
    bring_in: Callable[[], None] | None = None
    """Adds more music while the first plays; ends soon after the desk has told that all ends."""


Prepare = Callable[
    [Callable[[PlayerEvent], None], Callable[[dict[str, object]], None], Callable[[], bool]],
    MusicParts | None,
]


class MusicThread:
    """Runs a `MusicChooser` and its `AudioPlayer` on a thread; fulfils `session.parts.Music`.

    Parameters
    ----------
    prepare : callable
        Opens the library and makes player and `MusicChooser`; gets callbacks for the player's
        events and for the decisions, and a function that tells whether the session has ended. It
        runs on the music thread, so that a session never waits for a large library. It returns
        None if there is no music.
    report : callable
        Takes one sentence for the user when something goes wrong.
    on_event : callable
        Takes what plays and what was decided, as events of the session.
    """

    def __init__(
        self,
        prepare: Prepare,
        report: Notify,
        on_event: OnEvent,
    ) -> None:
        self._prepare = prepare
        self._report = report
        self._on_event = on_event
        self._parts: MusicParts | None = None
        self._newest: AffectEstimate | None = None
        self._commands: deque[Callable[[MusicParts], None]] = deque()
        self._tracks: dict[int, Track] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        # Not a daemon: Python ends those within torch, whose C++ then aborts the whole process.
        self._thread = threading.Thread(target=self._run, name="bci-music", daemon=False)

    # ---- for the engine -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to choose and play."""
        self._thread.start()

    def offer(self, estimate: AffectEstimate | None) -> None:
        """Leave an estimate; the newest wins. None: nothing is chosen until the next."""
        self._newest = estimate

    def logits(self) -> NDArray[np.float64] | None:
        """Return what the playing track predicts, log-odds (2,); None while none plays."""
        state, track, *_ = self.state()
        if track is None or not state.playing:
            return None
        return music_log_odds(track.valence, track.arousal)

    def state(
        self,
    ) -> tuple[PlayerState, Track | None, Suggestion | None, tuple[Suggestion, ...]]:
        """Return player, playing track, why it plays, and what comes next."""
        parts = self._parts
        if parts is None:
            return _NOT_YET, None, None, ()
        state, why = parts.player.state(), parts.chooser.why()
        if why is not None and why.track.id != state.track_id:
            why = None  # the next one plays already, and the choice has not been looked up yet
        return state, self._known(state.track_id), why, parts.chooser.queue()

    def close(self) -> None:
        """Silence the music and end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _ended(self) -> bool:
        """Say whether all ends, in whatever way: closed, or the program left without closing."""
        return self._stop.is_set() or not threading.main_thread().is_alive()

    # ---- commands -----------------------------------------------------------------------------

    def play(self) -> None:
        """Start or go on playing."""
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

    def pin(self, track_id: int, pinned: bool) -> None:
        """Have a track follow what plays, or take it back."""
        self._do(lambda parts: parts.chooser.pin(track_id, pinned))

    def like(self, track_id: int, liked: bool) -> None:
        """Like a track, or take it back."""
        self._do(lambda parts: parts.chooser.like(track_id, liked))
        self._do(lambda parts: self._reload(parts, track_id))

    def ban(self, track_id: int, banned: bool) -> None:
        """Ban a track, or take it back."""
        self._do(lambda parts: parts.chooser.ban(track_id, banned))
        self._do(lambda parts: self._reload(parts, track_id))

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen."""
        self._do(lambda parts: parts.chooser.set_policy(policy))

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering."""
        self._do(lambda parts: parts.chooser.set_target(valence, arousal))

    def _do(self, action: Callable[[MusicParts], None]) -> None:
        """Have something done by the music's thread, soon; return at once."""
        self._commands.append(action)
        self._wake.set()

    def _known(self, track_id: int | None) -> Track | None:
        return None if track_id is None else self._tracks.get(track_id)

    def _reload(self, parts: MusicParts, track_id: int) -> None:
        self._tracks[track_id] = parts.library.track(track_id)

    # ---- the music's thread -------------------------------------------------------------------

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
            self._report(str(error))
        except Exception:
            _LOG.exception("music could not be added")
            self._report("More music could not be added by an internal error; see the log.")

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
                self._report(str(error))
            except Exception:  # music may fail; the session goes on and says so
                _LOG.exception("the music failed")
                self._report("The choice of music failed by an internal error; see the log.")
                self._stop.wait(1.0)

    def _open(self) -> MusicParts | None:
        try:
            parts = self._prepare(self._heard, self._decided, self._ended)
        except BciAffectError as error:
            self._report(str(error))
            return None
        except Exception:
            _LOG.exception("the music could not be prepared")
            self._report("The music could not be prepared by an internal error; see the log.")
            return None
        if parts is None:
            self._report("There is no music yet: add some with 'bci-affect music add FOLDER'.")
            return None
        self._tracks = {track.id: track for track in parts.library.tracks()}
        self._parts = parts
        return parts

    def _heard(self, event: PlayerEvent) -> None:
        """Take an event of the player, on its decode thread."""
        fields: dict[str, object] = {"event": event.kind}
        parts, track = self._parts, self._known(event.track_id)
        if parts is not None and event.track_id is not None and track is None:
            # It came into the library since. Asked for here, where it begins: `state` and `logits`
            # are called on the data path, which waits for no disk.
            with contextlib.suppress(BciAffectError):  # taken out of the library while it plays
                self._reload(parts, event.track_id)
            track = self._known(event.track_id)
        if track is not None:
            fields |= {"track": track.title, "artist": track.artist, "track_id": track.id}
            fields["offset"] = round(event.offset_s, 4)
            if np.isfinite([track.valence, track.arousal]).all():
                fields |= {"valence": track.valence, "arousal": track.arousal}
        if event.message:
            fields["message"] = event.message
            self._report(event.message)
        self._on_event(fields, event.time)

    def _decided(self, entry: dict[str, object]) -> None:
        """Take a decision of the `MusicChooser`, or a command that it obeyed, with its reasons."""
        self._on_event(entry, None)
