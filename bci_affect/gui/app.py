"""Qt application: display check, error dialog, signal handling, and the window's event loop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bci_affect.ending import handling_signals
from bci_affect.errors import BciAffectError
from bci_affect.gui.display import check_display
from bci_affect.gui.texts import set_translator, tr
from bci_affect.storage import atomic_file

if TYPE_CHECKING:
    from bci_affect.gui.services import HomeService, Services, Started
    from bci_affect.session import SessionControl

logger = logging.getLogger(__name__)
_kept: list[Any] = []
"""Application of this process; windows and timers must not outlive it."""


def application() -> Any:
    """Return the one QApplication, made on first call.

    Raises
    ------
    BciAffectError
        If there is no screen, or Qt's libraries are missing.
    """
    check_display()
    try:
        from pyqtgraph.Qt import QtCore, QtWidgets
    except ImportError as error:
        raise BciAffectError(
            f"The window cannot open because Qt does not load ({error}); run `bci-affect doctor`."
        ) from None
    import pyqtgraph

    from bci_affect.gui.icons import app_icon

    running = QtWidgets.QApplication.instance()
    if running is None:
        QtWidgets.QApplication.setHighDpiScaleFactorRoundingPolicy(
            QtCore.Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
        )
        running = QtWidgets.QApplication(["bci-affect"])
        running.setApplicationName("bci-affect")
        running.setApplicationDisplayName("bci-affect")
        running.setDesktopFileName("bci-affect")
        running.setStyle("Fusion")
        running.setWindowIcon(app_icon())
        _kept.append(running)
    pyqtgraph.setConfigOptions(antialias=False, useOpenGL=False, imageAxisOrder="row-major")
    set_translator(lambda text: QtCore.QCoreApplication.translate("bci_affect", text))
    return running


class OnePlaceForErrors:
    """Handler of exceptions in slots: logs each with its trace and shows it once.

    PyQt6 ends the process on an exception in a slot unless `sys.excepthook` is set.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._shown: set[str] = set()
        self._before = sys.excepthook

    def install(self) -> None:
        """Install the handler."""
        sys.excepthook = self

    def remove(self) -> None:
        """Restore the previous handler."""
        sys.excepthook = self._before

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BciAffectError):
            text = str(error)
            logger.warning("%s", text)
        else:
            what = f"{kind.__name__}: {error}"
            text = f"Something went wrong in the window ({what}); the session continues."
            logger.error("Exception in the window", exc_info=(kind, error, trace))
        if text not in self._shown:
            self._shown.add(text)
            self._show(text)


_LOOK_MS = 200


@contextmanager
def _ends_on_signals(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` in the window's thread at Ctrl-C, SIGTERM and SIGHUP, as if the user closed it.

    An exception raised by a signal handler would surface in the slot that happens to run.
    """
    from pyqtgraph.Qt import QtCore

    def asked(*_: object) -> None:
        QtCore.QTimer.singleShot(0, end)

    awake = QtCore.QTimer()  # Python runs signal handlers between its own instructions only
    awake.timeout.connect(lambda: None)
    awake.start(_LOOK_MS)
    try:
        with handling_signals(asked):
            yield
    finally:
        awake.stop()


def run_window(
    control: SessionControl,
    *,
    services: Services | None = None,
    screenshot: Path | None = None,
    after_s: float = 0.0,
    duration_s: float | None = None,
    theme: str | None = None,
    size: tuple[int, int] | None = None,
    calibrate: bool = False,
) -> str:
    """Show a session in a window until it is closed.

    Parameters
    ----------
    control : SessionControl
        The session; it continues while the window is frozen, and ends when the window is closed.
    services : Services, optional
        Covers and the map of the library, reports, and other services that flows need.
    screenshot : Path, optional
        Save a picture of the window here, `after_s` seconds after it opened, or as it closes where
        that is before.
    after_s : float
        See `screenshot`.
    duration_s : float, optional
        End the session and close after this many seconds.
    theme : str, optional
        ``dark`` or ``light``; the last one used by default.
    size : tuple of int, optional
        Width and height; the last size used by default.
    calibrate : bool
        Open the guided calibration at once (needs `Services.calibration`).

    Returns
    -------
    str
        Place to go to next: ``quit``, ``session``, ``home`` or ``profiles``.

    Raises
    ------
    BciAffectError
        If there is no screen, or the picture cannot be written.
    """
    app = application()
    from pyqtgraph.Qt import QtCore

    from bci_affect.gui.aside import wait_for_all
    from bci_affect.gui.window import MainWindow

    window = MainWindow(control, services=services, theme=theme, size=size)
    gone_to: list[str] = []

    def leave(place: str) -> None:
        gone_to.append(place)
        app.quit()

    window.left.connect(leave)
    errors = OnePlaceForErrors(window.show_error)
    errors.install()
    failed: list[BciAffectError] = []
    wanted = screenshot

    def take_picture() -> None:
        nonlocal wanted
        if wanted is not None:
            path, wanted = wanted, None
            try:
                save_picture(window, path)
            except BciAffectError as error:
                failed.append(error)
                window.end_and_close()

    if screenshot is not None:
        QtCore.QTimer.singleShot(max(0, round(after_s * 1000)), take_picture)
    if duration_s is not None:
        QtCore.QTimer.singleShot(max(0, round(duration_s * 1000)), window.end_and_close)
    try:
        window.show()
        if calibrate:
            QtCore.QTimer.singleShot(0, window.calibrate)
        with _ends_on_signals(window.end_and_close):
            app.exec()
        take_picture()
    finally:
        errors.remove()
        window.deleteLater()
        wait_for_all()
    if failed:
        raise failed[0]
    return gone_to[-1] if gone_to else "quit"


class _Windows:
    """Sequence of the program's windows: home page, start, session, and back.

    Parameters
    ----------
    service : HomeService
    theme : str or None
    home : bool
        Begin at the home page, to which cancelled starts return; otherwise at the start flow.
    """

    def __init__(self, service: HomeService, theme: str | None, *, home: bool) -> None:
        from pyqtgraph.Qt import QtWidgets

        self._service, self._theme, self._home = service, theme, home
        self._quit = QtWidgets.QApplication.quit
        self._window: Any = None
        self._old: list[Any] = []
        self.show_home() if home else self.show_start()

    def _show(self, window: Any) -> None:
        """Show a window in place of the present one."""
        before, self._window = self._window, window
        window.show()
        if before is not None:
            self._old.append(before)
            before.hide()
        window.raise_()
        window.activateWindow()

    def show_home(self, place: str = "start") -> None:
        """Show a page of the home page."""
        from bci_affect.gui.flows.home import HomeWindow

        self._home = True
        window = HomeWindow(self._service, self._theme)
        window.session_asked.connect(self.show_start)
        window.calibration_asked.connect(lambda name: self.show_start(name, calibrate=True))
        window.recording_asked.connect(self._replay)
        window.quit_asked.connect(lambda: self._quit() if window is self._window else None)
        window.show_place(place)
        self._show(window)

    def show_start(self, profile: str = "", *, calibrate: bool = False) -> None:
        """Show the start flow, for a session or a calibration."""
        from bci_affect.gui.flows.start import StartWindow

        window = StartWindow(self._service, self._theme, profile=profile, calibrate=calibrate)
        window.started.connect(lambda started: self._show_session(started, calibrate=calibrate))
        window.left.connect(lambda: self._leave("home" if self._home else "quit", window))
        self._show(window)

    def _show_session(self, started: Started, *, calibrate: bool = False) -> None:
        from bci_affect.gui.window import MainWindow

        window = MainWindow(started.control, services=started.services, theme=self._theme)
        window.left.connect(lambda place: self._leave(place, window, window.person_after))
        self._show(window)
        if calibrate:
            window.calibrate()

    def _replay(self, path: Path) -> None:
        home = self._window
        home.setEnabled(False)

        def failed(error: Exception) -> None:
            home.setEnabled(True)
            home.status.setText(str(error))
            if not isinstance(error, BciAffectError):
                raise error

        from bci_affect.gui.aside import run_aside

        home.status.setText(tr("Opening {name}", name=path.name))
        run_aside(
            home,
            lambda: self._service.open_recording(path, lambda text: None),
            self._show_session,
            failed,
        )

    def _leave(self, place: str, window: Any, person: str = "") -> None:
        """Go to a place after a window has closed, unless another one is shown already."""
        if window is not self._window:
            return
        if place == "session":
            self.show_start(person)
        elif place in ("home", "profiles"):
            self.show_home("profiles" if place == "profiles" else "start")
        else:
            self._quit()

    def show_error(self, text: str) -> None:
        """Show an error in the present window."""
        show = getattr(self._window, "show_error", None)
        show(text) if show is not None else self._window.status.setText(text)

    def end(self) -> None:
        """End the session, if one is shown, and quit."""
        end = getattr(self._window, "end_and_close", None)
        if end is not None:
            self._window.place_after = "quit"
            end()
        else:
            self._home = False
            self._window.close()

    def delete(self) -> None:
        """Delete all windows."""
        for window in (*self._old, self._window):
            window.deleteLater()


def run_start(service: HomeService, *, theme: str | None = None, home: bool = False) -> int:
    """Run the home page or the start flow, and the sessions that follow, until the user quits.

    Parameters
    ----------
    service : HomeService
        Finds streams, starts sessions, and lists profiles and recordings.
    theme : str, optional
        ``dark`` or ``light``; the last one used by default.
    home : bool
        Begin at the home page instead of the start flow.

    Returns
    -------
    int
        Exit status: 0, also if the user leaves before a session has started.

    Raises
    ------
    BciAffectError
        If there is no screen.
    """
    app = application()
    from bci_affect.gui.aside import wait_for_all

    kept = app.quitOnLastWindowClosed()
    app.setQuitOnLastWindowClosed(False)  # between two windows none is shown
    windows = _Windows(service, theme, home=home)
    errors = OnePlaceForErrors(windows.show_error)
    errors.install()
    try:
        with _ends_on_signals(windows.end):
            app.exec()
    finally:
        errors.remove()
        app.setQuitOnLastWindowClosed(kept)
        wait_for_all()  # an abandoned start must not outlive the service
        windows.delete()
    return 0


def ask_consent(person: str) -> bool:
    """Show the notice in a dialog; return True if the person agrees.

    Raises
    ------
    BciAffectError
        If there is no screen.
    """
    application()
    from bci_affect.gui.flows.start import NoticeDialog

    return bool(NoticeDialog(person).exec())


def save_picture(window: Any, path: Path) -> None:
    """Save a picture of the window as PNG.

    Raises
    ------
    BciAffectError
        If the file cannot be written.
    """
    with atomic_file(path) as partial:
        if not window.grab().save(str(partial), "PNG"):
            raise BciAffectError(
                f"Cannot write the picture {path}; choose a folder that you may write."
            )
