"""Choice of music: follow the EEG, steer to a mood, a control condition, or manual choice.

A decision depends only on the arguments of `update`, the library, and a seeded generator. The same
session with the same seed therefore makes the same choices, and the log states the reason of each.

Rules are in `candidates`, the listener's smoothed mood in `mood`, control conditions in `sham`.
The class is long because it is one state under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import State
from bci_affect.errors import BciAffectError
from bci_affect.events import MusicChoice, MusicCommand, SessionEvent
from bci_affect.music import Library, PlayerState, Retriever, Suggestion, Track
from bci_affect.session.control import PINNED
from bci_affect.session.dj.candidates import (
    ChooserSettings,
    Situation,
    after,
    described,
    draw,
    next_waypoint,
    ranked,
    rounded,
)
from bci_affect.session.dj.mood import SmoothedMood
from bci_affect.session.dj.sham import Decoy, Yoke
from bci_affect.session.parts import PlayerControl
from bci_affect.session.snapshot import Policy
from bci_affect.storage import plain

Log = Callable[[SessionEvent], None]
"""Function that receives each decision and command."""

_QUEUE = 5
_PATIENCE_S = 5.0  # until a command to the player shows in its state


class MusicChooser:
    """Chooser of the playing track; call `update` a few times a second.

    Parameters
    ----------
    retriever : Retriever
        Search over the library, in the model's common space.
    player : PlayerControl
        The player.
    library : Library
        Store of likes and bans.
    policy : str
        ``follow`` (fits the present EEG), ``steer`` (a path from the present mood to the target),
        ``sham`` (control condition that seems to follow; see `sham`), ``music-only`` (similar to
        the playing track, or near the target, without EEG), ``manual`` (manual choice only).
    seed : int
        Seed of every draw.
    target : (float, float), optional
        Valence and arousal to steer to.
    settings : ChooserSettings, optional
        Rules.
    yoke : Yoke, optional
        Session that a ``sham`` repeats; random without one, and after its end.
    log : callable, optional
        Called with each decision.
    """

    def __init__(
        self,
        retriever: Retriever,
        player: PlayerControl,
        library: Library,
        *,
        policy: Policy = "follow",
        seed: int = 0,
        target: tuple[float, float] | None = None,
        settings: ChooserSettings | None = None,
        yoke: Yoke | None = None,
        log: Log | None = None,
    ) -> None:
        self._retriever, self._player, self._library = retriever, player, library
        self._policy: Policy = policy
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._target = target
        self._rules = settings or ChooserSettings()
        self._log = log
        self._lock = threading.RLock()
        self._time = 0.0
        self._mood = SmoothedMood(self._rules.smoothing_s)
        self._waypoint: NDArray[np.float64] | None = None
        self._current: Track | None = None
        self._why: Suggestion | None = None
        self._picked: dict[int, Suggestion] = {}
        self._next: Suggestion | None = None
        self._pinned: Suggestion | None = None
        self._asked_at: float | None = None
        self._history: list[tuple[int, str, float]] = []  # track, artist, time, oldest first
        self._better_since: float | None = None
        self._queue: tuple[Suggestion, ...] = ()
        self._queue_at = -np.inf
        self._decoy = Decoy(retriever, seed, self._rules.dwell_s)
        self._yoke = yoke
        self._yoked_at = -1  # last repeated track of the yoked session
        self._began: float | None = None

    # --- input from the session -------------------------------------------------------------

    def update(
        self,
        embedding: NDArray[np.floating[Any]] | None,
        valence: float,
        arousal: float,
        confidence: float,
        time: float,
        state: State = State.OK,
    ) -> None:
        """Process the newest estimate and carry out due decisions.

        Parameters
        ----------
        embedding : ndarray, shape (d,), or None
            Position in the common space.
        valence, arousal, confidence : float
            Estimate in [-1, 1], and its confidence, 0 to 1.
        time : float
            LSL time, the only clock of decisions.
        state : State
            Only `State.OK` estimates count; otherwise the last ones are held.
        """
        with self._lock:
            mood = (valence, arousal) if state is State.OK else None
            self._mood.update(embedding, mood, confidence, time)
            self._time = time
            playing = self._player.state()
            self._follow_player(playing)
            if self._policy == "manual":
                self._queue = () if self._pinned is None else (self._pinned,)
                return
            if self._policy == "sham" and self._play_yoked(playing):
                return
            if time - self._queue_at >= 2.0 or time < self._queue_at:
                self._refresh_queue()
            if playing.track_id is None:
                self._begin_if_idle()
            elif self._next is None:
                left = playing.duration_s - playing.position_s
                if left <= self._rules.lead_s:
                    self._settle_next()
                else:
                    self._leave_if_better(playing)

    def _follow_player(self, playing: PlayerState) -> None:
        """Update the state after a change of the playing track."""
        if playing.track_id is None:
            if self._asked_at is not None and self._time - self._asked_at < _PATIENCE_S:
                return
            self._current = self._why = None
            return
        self._asked_at = None
        if self._current is not None and playing.track_id == self._current.id:
            return
        try:
            self._current = self._library.track(playing.track_id)
        except BciAffectError:  # removed, or its drive disconnected, while it plays
            return
        self._why = self._picked.pop(
            playing.track_id, Suggestion(self._current, float("nan"), rule="chosen by you")
        )
        self._picked.clear()
        self._next = None
        self._better_since = None
        if self._pinned is not None:
            if self._pinned.track.id == self._current.id:
                self._pinned = None
            else:
                self._follow_with_pinned()
        self._history.append((self._current.id, self._current.artist, self._time))
        self._queue_at = -np.inf

    # --- decisions --------------------------------------------------------------------------

    def _begin_if_idle(self) -> None:
        if self._asked_at is not None and self._time - self._asked_at < _PATIENCE_S:
            return
        self._asked_at = self._time
        choice = self._pick("start")
        if choice is not None:
            self._player.play(choice.track)

    def _play_yoked(self, playing: PlayerState) -> bool:
        """Play the yoked session's track of this time; return whether there is one."""
        self._began = self._time if self._began is None else self._began
        number = self._yoke.due(self._time - self._began) if self._yoke is not None else None
        if self._yoke is None or number is None:
            return False
        self._queue = self._yoke.coming(number, _QUEUE)
        if number == self._yoked_at:
            return True
        self._yoked_at = number
        due = self._yoke.played[number]
        self._picked[due.suggestion.track.id] = due.suggestion
        self._write(
            MusicChoice(
                time=self._rounded_time(),
                action="yoked",
                policy=self._policy,
                yoked=self._yoke.source,
                **described(due.suggestion),
            )
        )
        self._asked_at = self._time
        if playing.track_id is None:
            self._player.play(due.suggestion.track, due.offset_s)
        else:
            self._player.skip_to(due.suggestion.track)
        return True

    def _aim(self) -> NDArray[np.float64] | None:
        """Return the query in the common space: the EEG's, or a sham's decoy."""
        query = self._mood.query
        if self._policy == "sham" and query is not None:
            return self._decoy.place(self._time)
        return query

    def _settle_next(self) -> None:
        choice = self._pick("next")
        if choice is not None:
            self._next = choice
            self._player.enqueue(choice.track)
            self._refresh_queue()

    def _leave_if_better(self, playing: PlayerState) -> None:
        """Change a track that no longer fits, after the dwell time and for a clear gain."""
        current, aim = self._current, self._aim()
        if (
            self._policy not in ("follow", "sham")
            or current is None
            or aim is None
            or playing.position_s < self._rules.dwell_s
            or not self._queue
        ):
            self._better_since = None
            return
        gain = self._queue[0].score - self._retriever.score(current.id, aim)
        if not gain > self._rules.margin:
            self._better_since = None
            return
        if self._better_since is None:
            self._better_since = self._time
        if self._time - self._better_since < self._rules.hold_s:
            return
        choice = self._pick("change")
        if choice is not None:
            self._asked_at = self._time
            self._player.skip_to(choice.track)
            self._better_since = None

    def _pick(self, action: str) -> Suggestion | None:
        """Draw among the best allowed tracks, and log the decision."""
        if self._policy == "steer":
            self._waypoint = next_waypoint(self._rules, self._situation())
        found = self._ranked()
        if not found:
            return None
        best, drawn = draw(self._rules, found, self._rng)
        choice = best[drawn]
        if drawn:
            choice = replace(choice, rule="one of several close matches")
        self._picked[choice.track.id] = choice
        self._write(
            MusicChoice(
                time=self._rounded_time(),
                action=action,
                policy=self._policy,
                **described(choice),
                draw=drawn,
                seed=self._seed,
                candidates=tuple((s.track.id, plain(s.score, digits=4)) for s in best),
                mood=rounded(self._mood.mood),
                confidence=plain(self._mood.confidence, digits=4),
                target=rounded(self._target),
                waypoint=rounded(self._waypoint),
                query=rounded(self._mood.query),
            )
        )
        return choice

    def _situation(self) -> Situation:
        """Return the situation of a choice."""
        return Situation(
            policy=self._policy,
            time_s=self._time,
            current=self._current,
            history=tuple(self._history),
            mood=self._mood.mood,
            aim=self._aim(),
            target=self._target,
            waypoint=self._waypoint,
            broken=self._player.failed,
        )

    def _ranked(self) -> list[Suggestion]:
        return ranked(self._retriever, self._library, self._rules, self._situation())

    def _refresh_queue(self) -> None:
        self._queue_at = self._time
        first = [self._next] if self._next is not None else []
        taken = {s.track.id for s in first}
        rest = [s for s in self._ranked() if s.track.id not in taken]
        self._queue = tuple((first + rest)[:_QUEUE])

    # --- commands ---------------------------------------------------------------------------

    def skip(self) -> None:
        """Change to the next track now."""
        with self._lock:
            choice = self._next
            if choice is None:
                by_hand = self._policy == "manual"
                choice = after(self._library, self._current) if by_hand else self._pick("skip")
            self._write_command("skip")
            if choice is not None:
                self._picked[choice.track.id] = choice
                self._change_to(choice.track)

    def choose(self, track_id: int) -> None:
        """Play this track now; a manual choice overrides every rule.

        Raises
        ------
        BciAffectError
            If the library has no such track.
        """
        with self._lock:
            track = self._library.track(track_id)
            self._picked[track.id] = Suggestion(track, float("nan"), rule="chosen by you")
            self._write_command("choose", track=track_id)
            self._change_to(track)

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Queue a track next under any policy, or unpin it.

        Raises
        ------
        BciAffectError
            If the library has no such track.
        """
        with self._lock:
            track = self._library.track(track_id)
            self._write_command("pin", track=track_id, on=pinned)
            if pinned:
                known = {s.track.id: s for s in self._queue}
                found = known.get(track_id, Suggestion(track, float("nan")))
                self._pinned = replace(found, rule=PINNED)
                self._follow_with_pinned()
            elif self._pinned is not None and self._pinned.track.id == track_id:
                self._pinned = None
                self._replan()

    def _follow_with_pinned(self) -> None:
        self._next = self._pinned
        if self._pinned is not None:
            self._picked[self._pinned.track.id] = self._pinned
            self._player.enqueue(self._pinned.track)
        self._queue_at = -np.inf

    def _change_to(self, track: Track) -> None:
        self._asked_at = self._time
        self._next = None
        self._player.enqueue(None)
        if self._player.state().track_id is None:
            self._player.play(track)
        else:
            self._player.skip_to(track)

    def like(self, track_id: int, liked: bool = True) -> None:
        """Like a track, or remove the like."""
        with self._lock:
            self._library.like(track_id, liked)
            self._write_command("like", track=track_id, on=liked)
            self._queue_at = -np.inf

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Ban a track (a playing one is skipped), or lift the ban."""
        with self._lock:
            self._library.ban(track_id, banned)
            self._write_command("ban", track=track_id, on=banned)
            self._queue_at = -np.inf
            if not banned:
                return
            if self._pinned is not None and self._pinned.track.id == track_id:
                self._pinned = None
            if self._next is not None and self._next.track.id == track_id:
                self._next = None
                self._player.enqueue(None)
            if self._current is not None and self._current.id == track_id:
                self.skip()

    def set_policy(self, policy: Policy) -> None:
        """Change how music is chosen; the playing track continues."""
        with self._lock:
            self._policy = policy
            self._write_command("policy", policy=policy)
            self._replan()

    def set_target(self, valence: float, arousal: float) -> None:
        """Set the target of steering, each in [-1, 1]; the path restarts at the present mood."""
        for name, value in (("valence", valence), ("arousal", arousal)):
            if not -1.0 <= value <= 1.0:
                raise BciAffectError(f"The target's {name} {value:g} is outside of -1 to 1.")
        with self._lock:
            self._target = (valence, arousal)
            self._write_command("target", target=(valence, arousal))
            self._replan()

    def _replan(self) -> None:
        self._waypoint = None
        if self._next is not None and self._next is not self._pinned:
            self._next = None
            self._player.enqueue(None)
        self._queue_at = -np.inf

    # --- displayed state ---------------------------------------------------------------------

    def queue(self) -> tuple[Suggestion, ...]:
        """Return the next five suggestions; the first is fixed near the end of the track."""
        return self._queue

    def why(self) -> Suggestion | None:
        """Return why the playing track was chosen; None while none plays."""
        return self._why

    @property
    def policy(self) -> Policy:
        """Present policy."""
        return self._policy

    @property
    def target(self) -> tuple[float, float] | None:
        """Target of steering."""
        return self._target

    def _write_command(self, command: str, **values: Any) -> None:
        self._write(MusicCommand(time=self._rounded_time(), command=command, **values))

    def _write(self, event: SessionEvent) -> None:
        if self._log is not None:
            self._log(event)

    def _rounded_time(self) -> float:
        return round(self._time, 6)
