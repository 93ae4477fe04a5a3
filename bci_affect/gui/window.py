"""The main window: panels as docks, one timer that pulls, and the user's commands."""

from __future__ import annotations

import logging
import time
from functools import partial

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.docks import Dock
from bci_affect.gui.pace import Pace
from bci_affect.gui.panels.attention import AttentionPanel
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.panels.nowplaying import NowPlayingPanel
from bci_affect.gui.panels.plane import PlanePanel
from bci_affect.gui.panels.quality import QualityPanel
from bci_affect.gui.panels.topbar import TopBar
from bci_affect.gui.panels.traces import TracePanel
from bci_affect.gui.services import MusicView
from bci_affect.gui.shortcuts import SHORTCUTS
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import THEMES, style_sheet
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.resources import user_home
from bci_affect.session import Message
from bci_affect.session.control import SessionControl

_LOG = logging.getLogger(__name__)
_LAYOUT_VERSION = 1


class MainWindow(QtWidgets.QMainWindow):
    """A live session: what it says on the panels, and what the user wants sent back to it.

    Parameters
    ----------
    control : SessionControl
        The session.
    music : MusicView, optional
        The library as it is drawn.
    theme : str, optional
        ``dark`` or ``light``; else as last time.
    size : tuple of int, optional
        Width and height; else as last time.
    """

    def __init__(
        self,
        control: SessionControl,
        *,
        music: MusicView | None = None,
        theme: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("bci-affect")
        self.settings = QtCore.QSettings(
            str(user_home() / "window.ini"), QtCore.QSettings.Format.IniFormat
        )
        self.vm = ViewModel(control)
        self.control = control
        self.topbar = TopBar(self.vm)
        self.traces = TracePanel(self.vm)
        self.plane = PlanePanel(self.vm)
        self.quality = QualityPanel(self.vm)
        self.attention = AttentionPanel(self.vm)
        self.nowplaying = NowPlayingPanel(self.vm, music)
        self.docks: dict[str, Dock] = {}
        self._closing = False
        self._pace = Pace()
        self._build(size)
        self.apply_theme(theme or str(self.settings.value("theme", "dark")))
        self.vm.message_added.connect(self._show_message)
        self._timer = QtCore.QTimer(self)
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._timer.start(self._pace.interval_ms)

    # --- construction --------------------------------------------------------

    def panels(self) -> list[Panel]:
        """Return all panels, the top bar first."""
        return [self.topbar, *(dock.panel for dock in self.docks.values())]

    def _build(self, size: tuple[int, int] | None) -> None:
        self.setDockOptions(
            QtWidgets.QMainWindow.DockOption.AllowNestedDocks
            | QtWidgets.QMainWindow.DockOption.AllowTabbedDocks
            | QtWidgets.QMainWindow.DockOption.AnimatedDocks
        )
        self.setContentsMargins(5, 5, 5, 5)
        holder = QtWidgets.QToolBar()
        holder.setObjectName("top")
        holder.setMovable(False)
        holder.setStyleSheet("QToolBar { border: none; padding: 0; spacing: 0; }")
        holder.addWidget(self.topbar)
        self.topbar.setSizePolicy(
            QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed
        )
        self.addToolBar(QtCore.Qt.ToolBarArea.TopToolBarArea, holder)
        for panel in (self.traces, self.plane, self.quality, self.attention, self.nowplaying):
            self.docks[panel.key] = Dock(panel)
        self.resize(*(size or (1600, 1000)))
        self.reset_layout()
        for shortcut in SHORTCUTS:
            if hasattr(self, shortcut.action):
                action = QtGui.QAction(tr(shortcut.text), self)
                action.setShortcut(QtGui.QKeySequence(shortcut.keys))
                action.triggered.connect(partial(self._do, shortcut.action))
                self.addAction(action)

    def _do(self, name: str, *_: object) -> None:
        getattr(self, name)()

    def reset_layout(self) -> None:
        """Put all panels back to their places."""
        area = QtCore.Qt.DockWidgetArea
        d = self.docks
        for dock in d.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        side, down = QtCore.Qt.Orientation.Horizontal, QtCore.Qt.Orientation.Vertical
        self.addDockWidget(area.TopDockWidgetArea, d["traces"])
        self.splitDockWidget(d["traces"], d["nowplaying"], down)
        self.splitDockWidget(d["traces"], d["plane"], side)
        self.splitDockWidget(d["plane"], d["quality"], side)
        self.splitDockWidget(d["traces"], d["attention"], down)
        for dock in d.values():
            dock.show()
        width, height = self.width(), self.height()
        self.resizeDocks(
            [d["traces"], d["plane"], d["quality"]],
            [int(width * 0.48), int(width * 0.32), int(width * 0.2)],
            side,
        )
        self.resizeDocks([d["traces"], d["nowplaying"]], [height - 330, 120], down)
        self.resizeDocks(
            [d["traces"], d["attention"]], [int(height * 0.5), int(height * 0.3)], down
        )

    # --- drawing -------------------------------------------------------------

    def tick(self) -> None:
        """Ask the session, and draw the panels whose turn it is and that can be seen."""
        began = time.perf_counter()
        self.vm.tick()
        if self.isVisible() and not self.isMinimized():
            for panel in self.panels():
                if self._pace.due(panel.divisor) and not panel.visibleRegion().isEmpty():
                    panel.refresh()
        interval = self._pace.after_tick(time.perf_counter() - began, time.thread_time())
        if interval != self._timer.interval():
            self._timer.setInterval(interval)

    def apply_theme(self, name: str) -> None:
        """Show everything in the colours of a theme."""
        self.theme = THEMES.get(name, THEMES["dark"])
        self.setStyleSheet(style_sheet(self.theme))
        self.topbar.apply_theme(self.theme)
        for dock in self.docks.values():
            dock.apply_theme(self.theme)
        self.settings.setValue("theme", self.theme.name)

    def toggle_theme(self) -> None:
        """Change between dark and light."""
        self.apply_theme("light" if self.theme.dark else "dark")

    # --- commands ------------------------------------------------------------

    def play_or_pause(self) -> None:
        """Play or pause the music."""
        self.nowplaying.play_or_pause()

    def skip(self) -> None:
        """Change to the next track."""
        self.control.skip()

    def like(self) -> None:
        """Like the playing track, or take it back."""
        self.nowplaying.like()

    def ban(self) -> None:
        """Never play the playing track again."""
        self.nowplaying.ban()

    def traces_larger(self) -> None:
        """Make the EEG rows larger."""
        self.traces.step_scale(1)

    def traces_smaller(self) -> None:
        """Make the EEG rows smaller."""
        self.traces.step_scale(-1)

    def _show_message(self, message: Message) -> None:
        self.statusBar().showMessage(message.text, 8000)

    def show_error(self, text: str) -> None:
        """Show an error once, where it does not cover the session."""
        self.statusBar().showMessage(text, 15000)

    def end_and_close(self) -> None:
        """End the session and close without asking."""
        self._closing = True
        self.close()

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self._timer.stop()
        self.control.stop()
        event.accept()
