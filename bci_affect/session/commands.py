"""What a window may ask of a live session: music, the person, and the record."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from bci_affect.affect import AffectPath, Personalisation, PersonalModel
from bci_affect.errors import BciAffectError
from bci_affect.session.control import Policy
from bci_affect.session.parts import Music, Recording
from bci_affect.session.result_writer import ResultWriter
from bci_affect.streams import Source, StreamInfo


class SessionCommands(ABC):
    """The commands of `session.control.SessionControl`, each done at once or queued.

    What concerns the data path goes to its thread through `_commands`; nothing waits for it.
    """

    _music: Music | None
    _policy: Policy
    _target: tuple[float, float] | None
    _path: AffectPath | None
    _info: StreamInfo | None
    _source: Source
    _recording: Recording | None
    _writer: ResultWriter
    _model_name: str
    _commands: deque[Callable[[AffectPath], None]]
    _baseline_end: float | None
    _paused: bool
    _played: bool
    _lock: threading.Lock

    @abstractmethod
    def tell(self, text: str) -> None:
        """Show a sentence."""

    @abstractmethod
    def warn(self, text: str) -> None:
        """Show a sentence as a warning."""

    @abstractmethod
    def _say(self, level: str, text: str) -> None: ...

    @abstractmethod
    def _event(self, fields: dict[str, object], time: float | None = None) -> None: ...

    @abstractmethod
    def _now(self) -> float: ...

    @abstractmethod
    def _record_normalisation(self) -> None: ...

    # ---- music --------------------------------------------------------------------------------

    def play(self) -> None:
        """Start or go on playing."""
        if music := self._music_or_say():
            music.play()

    def pause(self) -> None:
        """Pause the music."""
        if music := self._music_or_say():
            music.pause()

    def skip(self) -> None:
        """Change to the next track."""
        if music := self._music_or_say():
            music.skip()

    def seek(self, position_s: float) -> None:
        """Move within the playing track."""
        if music := self._music_or_say():
            music.seek(position_s)

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""
        if music := self._music_or_say():
            music.set_volume(min(max(volume, 0.0), 1.0))

    def choose(self, track_id: int) -> None:
        """Play this track now."""
        if music := self._music_or_say():
            music.choose(track_id)

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Have this track follow what plays, or take it back."""
        if music := self._music_or_say():
            music.pin(track_id, pinned)

    def like(self, track_id: int, liked: bool = True) -> None:
        """Like a track, or take it back."""
        if music := self._music_or_say():
            music.like(track_id, liked)

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Never play a track again, or take it back."""
        if music := self._music_or_say():
            music.ban(track_id, banned)

    @property
    def policy(self) -> Policy:
        """How music is chosen in truth; a snapshot says of a sham that it follows."""
        return self._policy

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen; a sham goes on where following is asked for."""
        if self._policy == "sham" and policy == "follow":
            return
        if music := self._music_or_say():
            self._policy = policy
            music.set_policy(policy)

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering, each in [-1, 1]."""
        if music := self._music_or_say():
            self._target = (min(max(valence, -1.0), 1.0), min(max(arousal, -1.0), 1.0))
            music.set_target(*self._target)

    def _music_or_say(self) -> Music | None:
        if self._music is None:
            self.warn("There is no music in this session; add some with 'bci-affect music add'.")
        return self._music

    # ---- person and record --------------------------------------------------------------------

    def mark(self, note: str = "") -> None:
        """Put a mark with a note at this moment."""
        self._event({"event": "mark", "note": note})

    def rate(self, valence: float, arousal: float, **other: float) -> None:
        """Store a self-report on 1-9."""
        values = {"valence": valence, "arousal": arousal, **other}
        wrong = [name for name, value in values.items() if not 1 <= value <= 9]
        if wrong:
            self.warn(
                f"A self-report goes from 1 to 9; {', '.join(wrong)} does not and is not kept."
            )
            return
        self._event({"event": "rating", **values})

    def event(self, text: str) -> None:
        """Keep, publish and record an event of a protocol: one JSON object."""
        self._event(json.loads(text))

    def set_bad(self, channel: str, bad: bool = True) -> None:
        """Take a channel out of use by hand, or let the program judge it again."""
        self._commands.append(lambda path: path.pipeline.set_bad(channel, bad))
        self._event({"event": "channel", "channel": channel, "bad": bad})

    def personalise(self, personal: PersonalModel) -> None:
        """Use another personal model from the next estimate on."""
        if self._path is None:
            return
        predictor = self._path.tuned(personal)  # here, not on the data path's thread
        self._commands.append(lambda path: path.personalise(Personalisation(personal), predictor))

    def baseline(self, seconds: float = 60.0) -> None:
        """Start the normalisation to the person anew from now on."""
        self._commands.append(lambda path: path.restart_normalisation())
        self._baseline_end = self._now() + seconds
        self._event({"event": "rest_start", "seconds": seconds})
        self.tell(f"Baseline: sit still with open eyes for {seconds:.0f} s.")

    def set_paused(self, paused: bool) -> None:
        """Take a break, or go on; EEG and recording go on in any case."""
        with self._lock:
            if paused is self._paused:
                return
            self._paused = paused
        self._event({"event": "session_pause" if paused else "session_resume"})
        if self._music:
            if paused:
                self._played = self._music.state()[0].playing
                self._music.offer(None)
                self._music.pause()
            elif self._played:
                self._music.play()

    def start_recording(self) -> None:
        """Begin a new recording file."""
        if self._recording is None or self._info is None:
            self.warn("This session has no folder to record to; start it with --record DIR.")
            return
        try:
            self._recording.start(self._source)
            self._event({"event": "recording_start", "model": self._model_name})
            self._record_normalisation()
        except BciAffectError as error:
            self._say("error", str(error))

    def stop_recording(self) -> None:
        """Finish the recording's file, with all events until now in it."""
        self._writer.finish_recording()
