"""Use case of `live` and `demo`: start a session, show it, and end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bci_affect.ending import handling_signals
from bci_affect.errors import BciAffectError
from bci_affect.gui import check_display
from bci_affect.resources import user_home
from bci_affect.safe_text import echo, make_console

if TYPE_CHECKING:
    from bci_affect.gui import Services
    from bci_affect.model import Predictor
    from bci_affect.session import LiveSession, SessionOptions
    from bci_affect.streams import Source


def bring_in_music(folders: Sequence[Path], library: Path | None = None) -> tuple[Path, ...]:
    """Add folders of music to a library before a session; return their absolute paths.

    Raises
    ------
    BciAffectError
        If a folder is absent or the library cannot be written.
    """
    from bci_affect.app.scan import scan_with_progress
    from bci_affect.music import Library

    resolved = tuple(folder.expanduser().resolve() for folder in folders)
    with Library(library) as opened:
        report = scan_with_progress(resolved, opened)
    for path, reason in report.failed:
        echo(f"left out {path}: {reason}", err=True)
    return resolved


def run_session(
    source: Source,
    options: SessionOptions,
    *,
    wait_s: float,
    headless: bool,
    duration_s: float | None,
    screenshot: Path | None,
    after_s: float,
    theme: str | None,
) -> None:
    """Run one session from start to end in the window or the terminal.

    Raises
    ------
    BciAffectError
        If it cannot start, the data path failed, or no estimate was a reading although there was
        time for one; outputs are finished in any case.
    """
    from bci_affect.profiles import hold_profile
    from bci_affect.session import build_session, load_predictor
    from bci_affect.streams import XdfSource

    if not headless:
        check_display()
    if headless and screenshot:
        raise BciAffectError("A picture of the window needs the window: leave --headless away.")
    console = make_console(stderr=True)
    place = "quit"
    with ExitStack() as outer:
        outer.enter_context(hold_profile(options.profile))
        predictor = load_predictor(options.model)
        session = build_session(source, able_to_record(options), predictor)
        outer.enter_context(_stops_on_signals(session))
        stack = outer.enter_context(ExitStack())
        stack.callback(session.stop)
        with console.status("Looking for the EEG stream ..."):
            session.start(wait_s, record=options.record_dir is not None)
        echo(published(options), err=True)
        if isinstance(source, XdfSource) and not headless and duration_s is None:
            source.hold_at_end = True
        if headless:
            from bci_affect.app.dashboard import show

            show(session, duration_s, marks=options.settings.marks)
        else:
            from bci_affect.gui import run_window

            services = window_services(session, options, predictor, stack, source)
            place = run_window(
                session,
                services=replace(services, can_leave=duration_s is None),
                screenshot=screenshot,
                after_s=after_s,
                duration_s=duration_s,
                theme=theme,
            )
    if place != "quit":
        fresh = replace(options, estimates=None, profile="", bring_in=None, library=None)
        run_home(fresh, wait_s, theme, home=place != "session")
    session.raise_failure()
    if missing := session.missing_reading():
        if not missing.too_short:
            raise BciAffectError(missing.text)
        echo(missing.text, err=True)


def published(options: SessionOptions) -> str:
    """Return a sentence on what a session publishes."""
    if not options.publish:
        return "Nothing is published over LSL."
    return (
        "Published over LSL, for every program that can find it: bci_affect.estimate, .embedding "
        "and .events (--no-publish switches it off)."
    )


def run_home(
    options: SessionOptions, wait_s: float, theme: str | None, *, home: bool = True
) -> None:
    """Run the home page in the window, or the start flow without `home`, and their sessions."""
    from bci_affect.app.home import Home
    from bci_affect.gui import run_start

    check_display()
    with Home(options, wait_s) as starter:
        run_start(starter, theme=theme, home=home)


def able_to_record(options: SessionOptions) -> SessionOptions:
    """Add a recording folder for a session of a profile: its calibration must be recorded."""
    if options.record_dir is not None or not options.profile:
        return options
    return replace(options, record_dir=user_home() / "recordings")


def window_services(
    session: LiveSession,
    options: SessionOptions,
    predictor: Predictor,
    stack: ExitStack,
    source: Source | None = None,
    person: str = "",
) -> Services:
    """Return the window's services.

    Parameters
    ----------
    session : LiveSession
    options : SessionOptions
        Options of the session.
    predictor : Predictor
    stack : ExitStack
        Closes the services before the session.
    source : Source, optional
        Source of the session, for the transport of a replay.
    person : str
        Profile to calibrate, where it is not the session's own.
    """
    from bci_affect.app.calibration import CalibrationOptions, CalibrationRunner
    from bci_affect.app.library_editor import LibraryEditor
    from bci_affect.app.library_view import LibraryView
    from bci_affect.app.session_report import SessionReport
    from bci_affect.gui import Services
    from bci_affect.music import Library
    from bci_affect.session import model_path
    from bci_affect.streams import XdfSource

    replay = source if isinstance(source, XdfSource) else None
    runner: CalibrationRunner | None = None
    name = person or options.profile
    if name and replay is None:  # a replay has no listener
        runner = CalibrationRunner(
            session,
            CalibrationOptions(
                profile=name,
                model=model_path(options.model),
                library=options.library,
                within=options.music_dirs,
                device=options.device,
                volume=options.volume,
                seed=options.seed or 0,
            ),
        )
        stack.callback(runner.close)
    music: LibraryView | None = None
    editor: LibraryEditor | None = None
    if options.music:
        editor = LibraryEditor(options.library)
        music = LibraryView(Library(options.library), predictor)
        stack.callback(music.close)
    return Services(
        music=music,
        replay=replay,
        calibration=runner,
        library=editor,
        report=SessionReport(session),
        marks=options.settings.marks,
    )


@contextmanager
def _stops_on_signals(session: LiveSession) -> Iterator[None]:
    """End the session, and thereby finish its files, on a signal to terminate."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        with handling_signals(stop):
            yield
    except KeyboardInterrupt:
        session.stop()
