"""Places of the panels: they never overlap, at any size, in any arrangement."""

from __future__ import annotations

from collections.abc import Callable

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.layouts import layouts, overlapping
from bci_affect.gui.services import Services
from bci_affect.gui.window import MainWindow
from tests.gui.conftest import tick, wait_for
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedLibrary, ScriptedReplay

Open = Callable[..., MainWindow]
SIZES = (
    *((1024, 640), (1280, 720), (1366, 768), (1600, 900)),
    *((1600, 1000), (1920, 1080), (2560, 1440), (3840, 2160)),
)


def settle(window: MainWindow) -> None:
    """Let Qt place the panels without painting them, and fit them as the window does by itself."""
    place = QtCore.QEvent.Type.LayoutRequest
    for _ in range(2):
        QtWidgets.QApplication.sendPostedEvents(None, place.value)
        window.fit()
    QtWidgets.QApplication.sendPostedEvents(None, place.value)


def test_panels_never_overlap(session: ScriptedSession, open_window: Open) -> None:
    services = Services(music=ScriptedLibrary(), replay=ScriptedReplay())
    window = open_window(session, size=SIZES[0], services=services)
    for size in SIZES:
        for key in layouts():
            window.resize(*size)
            window.arrange(key)
            settle(window)
            assert overlapping(window, window.docks) == [], (size, key)
            if window.docks["diagnostics"].visibleRegion().isEmpty():
                window.toggle_diagnostics()
                settle(window)
                assert overlapping(window, window.docks) == [], (size, key, "diagnostics")
                assert not window.docks["diagnostics"].visibleRegion().isEmpty()


def test_the_arrangement_follows_the_size(session: ScriptedSession, open_window: Open) -> None:
    """By itself after resizing; panels that the user has moved stay where they are."""
    window = open_window(session, size=(1920, 1080))
    settle(window)
    assert not window.tabifiedDockWidgets(window.docks["timeline"])
    window.resize(1024, 640)
    assert wait_for(lambda: bool(window.tabifiedDockWidgets(window.docks["timeline"])), 5)
    window.resize(1920, 1080)
    assert wait_for(lambda: not window.tabifiedDockWidgets(window.docks["timeline"]), 5)
    window.docks["attention"].close()
    window.resize(1366, 768)
    settle(window)
    assert overlapping(window, window.docks) == []


def test_a_layout_of_another_screen_is_made_to_fit(
    session: ScriptedSession, open_window: Open
) -> None:
    large = open_window(session, size=(3840, 2160))
    settle(large)
    large.end_and_close()
    assert wait_for(lambda: not large.isVisible())
    window = MainWindow(session)
    window._timer.stop()
    try:
        window.show()
        window.resize(1024, 640)
        settle(window)
        tick(window, session, 2)
        assert overlapping(window, window.docks) == []
    finally:
        window.end_and_close()
        window.deleteLater()
