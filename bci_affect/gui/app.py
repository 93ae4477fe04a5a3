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
from bci_affect.storage import atomic_file

if TYPE_CHECKING:
    from bci_affect.gui.services import Services, Started, StartService
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

    from bci_affect.gui.texts import set_translator

    running = QtWidgets.QApplication.instance()
    if running is None:
        QtWidgets.QApplication.setHighDpiScaleFactorRoundingPolicy(
            QtCore.Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
        )
        running = QtWidgets.QApplication(["bci-affect"])
        running.setApplicationName("bci-affect")
        running.setApplicationDisplayName("bci-affect")
        running.setStyle("Fusion")
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
) -> int:
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
    int
        Exit status: 0.

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
    return 0


def run_start(service: StartService, *, theme: str | None = None) -> int:
    """Run the start flow, then show the session until its window is closed.

    Parameters
    ----------
    service : StartService
        Finds streams and starts sessions.
    theme : str, optional
        ``dark`` or ``light``; the last one used by default.

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
    from bci_affect.gui.flows.start import StartWindow
    from bci_affect.gui.window import MainWindow

    start = StartWindow(service, theme)
    windows: list[Any] = []
    errors = OnePlaceForErrors(lambda text: (windows[-1].show_error if windows else show)(text))
    show = start.status.setText
    errors.install()

    def go_over(started: Started) -> None:
        windows.append(MainWindow(started.control, services=started.services, theme=theme))
        windows[-1].show()

    def end() -> None:
        windows[-1].end_and_close() if windows else start.close()

    start.started.connect(go_over)
    try:
        start.show()
        with _ends_on_signals(end):
            app.exec()
    finally:
        errors.remove()
        wait_for_all()  # an abandoned start must not outlive the service
        for window in (start, *windows):
            window.deleteLater()
    return 0


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
