"""Use case of a guided calibration: stream, library, player, screen, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bci_affect.errors import BciAffectError
from bci_affect.safe_text import make_console

if TYPE_CHECKING:
    from bci_affect.app.calibration import CalibrationRunner
    from bci_affect.session import LiveSession


@dataclass(frozen=True)
class GuidedOptions:
    """Options of a guided calibration; see the command's help."""

    profile: str
    model: Path | None = None
    stream: str | None = None
    source_id: str | None = None
    type: str = "EEG"
    wait_s: float = 30.0
    clips: int = 12
    seconds: float = 30.0
    rest: bool = True
    resume: bool = False
    earlier: bool = True
    record: Path | None = None
    headless: bool = False
    audio: str = ""
    volume: float = 0.5
    report: Path | None = None
    permutations: int = 999
    seed: int = 0


def run_guided(options: GuidedOptions) -> dict[str, Any] | None:
    """Run a guided calibration on a live stream.

    Returns
    -------
    dict or None
        Result as plain JSON; None if the listener stopped (it can be resumed).

    Raises
    ------
    BciAffectError
        If there is no stream, no screen, too little music, or nothing to calibrate; if
        another session holds the profile.
    """
    from bci_affect.profiles import hold_profile

    with hold_profile(options.profile):
        return _run(options)


def _run(options: GuidedOptions) -> dict[str, Any] | None:
    from bci_affect.app.calibration import CalibrationOptions, CalibrationRunner, progress_path
    from bci_affect.gui import check_display
    from bci_affect.music import Library
    from bci_affect.profiles import ProfileStore
    from bci_affect.resources import user_home
    from bci_affect.session import SessionOptions, Timing, build_session, choose_clips, model_path
    from bci_affect.streams import LslSource

    if not options.headless:
        check_display()
    unfinished = progress_path(options.profile).exists()
    if options.resume and not unfinished:
        raise BciAffectError(f"There is no unfinished calibration of '{options.profile}'.")
    if unfinished and options.headless and not options.resume:
        raise BciAffectError(
            f"A calibration of '{options.profile}' was stopped; add --resume to continue it, or "
            f"remove {progress_path(options.profile)} to start again."
        )
    if not options.resume:  # fails now, not after the contact check, if there is too little music
        with Library() as library:
            tracks = library.tracks(include_banned=False)
        choose_clips(tracks, options.clips, seed=options.seed, seconds=options.seconds)
    with ProfileStore() as store:
        if options.profile.casefold() not in {name.casefold() for name in store.names()}:
            store.create(options.profile)
    session = build_session(
        LslSource(name=options.stream, type=options.type, source_id=options.source_id),
        SessionOptions(
            model=options.model,
            music=False,
            policy="manual",
            record_dir=options.record or user_home() / "recordings",
            participant=options.profile,
            profile="",  # no estimate is shown, and an earlier head must not influence it
        ),
    )
    console = make_console(stderr=True)
    runner = CalibrationRunner(
        session,
        CalibrationOptions(
            profile=options.profile,
            model=model_path(options.model),
            device=options.audio,
            volume=options.volume,
            seed=options.seed,
            timing=None if options.rest else Timing(0.0, 0.0, 0.0),
            earlier=options.earlier,
            report=options.report,
            permutations=options.permutations,
            n_clips=options.clips,
            seconds=options.seconds,
        ),
    )
    try:
        with console.status("Looking for the EEG stream ..."):
            session.start(options.wait_s)
        if options.headless:
            _in_terminal(session, runner, options, console)
        else:
            from bci_affect.gui import Services, run_window

            run_window(
                session,
                services=Services(calibration=runner),
                calibrate=True,
            )
    finally:
        runner.close()
        session.stop()
    return runner.document


def _in_terminal(
    session: LiveSession, runner: CalibrationRunner, options: GuidedOptions, console: Console
) -> None:
    from bci_affect.app.guided_terminal import guide

    guided = runner.resume() if options.resume else runner.begin(options.clips, options.seconds)
    if guide(session, guided, runner):
        with console.status("Evaluating; this takes a minute ..."):
            try:
                runner.evaluate(guided)
            except BciAffectError as error:
                raise BciAffectError(
                    f"{error} What was rated is kept: the same command with --resume plays a few "
                    "more clips."
                ) from None
