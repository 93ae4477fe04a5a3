from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bci_affect.gui.app import application
from bci_affect.gui.aside import wait_for_all
from bci_affect.gui.window import MainWindow
from tests.gui.scripted import ScriptedSession


@pytest.fixture(scope="session", autouse=True)
def qapp() -> Any:
    """The one application, made as the program makes it."""
    return application()


@pytest.fixture
def open_window(qapp: Any) -> Iterator[Callable[..., MainWindow]]:
    """Open windows that are closed after the test, without a timer of their own."""
    opened: list[MainWindow] = []

    def make(
        session: ScriptedSession, size: tuple[int, int] = (1280, 720), **kw: Any
    ) -> MainWindow:
        window = MainWindow(session, size=size, **kw)
        window._timer.stop()
        window.show()
        opened.append(window)
        tick(window, session)
        return window

    yield make
    for window in opened:
        window.end_and_close()
        window.deleteLater()
    wait_for_all()  # else a session that ends later closes its window, and quits, in another test
    qapp.processEvents()


def tick(window: MainWindow, session: ScriptedSession, n: int = 12, step_s: float = 0.125) -> None:
    """Let time pass and draw as the window's timer would."""
    from pyqtgraph.Qt import QtWidgets

    for _ in range(n):
        session.advance(step_s)
        window.tick()
        QtWidgets.QApplication.processEvents()


@pytest.fixture
def session() -> ScriptedSession:
    made = ScriptedSession(8)
    made.advance(20)
    return made


def wait_for(true: Callable[[], Any], seconds: float = 60.0) -> bool:
    """Let the window live until something is so; generous, as machines may be slow."""
    from pyqtgraph.Qt import QtTest

    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        QtTest.QTest.qWait(15)
    return bool(true())
