"""Arrangements of the panels, as functions of the docks and the size of the window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.docks import Dock
from bci_affect.gui.texts import tr

Docks = dict[str, Dock]
_TOP = QtCore.Qt.DockWidgetArea.TopDockWidgetArea
_ACROSS = QtCore.Qt.Orientation.Horizontal
_DOWN = QtCore.Qt.Orientation.Vertical
WIDE_FROM = (1280, 880)
"""Least size at which all panels fit side by side; below it some share a place as tabs."""


def is_wide(window: QtWidgets.QMainWindow) -> bool:
    """Return True if all panels fit side by side."""
    return bool(window.width() >= WIDE_FROM[0] and window.height() >= WIDE_FROM[1])


def overlapping(window: QtWidgets.QMainWindow, docks: Docks) -> list[tuple[str, str]]:
    """Return the pairs of panels that overlap, and panels that leave the window, by their keys."""
    shown = {
        key: dock.geometry()
        for key, dock in docks.items()
        if not dock.isFloating() and not dock.visibleRegion().isEmpty()
    }
    found = [(a, b) for a, b in combinations(shown, 2) if _overlap(shown[a], shown[b])]
    found += [(key, "window") for key, box in shown.items() if not window.rect().contains(box)]
    for bar in window.findChildren(QtWidgets.QToolBar):
        box = bar.geometry()
        found += [(key, bar.objectName()) for key, one in shown.items() if _overlap(one, box)]
    return found


def _overlap(one: QtCore.QRect, other: QtCore.QRect) -> bool:
    common = one.intersected(other)
    return bool(common.width() > 1 and common.height() > 1)


def topology(window: QtWidgets.QMainWindow, docks: Docks) -> tuple[object, ...]:
    """Return the places of all panels without their sizes, to detect a move by the user."""
    names = {dock: key for key, dock in docks.items()}
    return tuple(
        (
            *(key, dock.isHidden() and not window.tabifiedDockWidgets(dock), dock.isFloating()),
            window.dockWidgetArea(dock),
            frozenset(names[other] for other in window.tabifiedDockWidgets(dock)),
        )
        for key, dock in docks.items()
    )


def add_diagnostics(window: QtWidgets.QMainWindow, docks: Docks) -> None:
    """Show the diagnostics as a tab of the signal quality, or at the right where it is hidden."""
    dock, quality = docks["diagnostics"], docks["quality"]
    if window.dockWidgetArea(dock) == QtCore.Qt.DockWidgetArea.NoDockWidgetArea:
        if quality.isHidden() and not window.tabifiedDockWidgets(quality):
            window.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, dock)
        else:
            window.tabifyDockWidget(quality, dock)
    dock.show()
    dock.raise_()


def _clear(window: QtWidgets.QMainWindow, docks: Docks) -> None:
    for dock in docks.values():
        dock.setFloating(False)
        window.removeDockWidget(dock)


def _tabs(window: QtWidgets.QMainWindow, docks: Docks, *keys: str) -> None:
    for key in keys[1:]:
        window.tabifyDockWidget(docks[keys[0]], docks[key])
    for key in keys:
        docks[key].show()
    docks[keys[0]].raise_()


def everything(window: QtWidgets.QMainWindow, d: Docks) -> None:
    """All panels; on small screens some share a place as tabs."""
    _clear(window, d)
    window.addDockWidget(_TOP, d["traces"])
    window.splitDockWidget(d["traces"], d["nowplaying"], _DOWN)
    wide = is_wide(window)
    if wide:
        window.splitDockWidget(d["traces"], d["timeline"], _DOWN)
    window.splitDockWidget(d["traces"], d["plane"], _ACROSS)
    window.splitDockWidget(d["plane"], d["quality"], _ACROSS)
    window.splitDockWidget(d["traces"], d["attention"], _DOWN)
    if wide:
        window.splitDockWidget(d["plane"], d["embedding"], _DOWN)
        _tabs(window, d, "embedding", "bands", "report")
        window.splitDockWidget(d["quality"], d["queue"], _DOWN)
        _show(d, "traces", "plane", "quality", "attention", "timeline", "nowplaying", "queue")
    else:
        _tabs(window, d, "attention", "timeline", "bands")
        _tabs(window, d, "plane", "embedding", "report")
        _tabs(window, d, "quality", "queue")
        _show(d, "traces", "nowplaying")
    width, height = window.width(), window.height()
    across = [int(width * 0.47), int(width * 0.32), int(width * 0.21)]
    window.resizeDocks([d["traces"], d["plane"], d["quality"]], across, _ACROSS)
    if wide:
        room = height - 90
        upper = room - 128 - 150
        window.resizeDocks(
            [d["traces"], d["attention"], d["timeline"], d["nowplaying"]],
            [int(upper * 0.6), int(upper * 0.4), 150, 128],
            _DOWN,
        )
        window.resizeDocks(
            [d["plane"], d["embedding"]], [int(upper * 0.68), int(upper * 0.32)], _DOWN
        )
        window.resizeDocks([d["quality"], d["queue"]], [int(upper * 0.6), int(upper * 0.4)], _DOWN)
    else:
        room = height - 90 - 120
        sizes = [int(room * 0.56), int(room * 0.44), 120]
        window.resizeDocks([d["traces"], d["attention"], d["nowplaying"]], sizes, _DOWN)


def listener(window: QtWidgets.QMainWindow, d: Docks) -> None:
    """Arrange the listener's panels: the plane, the map, the playing track and the queue."""
    _clear(window, d)
    window.addDockWidget(_TOP, d["plane"])
    window.splitDockWidget(d["plane"], d["nowplaying"], _DOWN)
    window.splitDockWidget(d["plane"], d["embedding"], _ACROSS)
    window.splitDockWidget(d["embedding"], d["queue"], _ACROSS)
    _tabs(window, d, "queue", "report", "quality")
    _show(d, "plane", "nowplaying", "embedding")
    width, height = window.width(), window.height()
    parts = [int(width * share) for share in (0.42, 0.32, 0.26)]
    window.resizeDocks([d["plane"], d["embedding"], d["queue"]], parts, _ACROSS)
    window.resizeDocks([d["plane"], d["nowplaying"]], [height - 220, 130], _DOWN)


def scientist(window: QtWidgets.QMainWindow, d: Docks) -> None:
    """Arrange the experimenter's panels: traces, attention, timeline, and diagnostics."""
    _clear(window, d)
    window.addDockWidget(_TOP, d["traces"])
    window.splitDockWidget(d["traces"], d["timeline"], _DOWN)
    window.splitDockWidget(d["traces"], d["attention"], _ACROSS)
    window.splitDockWidget(d["attention"], d["quality"], _ACROSS)
    window.splitDockWidget(d["attention"], d["bands"], _DOWN)
    if is_wide(window):
        window.splitDockWidget(d["quality"], d["diagnostics"], _DOWN)
        _tabs(window, d, "diagnostics", "plane")
    else:
        _tabs(window, d, "quality", "diagnostics", "plane")
    _show(d, "traces", "timeline", "attention", "quality", "bands")
    width, height = window.width(), window.height()
    wide = is_wide(window)
    if wide:  # on a small screen there is no room; the Panels menu shows it
        window.splitDockWidget(d["timeline"], d["nowplaying"], _DOWN)
        _show(d, "nowplaying")
        height -= 128
    parts = [int(width * share) for share in (0.43, 0.31, 0.26)]
    window.resizeDocks([d["traces"], d["attention"], d["quality"]], parts, _ACROSS)
    low = 200 if wide else 160
    upper = height - 90 - low
    window.resizeDocks([d["traces"], d["timeline"]], [upper, low], _DOWN)
    window.resizeDocks([d["attention"], d["bands"]], [int(upper * 0.6), int(upper * 0.4)], _DOWN)
    window.resizeDocks(
        [d["quality"], d["diagnostics"]], [int(upper * 0.45), int(upper * 0.55)], _DOWN
    )


def _show(d: Docks, *keys: str) -> None:
    for key in keys:
        d[key].show()


Arrange = Callable[[QtWidgets.QMainWindow, Docks], None]


def layouts() -> dict[str, tuple[str, Arrange]]:
    """Return all arrangements: key in the settings, name for the user, function."""
    return {
        "everything": (tr("Everything"), everything),
        "listener": (tr("Listener"), listener),
        "scientist": (tr("Scientist"), scientist),
    }
