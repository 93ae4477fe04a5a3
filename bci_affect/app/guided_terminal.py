"""Guided calibration in a terminal: one line a step, a countdown, and questions after clips."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from bci_affect.safe_text import make_console
from bci_affect.session import GuidedCalibration, Rating, Step

if TYPE_CHECKING:
    from bci_affect.app.calibration import CalibrationRunner
    from bci_affect.session import SessionControl

_TICK_S = 0.1
_QUESTIONS = (
    ("valence", "How pleasant did you feel, 1 (unpleasant) to 9 (pleasant)?", True),
    ("arousal", "How activated did you feel, 1 (calm) to 9 (excited)?", True),
    ("familiarity", "How well did you know it, 1 to 9 (Enter: no answer)?", False),
    ("liking", "How much did you like it, 1 to 9 (Enter: no answer)?", False),
)


def guide(
    session: SessionControl,
    guided: GuidedCalibration,
    runner: CalibrationRunner,
    ask: Callable[[str], str] | None = None,
) -> bool:
    """Guide a listener through the calibration; return True if it was completed.

    Parameters
    ----------
    session : SessionControl
        Source of the clock and of the electrodes' quality.
    guided : GuidedCalibration
    runner : CalibrationRunner
        Player of the tone.
    ask : callable, optional
        Asks a question and returns the answer; by default on the terminal (standard error, as
        standard output may be for JSON). ``q`` stops; `EOFError` and `KeyboardInterrupt` too.
    """
    console = make_console(stderr=True)
    guided.start(session.snapshot().clock.time)
    shown: tuple[Step, int] | None = None
    try:
        with console.status("") as status:
            while guided.step not in (Step.DONE, Step.STOPPED):
                snapshot = session.snapshot()
                if snapshot.clock.ended:
                    console.print("The EEG stream ended.")
                    guided.stop(snapshot.clock.time)
                    break
                quality = snapshot.affect.estimate.quality if snapshot.affect.estimate else math.nan
                guided.tick(snapshot.clock.time, quality)
                view = guided.view()
                if (view.step, view.clip) != shown:
                    if shown is not None:
                        runner.cue()
                    shown = (view.step, view.clip)
                    console.print(_title(view.step, view.clip, view.n_clips), style="bold")
                    console.print(view.text)
                _show(status, view.seconds_left, quality, view.step)
                if view.step is Step.RATING:
                    status.stop()
                    rating = _ask(console, ask or partial(console.input, markup=False))
                    if rating is None:
                        guided.stop(session.snapshot().clock.time)
                        break
                    guided.rate(session.snapshot().clock.time, rating)
                    status.start()
                time.sleep(_TICK_S)
    except (KeyboardInterrupt, EOFError):
        guided.stop(session.snapshot().clock.time)
    return guided.step is Step.DONE


def _title(step: Step, clip: int, n_clips: int) -> str:
    name = step.value.replace("_", " ").capitalize()
    return f"{name} ({clip} of {n_clips})" if clip else name


def _show(status: Status, seconds_left: float, quality: float, step: Step) -> None:
    """Update the status line."""
    if step is Step.CONTACT:
        share = f"{quality:.0%}" if math.isfinite(quality) else "no"
        status.update(f"{share} of the electrodes are good")
    elif math.isfinite(seconds_left):
        status.update(f"{seconds_left:.0f} s")


def _ask(console: Console, ask: Callable[[str], str]) -> Rating | None:
    """Ask for a self-report until it is valid; None to stop."""
    answers: dict[str, float] = {}
    for name, question, needed in _QUESTIONS:
        while True:
            text = ask(f"{question} ").strip().replace(",", ".")
            if text.casefold() == "q":
                return None
            if not text and not needed:
                break
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if 1 <= value <= 9:
                answers[name] = value
                break
            console.print("Please give a number from 1 to 9 (q stops; you can resume later).")
    return Rating(
        answers["valence"], answers["arousal"], answers.get("familiarity"), answers.get("liking")
    )
