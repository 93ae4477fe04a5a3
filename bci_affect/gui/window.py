"""Main window: panels as docks, one timer that pulls snapshots, and the user's commands."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.gui.aside import run_aside
from bci_affect.gui.chrome import add_bar, add_menu
from bci_affect.gui.docks import Dock
from bci_affect.gui.flows.calibration import CalibrationWindow
from bci_affect.gui.flows.ending import EndPage, may_calibrate, may_end
from bci_affect.gui.flows.library import LibraryDialog
from bci_affect.gui.flows.preferences import Preferences, PreferencesDialog
from bci_affect.gui.help import HelpDialog
from bci_affect.gui.icons import icon
from bci_affect.gui.layouts import add_diagnostics, is_wide, layouts, overlapping, topology
from bci_affect.gui.pace import FramePacer
from bci_affect.gui.panels.attention import AttentionPanel
from bci_affect.gui.panels.bands import BandsPanel
from bci_affect.gui.panels.base import Panel
from bci_affect.gui.panels.diagnostics import DiagnosticsPanel
from bci_affect.gui.panels.embedding import EmbeddingPanel
from bci_affect.gui.panels.nowplaying import NowPlayingPanel
from bci_affect.gui.panels.plane import PlanePanel
from bci_affect.gui.panels.quality import QualityPanel
from bci_affect.gui.panels.queue import QueuePanel
from bci_affect.gui.panels.report import ReportPanel
from bci_affect.gui.panels.scanstrip import ScanStrip
from bci_affect.gui.panels.sessionbar import SessionBar
from bci_affect.gui.panels.timeline import TimelinePanel
from bci_affect.gui.panels.topbar import TopBar
from bci_affect.gui.panels.traces import TracePanel
from bci_affect.gui.panels.transport import TransportBar
from bci_affect.gui.services import Services
from bci_affect.gui.shortcuts import SESSION_ACTIONS, SHORTCUTS
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import THEMES, style_sheet
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.resources import user_home
from bci_affect.safe_text import plain_text
from bci_affect.session import Message, SessionControl, SessionSnapshot

logger = logging.getLogger(__name__)
_STATE_VERSION = 3
_SMALLEST = (1024, 640)
_MESSAGE_S = 12.0
_FIT_MS = 150
"""Delay after a change of the size before the panels are arranged for it."""


class MainWindow(QtWidgets.QMainWindow):
    """Window of a live session: draws its state on the panels and sends commands to it.

    Parameters
    ----------
    control : SessionControl
        The session.
    services : Services, optional
        Services beyond the session; controls of missing services are hidden.
    theme : str, optional
        ``dark`` or ``light``; the last one used by default.
    size : tuple of int, optional
        Width and height, with the default arrangement; the last layout by default.

    Notes
    -----
    `left` is emitted when the window has closed, with the place to go to: ``quit``, ``home``,
    ``profiles``, or ``session`` (of the person `person_after`).
    """

    left = QtCore.Signal(str)

    def __init__(
        self,
        control: SessionControl,
        *,
        services: Services | None = None,
        theme: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("bci-affect")
        self.settings = QtCore.QSettings(
            str(user_home() / "window.ini"), QtCore.QSettings.Format.IniFormat
        )
        self.preferences = Preferences.load(self.settings)
        self.services = services or Services()
        self.control = control
        self.vm = ViewModel(control)
        self.vm.hide_reasons = self.preferences.hide_reasons
        self.pace = FramePacer()
        self._stopping = self._stopped = False
        self._seen: set[Panel] = set()
        self._report_due = 0.0
        self.calibration: CalibrationWindow | None = None
        self.end_page: EndPage | None = None
        self._arranged: tuple[str, bool, tuple[object, ...]] = ("everything", True, ())
        self._fitting = QtCore.QTimer(self)
        self._fitting.setSingleShot(True)
        self._fitting.setInterval(_FIT_MS)
        self._fitting.timeout.connect(self.fit)
        self.place_after, self.person_after = "quit", ""
        self._make_panels()
        self._build(size)
        self.apply_theme(theme or self.preferences.theme)
        self.vm.message_added.connect(self._show_message)
        self.vm.ended.connect(self._show_end)
        self._timer = QtCore.QTimer(self)
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw_or_hold)
        self._timer.start()

    # --- construction -------------------------------------------------------------------------

    def _make_panels(self) -> None:
        vm, music = self.vm, self.services.music
        self.topbar = TopBar(vm, self.services.replay, self.services.headset)
        self.sessionbar = SessionBar(vm)
        replay = self.services.replay
        self.transport = TransportBar(vm, replay) if replay is not None else None
        scan = self.services.scan
        self.scan_strip = ScanStrip(vm, scan) if scan is not None else None
        self.traces = TracePanel(vm)
        self.plane = PlanePanel(vm, music)
        self.quality = QualityPanel(vm)
        self.attention = AttentionPanel(vm)
        self.timeline = TimelinePanel(vm)
        self.bands = BandsPanel(vm)
        self.nowplaying = NowPlayingPanel(vm, music)
        self.queue = QueuePanel(vm)
        self.embedding = EmbeddingPanel(vm, music)
        self.report = ReportPanel(vm, manikins=self.preferences.manikins)
        self.diagnostics = DiagnosticsPanel(vm, self.pace)
        docked = (
            *(self.traces, self.plane, self.quality, self.attention, self.timeline, self.bands),
            *(self.nowplaying, self.queue, self.embedding, self.report, self.diagnostics),
        )
        self.docks: dict[str, Dock] = {panel.key: Dock(panel) for panel in docked}
        self.bars: tuple[Panel, ...] = (self.topbar, self.sessionbar)
        if self.transport is not None:
            self.bars = (*self.bars, self.transport)
        if self.scan_strip is not None:
            self.bars = (*self.bars, self.scan_strip)
        self.panels: tuple[Panel, ...] = (*self.bars, *docked)
        self.sessionbar.rate_asked.connect(self.rate)
        self.sessionbar.end_asked.connect(self._end_or_summary)
        self.sessionbar.folder_asked.connect(self._choose_record_folder)
        self.report.sent.connect(self._schedule_report)
        self.plane.calibrate_asked.connect(self.calibrate)
        self.nowplaying.target_asked.connect(self._ask_target)

    def _build(self, size: tuple[int, int] | None) -> None:
        options = QtWidgets.QMainWindow.DockOption
        self.setDockOptions(options.AllowNestedDocks | options.AllowTabbedDocks)
        self.setTabPosition(
            QtCore.Qt.DockWidgetArea.AllDockWidgetAreas, QtWidgets.QTabWidget.TabPosition.South
        )
        self.setContentsMargins(5, 5, 5, 5)
        self.setMinimumSize(*_SMALLEST)
        areas = QtCore.Qt.ToolBarArea
        add_bar(self, self.topbar, areas.TopToolBarArea)
        if self.transport is not None:
            add_bar(self, self.transport, areas.BottomToolBarArea)
            self.addToolBarBreak(areas.BottomToolBarArea)
        if self.scan_strip is not None:
            add_bar(self, self.scan_strip, areas.BottomToolBarArea)
            self.addToolBarBreak(areas.BottomToolBarArea)
        add_bar(self, self.sessionbar, areas.BottomToolBarArea)
        self._menu_button = add_menu(self, self.topbar.corner)
        for shortcut in SHORTCUTS:
            keys = shortcut.keys.split(" / ")
            for same in [[key] for key in keys] if shortcut.with_key else [keys]:
                action = QtGui.QAction(tr(shortcut.text), self)
                action.setShortcuts([QtGui.QKeySequence(key) for key in same])
                given = same if shortcut.with_key else ()
                action.triggered.connect(partial(self._do, shortcut.action, given))
                self.addAction(action)
        for button in self.findChildren(QtWidgets.QAbstractButton):
            if button.focusPolicy() != QtCore.Qt.FocusPolicy.NoFocus:
                # Focus by Tab only: a clicked button must not take Space from the music.
                button.setFocusPolicy(QtCore.Qt.FocusPolicy.TabFocus)
        self._settle(size)
        self.setFocus()

    def _settle(self, size: tuple[int, int] | None) -> None:
        """Apply the given size and arrangement, or restore the last ones."""
        if size is not None:
            self.resize(*size)
            self.reset_layout()
            return
        screen = self.screen().availableSize() if self.screen() else QtCore.QSize(1600, 1000)
        self.resize(min(1600, screen.width()), min(1000, screen.height()))
        geometry, state = self.settings.value("geometry"), self.settings.value("state")
        if geometry is not None:
            self.restoreGeometry(geometry)
        self.reset_layout()
        if state is not None:
            self.restoreState(state, _STATE_VERSION)

    def _do(self, name: str, given: Sequence[str], *_: object) -> None:
        if self.vm.snapshot.clock.ended and name in SESSION_ACTIONS:
            self.sessionbar.notify("info", tr("The session has ended; Summary shows what next"))
            return
        getattr(self, name)(*given)

    # --- places -------------------------------------------------------------------------------

    def arrange(self, key: str) -> None:
        """Put the panels into one of the arrangements."""
        layouts()[key][1](self, self.docks)
        if self.services.music is None and self.vm.snapshot.music is None:
            for name in ("nowplaying", "queue", "embedding"):
                self.docks[name].close()  # this session has no music
        self.settings.setValue("arrangement", key)
        self._arranged = (key, is_wide(self), topology(self, self.docks))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fitting.start()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        self._fitting.start()

    def fit(self) -> None:
        """Arrange the panels for the present size, if they overlap or were never moved by hand."""
        if not self.isVisible() or self.isMinimized():
            return
        key, wide, places = self._arranged
        moved = places != topology(self, self.docks)
        if (wide is not is_wide(self) and not moved) or overlapping(self, self.docks):
            diagnostics = not self.docks["diagnostics"].visibleRegion().isEmpty()
            self.arrange(key)
            if diagnostics:
                add_diagnostics(self, self.docks)

    def reset_layout(self) -> None:
        """Restore the default arrangement."""
        key = str(self.settings.value("arrangement", "everything"))
        self.arrange(key if key in layouts() else "everything")

    def toggle_diagnostics(self) -> None:
        """Open or close the diagnostics drawer at the right."""
        dock = self.docks["diagnostics"]
        if not dock.visibleRegion().isEmpty():
            dock.close()
        else:
            add_diagnostics(self, self.docks)

    def toggle_full_screen(self) -> None:
        """Change between full screen and window."""
        self.setWindowState(self.windowState() ^ QtCore.Qt.WindowState.WindowFullScreen)

    # --- drawing ------------------------------------------------------------------------------

    def _draw_or_hold(self) -> None:
        """Draw, unless the session is about to compute, and set the timer for the next frame."""
        rest_s = self.pace.hold_s(self.control.due_in_s())
        if not rest_s:
            self.tick()
            rest_s = self.pace.until_next_s()
        self._timer.start(round(rest_s * 1000))

    def tick(self) -> None:
        """Poll a snapshot and draw the visible panels that are due."""
        began = time.perf_counter()
        self.vm.tick()
        if self.isVisible() and not self.isMinimized():
            seen = {panel for panel in self.panels if not panel.visibleRegion().isEmpty()}
            for panel in self.panels:
                fresh = panel not in self._seen  # just became visible: drawn at once
                if panel in seen and (fresh or self.pace.due(panel.divisor)):
                    panel.refresh()
            self._seen = seen
        self._show_title()
        self._prompt_report()
        if self.calibration is not None:
            self.calibration.tick()
        self.pace.after_tick(time.perf_counter() - began, time.thread_time())

    def _show_title(self) -> None:
        """Show stream and recording in the title of the window, which the task bar shows."""
        parts = ["bci-affect"]
        if self.vm.info is not None:
            parts.insert(0, plain_text(self.vm.info.name))
        if self.sessionbar.recording:
            parts.insert(0, tr("● REC"))
        title = " - ".join(parts)
        if title != self.windowTitle():
            self.setWindowTitle(title)

    def apply_theme(self, name: str) -> None:
        """Apply the colours of a theme."""
        self.theme = THEMES.get(name, THEMES["dark"])
        self.setStyleSheet(style_sheet(self.theme))
        for panel in self.bars:
            panel.apply_theme(self.theme)
        for dock in self.docks.values():
            dock.apply_theme(self.theme)
        self._menu_button.setIcon(icon("menu", self.theme.text))

    def toggle_theme(self) -> None:
        """Change between dark and light."""
        self.use_preferences(self.preferences.with_theme("light" if self.theme.dark else "dark"))

    # --- commands -----------------------------------------------------------------------------

    def play_or_pause(self) -> None:
        """Play or pause the music."""
        self.nowplaying.play_or_pause()

    def skip(self) -> None:
        """Change to the next track."""
        self.nowplaying.skip()

    def like(self) -> None:
        """Like the playing track, or take it back."""
        self.nowplaying.like()

    def ban(self) -> None:
        """Ban the playing track."""
        self.nowplaying.ban()

    def traces_larger(self) -> None:
        """Make the EEG rows larger."""
        self.traces.step_scale(1)

    def traces_smaller(self) -> None:
        """Make the EEG rows smaller."""
        self.traces.step_scale(-1)

    def mark(self) -> None:
        """Mark this moment."""
        self.sessionbar.mark()

    def mark_digit(self, digit: str) -> None:
        """Set a mark with the meaning of a digit."""
        self.control.mark(self.services.marks.get(digit, digit))

    def record(self) -> None:
        """Start or finish the recording."""
        self.sessionbar.record()

    def _choose_record_folder(self) -> None:
        """Ask for the folder of the recordings, and start the recording."""
        folder = QtWidgets.QFileDialog.getExistingDirectory(
            self, tr("Folder of the recordings"), self.preferences.record_folder
        )
        if folder:
            self.use_preferences(replace(self.preferences, record_folder=folder))
            self.control.start_recording(Path(folder))

    def pause_session(self) -> None:
        """Start or end a break."""
        self.sessionbar.pause()

    def baseline(self) -> None:
        """Measure a rest baseline."""
        self.sessionbar.baseline()

    def rate(self) -> None:
        """Bring the self-report to the front."""
        dock = self.docks["report"]
        if self.dockWidgetArea(dock) == QtCore.Qt.DockWidgetArea.NoDockWidgetArea:
            self.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, dock)
        dock.show()
        dock.raise_()
        self.report.valence.setFocus()

    def _ask_target(self) -> None:
        """Bring the plane to the front, where the target of steering is set."""
        self.docks["plane"].show()
        self.docks["plane"].raise_()
        self.sessionbar.notify("info", self.plane.steering_words())

    def _schedule_report(self) -> None:
        self._report_due = self.vm.snapshot.clock.elapsed_s + 60 * self.preferences.ask_every_min

    def _prompt_report(self) -> None:
        every = self.preferences.ask_every_min
        if every <= 0 or self.vm.snapshot.clock.ended:
            return
        if self._report_due <= 0:
            self._schedule_report()
        elif self.vm.snapshot.clock.elapsed_s >= self._report_due:
            self._schedule_report()
            self.rate()
            self.sessionbar.notify("info", tr("How do you feel right now?"))

    def calibrate(self) -> None:
        """Open the guided calibration."""
        service = self.services.calibration
        if service is None and self.services.can_leave and self.services.replay is None:
            if may_calibrate(self):
                self.leave("profiles")
        elif service is None:
            text = tr("This session has no profile to calibrate; start it with --profile NAME.")
            self.sessionbar.notify("info", text)
        elif self.calibration is None or not self.calibration.isVisible():
            self.calibration = CalibrationWindow(
                self.vm, service, self.theme, manikins=self.preferences.manikins, parent=self
            )
            self.calibration.session_asked.connect(self._after_calibration)
            self.calibration.show()

    def _after_calibration(self, person: str) -> None:
        """Start a session as the calibrated person, or continue this one if it is theirs."""
        own = self.vm.snapshot.model.profile.casefold() == person.casefold()
        if own or not self.services.can_leave:
            self.sessionbar.notify("info", tr("The session uses the new calibration"))
        else:
            self.leave("session", person)

    def pause_replay(self) -> None:
        """Pause or resume the replay."""
        if self.transport is not None:
            self.transport.pause_or_go()

    def help(self) -> None:
        """Show all shortcuts."""
        HelpDialog(self).show()

    def open_library(self) -> None:
        """Open the music library in a window that is not modal."""
        if self.services.library is None:
            self.sessionbar.notify("info", tr("This session has no music"))
            return
        player = None if self.vm.snapshot.clock.ended else self.control.music
        LibraryDialog(self.services.library, player, self.theme, self).show()

    def previous(self) -> None:
        """Play the track before the present one again."""
        self.nowplaying.previous()

    def open_preferences(self) -> None:
        """Open the preferences in a dialog that is not modal."""
        dialog = PreferencesDialog(self.preferences, self)
        dialog.changed.connect(self.use_preferences)
        dialog.show()

    def use_preferences(self, preferences: Preferences) -> None:
        """Apply and store preferences."""
        self.preferences = preferences
        preferences.save(self.settings)
        self.report.use_manikins(preferences.manikins)
        self.vm.hide_reasons = preferences.hide_reasons
        if preferences.theme != self.theme.name:
            self.apply_theme(preferences.theme)

    # --- messages, end ------------------------------------------------------------------------

    def _show_message(self, message: Message) -> None:
        left = _MESSAGE_S - (self.vm.snapshot.clock.time - message.time)
        if left > 0:  # a window that opens late does not show old messages
            self.sessionbar.notify(message.level, message.text, left)

    def show_error(self, text: str) -> None:
        """Show an error in a dialog that does not block the session."""
        self.sessionbar.notify("error", text, 20.0)

    def stop(self) -> None:
        """End the session in the background; the end page opens when it has ended."""
        if self._stopping or self.vm.snapshot.clock.ended:
            return
        self._stopping = True
        self.sessionbar.notify("info", tr("Finishing the session and its files"), 60.0)
        run_aside(self, self.control.stop, lambda _: self._has_stopped())

    def _has_stopped(self) -> None:
        self._stopped = True
        if self._closing:
            self.close()

    def _show_end(self, snapshot: SessionSnapshot) -> None:
        for panel in self.panels:
            if panel.commands_session:
                panel.setEnabled(False)
        self.sessionbar.notify("info", tr("The session has ended"))
        if not self._closing and self.isVisible():
            self._show_summary()

    def _show_summary(self) -> None:
        self.end_page = EndPage(self.vm, self.services, self)
        self.end_page.left.connect(self.leave)
        self.end_page.show()

    def _end_or_summary(self) -> None:
        self._show_summary() if self.vm.snapshot.clock.ended else self.stop()

    def leave(self, place: str, person: str = "") -> None:
        """End the session, close the window, and go to a place (see `left`)."""
        self.place_after, self.person_after = place, person
        self.close()

    def quit(self) -> None:
        """End the session and quit."""
        self.leave("quit")

    def end_and_close(self) -> None:
        """End the session and close without asking."""
        self._closing = True
        self.close()

    _closing = False

    def _may_close(self) -> bool:
        """Ask while the session records or adds music; the file is finished in any case."""
        adding = self.scan_strip is not None and self.scan_strip.running
        if self._closing or not (self.sessionbar.recording or adding):
            return True
        return may_end(self, recording=self.sessionbar.recording, adding=adding)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        if not (self._stopped or self.vm.snapshot.clock.ended):
            event.ignore()
            if self._may_close():
                self._closing = True
                self.stop()
            else:
                self.place_after, self.person_after = "quit", ""
            return
        self._timer.stop()
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.setValue("state", self.saveState(_STATE_VERSION))
        event.accept()
        QtCore.QTimer.singleShot(0, lambda: self.left.emit(self.place_after))
