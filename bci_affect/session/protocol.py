"""The guided calibration: contact, rest, rated clips; stopped at any time, resumed with no loss.

A state machine without clock, screen, or sound of its own: whoever runs it (window or terminal)
calls `Protocol.tick` a few times a second with the LSL time, shows `Protocol.view` (and sounds a
tone when the step changes: eyes may be closed), plays and silences when told, and hands the
listener's answers back. Every event goes out as one JSON object for the recording, and the
progress is on disk after every step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.music import Track

FORMAT = "bci_affect calibration 1"
CLIP_SECONDS = (20.0, 60.0)
"""Shortest and longest clip."""
CONTACT_QUALITY = 0.75
CONTACT_SECONDS = 5.0


class Step(StrEnum):
    """Where the protocol stands."""

    READY = "ready"
    CONTACT = "contact"
    REST_OPEN = "rest_open"
    REST_CLOSED = "rest_closed"
    BLINKS = "blinks"
    SILENCE = "silence"
    CLIP = "clip"
    RATING = "rating"
    DONE = "done"
    STOPPED = "stopped"


_REST = (Step.REST_OPEN, Step.REST_CLOSED, Step.BLINKS)
_TEXTS = {
    Step.READY: "Sit comfortably, put the headphones on, and start when you are ready.",
    Step.CONTACT: "Checking the electrodes' contact: sit still; moisten or press the red ones.",
    Step.REST_OPEN: "Rest with open eyes. Look at one point and let your thoughts go.",
    Step.REST_CLOSED: "Close your eyes and rest until you hear the tone.",
    Step.BLINKS: "Blink about once a second, then clench your jaw gently twice.",
    Step.SILENCE: "Rest for a moment. The next piece begins soon.",
    Step.CLIP: "Listen. Sit still and let the music work on you.",
    Step.RATING: "How did you feel while it played?",
    Step.DONE: "That was all. Thank you.",
    Step.STOPPED: "Stopped. Everything so far is kept; you can resume at any time.",
}


@dataclass(frozen=True)
class Clip:
    """One excerpt to be played and rated.

    ``valence`` and ``arousal`` are the music's prediction in [-1, 1] (what is *intended*), kept
    apart from what the listener reports; ``block`` is its round of the four quadrants.
    """

    track: int
    path: str
    title: str
    start_s: float
    seconds: float
    valence: float
    arousal: float
    block: int


@dataclass(frozen=True)
class Timing:
    """Lengths of the steps in seconds; 0 leaves a rest step out."""

    rest_open_s: float = 60.0
    rest_closed_s: float = 30.0
    blinks_s: float = 15.0
    silence_s: float = 8.0


@dataclass(frozen=True)
class Rating:
    """A self-report on 1-9 (self-assessment manikin), with familiarity and liking if given."""

    valence: float
    arousal: float
    familiarity: float | None = None
    liking: float | None = None


@dataclass(frozen=True)
class View:
    """All that a screen shows of the protocol at one moment.

    ``seconds_left`` is NaN for steps that wait for the listener; ``clip`` counts from 1 (0 before
    the first).
    """

    step: Step
    text: str
    seconds_left: float
    clip: int
    n_clips: int
    rated: int
    playing: Clip | None
    contact_ok: bool


def choose_clips(
    tracks: Sequence[Track], n_clips: int, *, seed: int, seconds: float = 30.0
) -> tuple[Clip, ...]:
    """Choose excerpts that cover the valence-arousal plane, in balanced random order.

    The plane is cut into quadrants at its middle or, where the library leaves a quadrant too
    empty, at the library's medians. Each round (block) plays one excerpt of every quadrant in
    random order, those furthest out first and no track twice while there are others; a track that
    must come again does so with another excerpt.

    Parameters
    ----------
    tracks : sequence of Track
        The library; banned tracks, those without a prediction, and those too short are left out.
    n_clips : int
        A multiple of four, at least eight.
    seed : int
        Choice and order follow from it.
    seconds : float
        Length of a clip, 20 to 60.

    Raises
    ------
    BciAffectError
        If numbers are out of range or the library has too few tracks.
    """
    if n_clips < 8 or n_clips % 4:
        raise BciAffectError(f"The number of clips must be 8, 12, 16, ...; got {n_clips}.")
    if not CLIP_SECONDS[0] <= seconds <= CLIP_SECONDS[1]:
        raise BciAffectError(
            f"A clip lasts {CLIP_SECONDS[0]:.0f} to {CLIP_SECONDS[1]:.0f} s; got {seconds:g}."
        )
    usable = [
        t
        for t in tracks
        if not t.banned
        and np.isfinite([t.valence, t.arousal]).all()
        and t.duration_s >= CLIP_SECONDS[0]
    ]
    if len(usable) < 4:
        raise BciAffectError(
            f"The library has {len(usable)} analysed tracks of at least {CLIP_SECONDS[0]:.0f} s; "
            "at least 4 are needed: add music with 'bci-affect music add DIR'."
        )
    place = np.array([[t.valence, t.arousal] for t in usable])
    quadrants = _quadrants(place, np.zeros(2))
    if min(len(q) for q in quadrants) < n_clips // 4:
        quadrants = _quadrants(place, np.median(place, axis=0))
    if not all(quadrants):
        # Valence and arousal go together in this library: take the nearest to each corner.
        spread = (place - place.mean(axis=0)) / np.maximum(place.std(axis=0), 1e-6)
        quadrants = [
            list(np.argsort(-(spread @ corner))[: max(1, len(usable) // 4)]) for corner in _CORNERS
        ]
    rng = np.random.default_rng(seed)
    centre = np.median(place, axis=0)
    ordered = []
    for members in quadrants:
        far = np.linalg.norm(place[members] - centre, axis=1) + 0.15 * rng.standard_normal(
            len(members)
        )
        ordered.append([members[i] for i in np.argsort(-far)])
    clips: list[Clip] = []
    used: dict[int, int] = {}
    for block in range(n_clips // 4):
        for quadrant in rng.permutation(4):
            members = ordered[quadrant]
            index = min(members, key=lambda i: used.get(i, 0))  # the first of the least used
            clips.append(_excerpt(usable[index], used.get(index, 0), seconds, block))
            used[index] = used.get(index, 0) + 1
    return tuple(clips)


_CORNERS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float64)


def _quadrants(place: np.ndarray, middle: np.ndarray) -> list[list[int]]:
    side = place > middle
    return [
        [int(i) for i in np.flatnonzero((side == (corner > 0)).all(axis=1))] for corner in _CORNERS
    ]


def _excerpt(track: Track, times_used: int, seconds: float, block: int) -> Clip:
    """Cut the next excerpt of a track: from a quarter in, later ones further on."""
    length = min(seconds, track.duration_s)
    room = track.duration_s - length
    start = (0.25 * track.duration_s + times_used * length) % room if room > 0 else 0.0
    return Clip(
        track=track.id,
        path=track.path,
        title=track.title,
        start_s=round(start, 3),
        seconds=round(length, 3),
        valence=track.valence,
        arousal=track.arousal,
        block=block,
    )


@dataclass
class _Progress:
    """What is kept on disk."""

    profile: str
    seed: int
    clips: tuple[Clip, ...]
    timing: Timing
    rests_done: list[str] = field(default_factory=list)
    ratings: dict[int, Rating] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "profile": self.profile,
            "seed": self.seed,
            "clips": [asdict(clip) for clip in self.clips],
            "timing": asdict(self.timing),
            "rests_done": self.rests_done,
            "ratings": {str(i): asdict(rating) for i, rating in self.ratings.items()},
        }

    @classmethod
    def parse(cls, document: dict[str, Any]) -> _Progress:
        if document["format"] != FORMAT:
            raise ValueError("another format")
        return cls(
            profile=str(document["profile"]),
            seed=int(document["seed"]),
            clips=tuple(Clip(**clip) for clip in document["clips"]),
            timing=Timing(**document["timing"]),
            rests_done=list(document["rests_done"]),
            ratings={int(i): Rating(**rating) for i, rating in document["ratings"].items()},
        )


class Protocol:
    """Leads one listener through calibration.

    Parameters
    ----------
    path : Path
        Where progress is kept.
    emit : callable of str
        Takes each event as one JSON object, for the recording.
    play : callable of Clip
        Starts an excerpt.
    silence : callable
        Stops whatever plays.

    Notes
    -----
    Make one with `begin` or `resume`. One thread calls.
    """

    def __init__(
        self,
        progress: _Progress,
        path: Path,
        *,
        emit: Callable[[str], None],
        play: Callable[[Clip], None],
        silence: Callable[[], None],
    ) -> None:
        self._progress = progress
        self._path = path
        self._emit, self._play, self._silence = emit, play, silence
        self._step = Step.READY
        self._ends = float("nan")
        self._now = float("nan")
        self._clip = -1
        self._good_since: float | None = None
        self._contact_ok = False

    @classmethod
    def begin(
        cls,
        path: Path,
        profile: str,
        clips: Sequence[Clip],
        *,
        seed: int,
        timing: Timing | None = None,
        emit: Callable[[str], None],
        play: Callable[[Clip], None],
        silence: Callable[[], None],
    ) -> Protocol:
        """Prepare a new calibration; an unfinished one at `path` is refused, not overwritten.

        Raises
        ------
        BciAffectError
            If `path` exists.
        """
        if path.exists():
            raise BciAffectError(
                f"An unfinished calibration of '{profile}' is at {path}; resume it, or discard it."
            )
        progress = _Progress(profile, seed, tuple(clips), timing or Timing())
        made = cls(progress, path, emit=emit, play=play, silence=silence)
        made._save()
        return made

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        emit: Callable[[str], None],
        play: Callable[[Clip], None],
        silence: Callable[[], None],
    ) -> Protocol:
        """Go on where a calibration stood: rests and rated clips are not repeated.

        Raises
        ------
        BciAffectError
            If the file cannot be read or is damaged.
        """
        try:
            progress = _Progress.parse(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise BciAffectError(f"Cannot read {path} ({error.strerror}).") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BciAffectError(
                f"{path} is damaged ({error}); remove it and start a new calibration."
            ) from None
        return cls(progress, path, emit=emit, play=play, silence=silence)

    # --- What a screen sees -----------------------------------------------------------------

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self._step

    @property
    def profile(self) -> str:
        """Whose calibration it is."""
        return self._progress.profile

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All excerpts, in order."""
        return self._progress.clips

    @property
    def ratings(self) -> dict[int, Rating]:
        """What has been rated so far, by number of the clip from 0."""
        return dict(self._progress.ratings)

    def view(self) -> View:
        """Return all that is shown now."""
        clip = self._progress.clips[self._clip] if self._clip >= 0 else None
        return View(
            step=self._step,
            text=_TEXTS[self._step],
            seconds_left=float(np.maximum(0.0, self._ends - self._now)),
            clip=self._clip + 1,
            n_clips=len(self._progress.clips),
            rated=len(self._progress.ratings),
            playing=clip if self._step is Step.CLIP else None,
            contact_ok=self._contact_ok,
        )

    # --- What a screen says -----------------------------------------------------------------

    def start(self, now: float) -> None:
        """Start, or resume after `stop`."""
        if self._step not in (Step.READY, Step.STOPPED):
            return
        self._now = now
        self._send(
            "calibration_start",
            profile=self.profile,
            seed=self._progress.seed,
            n_clips=len(self.clips),
            rated=len(self._progress.ratings),
        )
        self._good_since, self._contact_ok = None, False
        self._enter(Step.CONTACT)

    def tick(self, now: float, quality: float = float("nan")) -> Step:
        """Let time pass.

        Parameters
        ----------
        now : float
            LSL time.
        quality : float
            Share of good electrodes now, 0 to 1.

        Returns
        -------
        Step
            Where it stands after this.
        """
        self._now = now
        if self._step is Step.CONTACT:
            if quality >= CONTACT_QUALITY:
                self._good_since = now if self._good_since is None else self._good_since
                self._contact_ok = now - self._good_since >= CONTACT_SECONDS
            else:
                self._good_since, self._contact_ok = None, False
            if self._contact_ok:
                self._after_contact()
        elif now >= self._ends:
            self._next()
        return self._step

    def go_on(self, now: float) -> None:
        """Go on without waiting: past a bad contact, or the rest of a timed step."""
        self._now = now
        if self._step is Step.CONTACT:
            self._send("contact_skipped")
            self._after_contact()
        elif self._step in _REST or self._step is Step.SILENCE:
            self._next()

    def rate(self, now: float, rating: Rating) -> None:
        """Take the listener's report of the clip that was heard.

        Raises
        ------
        BciAffectError
            If a value is outside 1-9, or no clip waits for a rating.
        """
        self._now = now
        if self._step is not Step.RATING:
            raise BciAffectError("No clip waits for a rating now.")
        values = {name: value for name, value in asdict(rating).items() if value is not None}
        for name, value in values.items():
            if not 1 <= value <= 9:
                raise BciAffectError(f"{name} must be 1 to 9; got {value:g}.")
        self._send("rating", clip=self._clip, **values)
        self._progress.ratings[self._clip] = rating
        self._save()
        self._next_clip()

    def stop(self, now: float) -> None:
        """Stop; nothing that was done is lost, an interrupted clip will be played again."""
        if self._step in (Step.DONE, Step.STOPPED, Step.READY):
            return
        self._now = now
        if self._step is Step.CLIP:
            self._silence()
            self._send("clip_stop", clip=self._clip, complete=False)
        elif self._step in _REST:
            self._send("rest_stop", kind=_kind(self._step), complete=False)
        self._send("calibration_stop", rated=len(self._progress.ratings))
        self._save()
        self._enter(Step.STOPPED)

    def discard(self) -> None:
        """Forget the progress on disk (after a finished calibration)."""
        self._path.unlink(missing_ok=True)

    # --- Inside -----------------------------------------------------------------------------

    def _enter(self, step: Step, seconds: float = float("nan")) -> None:
        self._step = step
        self._ends = self._now + seconds

    def _after_contact(self) -> None:
        timing = self._progress.timing
        lengths = {
            Step.REST_OPEN: timing.rest_open_s,
            Step.REST_CLOSED: timing.rest_closed_s,
            Step.BLINKS: timing.blinks_s,
        }
        for step in _REST:
            if lengths[step] > 0 and step.value not in self._progress.rests_done:
                self._enter(step, lengths[step])
                self._send("rest_start", kind=_kind(step))
                return
        self._next_clip()

    def _next(self) -> None:
        """Leave a timed step."""
        if self._step in _REST:
            self._send("rest_stop", kind=_kind(self._step), complete=True)
            self._progress.rests_done.append(self._step.value)
            self._save()
            self._after_contact()
        elif self._step is Step.SILENCE:
            clip = self.clips[self._clip]
            self._enter(Step.CLIP, clip.seconds)
            self._send(
                "clip_start",
                clip=self._clip,
                track=clip.path,
                title=clip.title,
                offset=clip.start_s,
                block=clip.block,
                intended_valence=clip.valence,
                intended_arousal=clip.arousal,
            )
            self._play(clip)
        elif self._step is Step.CLIP:
            self._silence()
            self._send("clip_stop", clip=self._clip, complete=True)
            self._enter(Step.RATING)

    def _next_clip(self) -> None:
        waiting = [i for i in range(len(self.clips)) if i not in self._progress.ratings]
        if not waiting:
            self._send("calibration_done", rated=len(self._progress.ratings))
            self._enter(Step.DONE)
            return
        self._clip = waiting[0]
        self._enter(Step.SILENCE, self._progress.timing.silence_s)
        self._send("silence_start", clip=self._clip)

    def _send(self, event: str, **values: Any) -> None:
        self._emit(json.dumps({"event": event, **values}))

    def _save(self) -> None:
        """Write progress so that a crash leaves either the old or the new file, whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(self._progress.document(), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)


def _kind(step: Step) -> str:
    """Name of a rest in events: open, closed, blinks."""
    return step.value.removeprefix("rest_")
