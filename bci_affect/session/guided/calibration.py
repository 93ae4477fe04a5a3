"""Guided calibration: contact check, rest, and rated clips, with progress that can be resumed.

The state machine has no clock, screen or sound: its caller (window or terminal) calls `tick` a few
times a second with the LSL time, shows `view` (with a tone when the step changes, for closed eyes),
plays and stops excerpts on request, and passes the listener's answers. Every event is emitted for
the recording, and the progress is stored after every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.events import (
    CalibrationDone,
    CalibrationStart,
    CalibrationStop,
    ClipStart,
    ClipStop,
    ContactSkipped,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    SilenceStart,
)
from bci_affect.session.guided.clips import Clip
from bci_affect.session.guided.progress import Progress, Rating, Timing

__all__ = ["Clip", "GuidedCalibration", "Rating", "Step", "Timing", "View"]

CONTACT_QUALITY = 0.75
CONTACT_SECONDS = 5.0


class Step(StrEnum):
    """Step of the calibration."""

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
    Step.CONTACT: "Checking the electrodes' contact: sit still; moisten or press the bad ones.",
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
class View:
    """Displayed state of the calibration.

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


class GuidedCalibration:
    """Calibration of one listener.

    Parameters
    ----------
    path : Path
        File of the progress.
    emit : callable of SessionEvent
        Called with each event, for the recording.
    play : callable of Clip
        Starts an excerpt.
    silence : callable
        Stops the excerpt.

    Notes
    -----
    Create one with `begin` or `resume`. Only one thread may call it.
    """

    def __init__(
        self,
        progress: Progress,
        path: Path,
        *,
        emit: Callable[[SessionEvent], None],
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
        emit: Callable[[SessionEvent], None],
        play: Callable[[Clip], None],
        silence: Callable[[], None],
    ) -> GuidedCalibration:
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
        progress = Progress(profile, seed, tuple(clips), timing or Timing())
        made = cls(progress, path, emit=emit, play=play, silence=silence)
        progress.save(path)
        return made

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        emit: Callable[[SessionEvent], None],
        play: Callable[[Clip], None],
        silence: Callable[[], None],
    ) -> GuidedCalibration:
        """Resume a calibration; completed rests and rated clips are not repeated.

        Raises
        ------
        BciAffectError
            If the file cannot be read or is damaged.
        """
        return cls(Progress.load(path), path, emit=emit, play=play, silence=silence)

    # --- displayed state --------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """Present step."""
        return self._step

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._progress.profile

    @property
    def clips(self) -> tuple[Clip, ...]:
        """All excerpts, in order."""
        return self._progress.clips

    @property
    def ratings(self) -> dict[int, Rating]:
        """Ratings so far, by number of the clip from 0."""
        return dict(self._progress.ratings)

    def view(self) -> View:
        """Return the displayed state."""
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

    # --- commands of a screen ----------------------------------------------------------------

    def start(self, now: float) -> None:
        """Start, or resume after `stop`."""
        if self._step not in (Step.READY, Step.STOPPED):
            return
        self._now = now
        self._emit(
            CalibrationStart(
                profile=self.profile,
                seed=self._progress.seed,
                n_clips=len(self.clips),
                rated=len(self._progress.ratings),
            )
        )
        self._good_since, self._contact_ok = None, False
        self._enter(Step.CONTACT)

    def tick(self, now: float, quality: float = float("nan")) -> Step:
        """Advance to a time.

        Parameters
        ----------
        now : float
            LSL time.
        quality : float
            Share of good electrodes now, 0 to 1.

        Returns
        -------
        Step
            Step after this call.
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
        """Skip a bad contact, or the remainder of a timed step."""
        self._now = now
        if self._step is Step.CONTACT:
            self._emit(ContactSkipped())
            self._after_contact()
        elif self._step in _REST or self._step is Step.SILENCE:
            self._next()

    def rate(self, now: float, rating: Rating) -> None:
        """Store the listener's rating of the last clip.

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
        self._emit(SelfReport(clip=self._clip, **values))
        self._progress.ratings[self._clip] = rating
        self._progress.save(self._path)
        self._next_clip()

    def stop(self, now: float) -> None:
        """Stop; completed steps are kept, and an interrupted clip is played again."""
        if self._step in (Step.DONE, Step.STOPPED, Step.READY):
            return
        self._now = now
        if self._step is Step.CLIP:
            self._silence()
            self._emit(ClipStop(clip=self._clip, complete=False))
        elif self._step in _REST:
            self._emit(RestStop(kind=_kind(self._step), complete=False))
        self._emit(CalibrationStop(rated=len(self._progress.ratings)))
        self._progress.save(self._path)
        self._enter(Step.STOPPED)

    def extend(self, clips: Sequence[Clip]) -> None:
        """Append clips, for a calibration whose ratings did not suffice."""
        self._progress.clips += tuple(clips)
        self._progress.save(self._path)

    def discard(self) -> None:
        """Delete the stored progress (after a finished calibration)."""
        self._path.unlink(missing_ok=True)

    # --- internal ----------------------------------------------------------------------------

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
                self._emit(RestStart(kind=_kind(step)))
                return
        self._next_clip()

    def _next(self) -> None:
        """Leave a timed step."""
        if self._step in _REST:
            self._emit(RestStop(kind=_kind(self._step), complete=True))
            self._progress.rests_done.append(self._step.value)
            self._progress.save(self._path)
            self._after_contact()
        elif self._step is Step.SILENCE:
            clip = self.clips[self._clip]
            self._enter(Step.CLIP, clip.seconds)
            self._emit(
                ClipStart(
                    clip=self._clip,
                    track=clip.path,
                    title=clip.title,
                    offset=clip.start_s,
                    block=clip.block,
                    intended_valence=clip.valence,
                    intended_arousal=clip.arousal,
                )
            )
            self._play(clip)
        elif self._step is Step.CLIP:
            self._silence()
            self._emit(ClipStop(clip=self._clip, complete=True))
            self._enter(Step.RATING)

    def _next_clip(self) -> None:
        waiting = [i for i in range(len(self.clips)) if i not in self._progress.ratings]
        if not waiting:
            self._emit(CalibrationDone(rated=len(self._progress.ratings)))
            self._enter(Step.DONE)
            return
        self._clip = waiting[0]
        self._enter(Step.SILENCE, self._progress.timing.silence_s)
        self._emit(SilenceStart(clip=self._clip))


def _kind(step: Step) -> str:
    """Name of a rest in events: open, closed, blinks."""
    return step.value.removeprefix("rest_")
