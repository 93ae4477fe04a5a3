"""Fixed bars above and below the panels, and the menu."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.gui.layouts import layouts
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.texts import tr

if TYPE_CHECKING:
    from bci_affect.gui.window import MainWindow


def add_bar(window: QtWidgets.QMainWindow, panel: Panel, area: QtCore.Qt.ToolBarArea) -> None:
    """Put a panel into a fixed bar at an edge of the window."""
    holder = QtWidgets.QToolBar(panel.title())
    holder.setObjectName(f"bar-{panel.key}")
    holder.setMovable(False)
    holder.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.PreventContextMenu)
    holder.toggleViewAction().setVisible(False)
    holder.setStyleSheet("QToolBar { border: none; padding: 0; spacing: 0; }")
    policy = QtWidgets.QSizePolicy.Policy
    frame = QtWidgets.QWidget()
    frame.setSizePolicy(policy.Expanding, policy.Fixed)
    inside = QtWidgets.QVBoxLayout(frame)
    top = area == QtCore.Qt.ToolBarArea.TopToolBarArea
    inside.setContentsMargins(0, 0 if top else 5, 0, 5 if top else 0)
    inside.addWidget(panel)
    holder.addWidget(frame)
    window.addToolBar(area, holder)


def add_menu(window: MainWindow, place: QtWidgets.QHBoxLayout) -> QtWidgets.QToolButton:
    """Add the buttons of help and menu; return the menu's."""
    menu = QtWidgets.QMenu(window)
    panels = menu.addMenu(tr("Panels"))
    for dock in window.docks.values():
        panels.addAction(dock.toggleViewAction())
    places = menu.addMenu(tr("Arrangement"))
    for key, (name, _) in layouts().items():
        places.addAction(name, partial(window.arrange, key))
    menu.addSeparator()
    menu.addAction(tr("Dark or light"), window.toggle_theme)
    menu.addAction(tr("Preferences"), window.open_preferences)
    if window.services.calibration is not None:
        menu.addAction(tr("Calibrate"), window.calibrate)
    if window.services.library is not None:
        menu.addAction(tr("Music library"), window.open_library)
    menu.addAction(tr("Shortcuts"), window.help)
    menu.addSeparator()
    menu.addAction(tr("End the session"), window.stop)
    asked, opened = QtWidgets.QToolButton(), QtWidgets.QToolButton()
    asked.setText("?")
    asked.clicked.connect(window.help)
    opened.setMenu(menu)
    opened.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
    for button, tip in ((asked, tr("Shortcuts (?)")), (opened, tr("Menu"))):
        button.setObjectName("flat")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        place.addWidget(button)
    return opened
