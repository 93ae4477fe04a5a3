"""Home page: new session, calibration, recordings, past sessions, profiles, settings, quit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.flows.library import LibraryPage
from bci_affect.gui.flows.preferences import Preferences, PreferencesDialog
from bci_affect.gui.opening import open_with_desktop
from bci_affect.gui.panels.base import Caption, label
from bci_affect.gui.services import HomeService, PastSession, ProfileSummary
from bci_affect.gui.texts import size, tr
from bci_affect.gui.theme import THEMES, style_sheet
from bci_affect.resources import user_home

logger = logging.getLogger(__name__)
_ROWS = QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows
_SINGLE = QtWidgets.QAbstractItemView.SelectionMode.SingleSelection
_FIXED = QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers


class HomeWindow(QtWidgets.QWidget):
    """First window of the program, and the place to which a finished session returns.

    Signals ask for the next step: `session_asked` and `calibration_asked` carry the name of a
    profile ("" for none), `recording_asked` the path of a recording.
    """

    session_asked = QtCore.Signal(str)
    calibration_asked = QtCore.Signal(str)
    recording_asked = QtCore.Signal(object)
    quit_asked = QtCore.Signal()

    def __init__(self, service: HomeService, theme: str | None = None) -> None:
        super().__init__()
        self.setWindowTitle("bci-affect")
        self._service = service
        self._settings = QtCore.QSettings(
            str(user_home() / "window.ini"), QtCore.QSettings.Format.IniFormat
        )
        self.preferences = Preferences.load(self._settings)
        self._theme_given = theme
        self.setObjectName("home")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground, True)
        self.pages = QtWidgets.QStackedWidget()
        self.start_page = _StartPage(self)
        self.sessions_page = SessionsPage(self)
        self.profiles_page = ProfilesPage(self)
        self.music_page = _MusicPage(self)
        self.status = Caption("")
        self._places: list[QtWidgets.QPushButton] = []
        self._lay_out()
        self.resize(960, 640)
        self.apply_theme()
        self.show_place("start")

    @property
    def service(self) -> HomeService:
        """Services of the page."""
        return self._service

    def _lay_out(self) -> None:
        side = QtWidgets.QVBoxLayout()
        side.setSpacing(6)
        side.addWidget(label("bci-affect", "heading"))
        side.addSpacing(10)
        group = QtWidgets.QButtonGroup(self)
        for name, text, page in (
            ("start", tr("Start"), self.start_page),
            ("sessions", tr("Sessions and reports"), self.sessions_page),
            ("profiles", tr("Profiles"), self.profiles_page),
            ("music", tr("Music"), self.music_page),
        ):
            self.pages.addWidget(page)
            button = QtWidgets.QPushButton(text)
            button.setCheckable(True)
            button.setMinimumWidth(180)  # its text is bold while it is chosen
            button.setProperty("place", name)
            button.clicked.connect(partial(self.show_place, name))
            group.addButton(button)
            self._places.append(button)
            side.addWidget(button)
        side.addStretch(1)
        self.settings_button = QtWidgets.QPushButton(tr("Settings"))
        self.settings_button.clicked.connect(self.open_settings)
        self.quit_button = QtWidgets.QPushButton(tr("Quit"))
        self.quit_button.setShortcut("Ctrl+Q")
        self.quit_button.clicked.connect(self.close)
        side.addWidget(self.settings_button)
        side.addWidget(self.quit_button)
        right = QtWidgets.QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self.pages, 1)
        right.addWidget(self.status)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(26, 22, 26, 20)
        row.setSpacing(28)
        row.addLayout(side)
        row.addLayout(right, 1)

    def show_place(self, name: str, *_: object) -> None:
        """Show a page: ``start``, ``sessions``, ``profiles`` or ``music``."""
        pages: dict[str, _StartPage | SessionsPage | ProfilesPage | _MusicPage] = {
            "start": self.start_page,
            "sessions": self.sessions_page,
            "profiles": self.profiles_page,
            "music": self.music_page,
        }
        page = pages[name]
        for button in self._places:
            button.setChecked(button.property("place") == name)
        self.status.setText("")
        self.pages.setCurrentWidget(page)
        page.refresh()

    def apply_theme(self) -> None:
        """Apply the colours of the chosen theme."""
        name = self._theme_given or self.preferences.theme
        self.theme = THEMES.get(name, THEMES["dark"])
        self.setStyleSheet(style_sheet(self.theme))

    def open_settings(self) -> None:
        """Open the settings in a dialog that is not modal."""
        dialog = PreferencesDialog(self.preferences, self)
        dialog.changed.connect(self._use)
        dialog.show()

    def _use(self, preferences: Preferences) -> None:
        self.preferences = preferences
        preferences.save(self._settings)
        self._theme_given = None
        self.apply_theme()

    def choose_recording(self) -> None:
        """Ask for a recording, and open it."""
        path, _ = QtWidgets.QFileDialog.getOpenFileName(
            self,
            tr("Open a recording"),
            self.preferences.record_folder,
            tr("Recordings (*.xdf *.xdfz *.xdf.gz);;All files (*)"),
        )
        if path:
            self.recording_asked.emit(Path(path))

    def open_file(self, path: Path) -> None:
        """Open a file or folder with the desktop's program for it; without one, show its path."""
        if not open_with_desktop(path):
            self.status.setText(tr("No program opens it here; it is at {path}", path=path))

    def folders(self) -> Sequence[Path]:
        """Return the folders in which sessions are recorded."""
        return Path(self.preferences.record_folder).expanduser(), user_home() / "recordings"

    def run(
        self, work: Callable[[], object], done: Callable[[object], None], doing: str = ""
    ) -> None:
        """Run slow work in the background; an error becomes the status line."""
        self.status.setText(doing)
        run_aside(self, work, done, self._failed)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, BciAffectError):
            logger.error("a task of the home page failed", exc_info=error)
        self.status.setText(str(error))

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        event.accept()
        self.music_page.end()
        self.quit_asked.emit()


class _StartPage(QtWidgets.QWidget):
    """Page with the ways to begin."""

    def __init__(self, home: HomeWindow) -> None:
        super().__init__()
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(label(tr("What do you want to do?"), "heading"))
        box.addSpacing(6)
        self.session = QtWidgets.QPushButton(tr("New session"))
        self.session.setObjectName("primary")
        self.calibrate = QtWidgets.QPushButton(tr("Calibrate to a person"))
        self.recording = QtWidgets.QPushButton(tr("Open a recording"))
        for button, text, action in (
            (
                self.session,
                tr(
                    "Read a headset's EEG, show valence and arousal, and play music that fits. "
                    "Without a headset, the demonstration shows the same."
                ),
                lambda: home.session_asked.emit(""),
            ),
            (
                self.calibrate,
                tr(
                    "Listen to clips and say how you felt. The program then measures whether your "
                    "EEG tells it, and uses that in your sessions."
                ),
                lambda: home.show_place("profiles"),
            ),
            (
                self.recording,
                tr("Replay an XDF file of this program or of LabRecorder."),
                home.choose_recording,
            ),
        ):
            button.setMinimumHeight(34)
            button.setMaximumWidth(260)
            button.clicked.connect(action)
            box.addWidget(button)
            box.addWidget(Caption(text))
            box.addSpacing(10)
        box.addStretch(1)

    def refresh(self) -> None:
        """Do nothing; the page has no data."""


class _MusicPage(QtWidgets.QWidget):
    """Music library, opened when the page is first shown."""

    def __init__(self, home: HomeWindow) -> None:
        super().__init__()
        self._home = home
        self.library: LibraryPage | None = None
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)

    def refresh(self) -> None:
        """Read the library."""
        try:
            if self.library is None:
                self.library = LibraryPage(self._home.service.library)
                self._box.addWidget(self.library)
            else:
                self.library.refresh()
        except BciAffectError as error:
            self._home.status.setText(str(error))

    def end(self) -> None:
        """Cancel a running scan."""
        if self.library is not None:
            self.library.end()


class SessionsPage(QtWidgets.QWidget):
    """Table of recorded sessions, with their reports."""

    def __init__(self, home: HomeWindow) -> None:
        super().__init__()
        self._home = home
        self.sessions: list[PastSession] = []
        self.table = _table((tr("Date"), tr("Person"), tr("Size"), tr("Report"), tr("File")))
        self.table.setAccessibleName(tr("Recorded sessions"))
        self.table.itemSelectionChanged.connect(self._update)
        self.table.doubleClicked.connect(lambda _: self._report())
        self.none = Caption("")
        self.report = QtWidgets.QPushButton(tr("Open report"))
        self.report.setObjectName("primary")
        self.report.clicked.connect(self._report)
        self.replay = QtWidgets.QPushButton(tr("Replay"))
        self.replay.clicked.connect(self._replay)
        self.folder = QtWidgets.QPushButton(tr("Show folder"))
        self.folder.clicked.connect(self._folder)
        other = QtWidgets.QPushButton(tr("Open another file"))
        other.clicked.connect(home.choose_recording)
        row = QtWidgets.QHBoxLayout()
        for button in (self.report, self.replay, self.folder, other):
            row.addWidget(button)
        row.addStretch(1)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        box.addWidget(label(tr("Sessions and reports"), "heading"))
        box.addWidget(self.table, 1)
        box.addWidget(self.none)
        box.addLayout(row)
        self._update()

    def refresh(self) -> None:
        """Read the list of sessions in the background."""
        folders = tuple(self._home.folders())
        service = self._home.service
        run_aside(self, lambda: service.past_sessions(folders), self._show)

    def _show(self, sessions: list[PastSession]) -> None:
        self.sessions = sessions
        self.table.setRowCount(len(sessions))
        for i, one in enumerate(sessions):
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.modified))
            report = tr("yes") if one.report is not None else ""
            texts = (when, one.person, size(one.size_bytes), report, one.path.name)
            for j, text in enumerate(texts):
                item = QtWidgets.QTableWidgetItem(text)
                item.setToolTip(str(one.path))
                self.table.setItem(i, j, item)
        self.table.resizeColumnsToContents()
        words = "" if sessions else tr("There are no recordings yet in {folder}.")
        self.none.setText(words.format(folder=self._home.preferences.record_folder))
        self.none.setVisible(not sessions)
        self._update()

    def _chosen(self) -> PastSession | None:
        rows = self.table.selectionModel().selectedRows()
        return self.sessions[rows[0].row()] if rows else None

    def _update(self) -> None:
        chosen = self._chosen()
        for button in (self.report, self.replay, self.folder):
            button.setEnabled(chosen is not None)
        has = chosen is not None and chosen.report is not None
        self.report.setText(tr("Open report") if has or chosen is None else tr("Write report"))

    def _report(self) -> None:
        if (chosen := self._chosen()) is None:
            return
        if chosen.report is not None:
            self._home.open_file(chosen.report)
            return
        self.report.setEnabled(False)
        path = chosen.path
        self._home.run(
            lambda: self._home.service.write_report(path),
            self._written,
            tr("Writing the report; the EEG is processed again"),
        )

    def _written(self, path: object) -> None:
        self._home.status.setText(tr("Saved: {path}", path=path))
        self._home.open_file(Path(str(path)))
        self.refresh()

    def _replay(self) -> None:
        if (chosen := self._chosen()) is not None:
            self._home.recording_asked.emit(chosen.path)

    def _folder(self) -> None:
        if (chosen := self._chosen()) is not None:
            self._home.open_file(chosen.path.parent)


class ProfilesPage(QtWidgets.QWidget):
    """Table of profiles: create, calibrate, start a session, read the report."""

    def __init__(self, home: HomeWindow) -> None:
        super().__init__()
        self._home = home
        self.profiles: list[ProfileSummary] = []
        self.table = _table((tr("Name"), tr("Calibration")))
        self.table.setAccessibleName(tr("Profiles"))
        self.table.itemSelectionChanged.connect(self._update)
        self.name = QtWidgets.QLineEdit()
        self.name.setPlaceholderText(tr("Name of the person"))
        self.name.setMaximumWidth(240)
        self.name.returnPressed.connect(self._create)
        self.create = QtWidgets.QPushButton(tr("Create profile"))
        self.create.clicked.connect(self._create)
        self.calibrate = QtWidgets.QPushButton(tr("Calibrate"))
        self.calibrate.setObjectName("primary")
        self.session = QtWidgets.QPushButton(tr("Start a session"))
        self.report = QtWidgets.QPushButton(tr("Open report"))
        self.calibrate.clicked.connect(lambda: self._ask(home.calibration_asked))
        self.session.clicked.connect(lambda: self._ask(home.session_asked))
        self.report.clicked.connect(self._report)
        new = QtWidgets.QHBoxLayout()
        new.addWidget(self.name)
        new.addWidget(self.create)
        new.addStretch(1)
        row = QtWidgets.QHBoxLayout()
        for button in (self.calibrate, self.session, self.report):
            row.addWidget(button)
        row.addStretch(1)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        box.addWidget(label(tr("Profiles"), "heading"))
        box.addWidget(
            Caption(
                tr(
                    "A profile keeps one person's calibration and rest. A calibration takes 10 to "
                    "25 minutes and needs a headset and some music."
                )
            )
        )
        box.addLayout(new)
        box.addWidget(self.table, 1)
        box.addLayout(row)
        self._update()

    def refresh(self, chosen: str = "") -> None:
        """List all profiles, and choose one."""
        self.profiles = self._home.service.profile_summaries()
        self.table.setRowCount(len(self.profiles))
        for i, one in enumerate(self.profiles):
            for j, text in enumerate((one.name, one.standing)):
                item = QtWidgets.QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(i, j, item)
        self.table.resizeColumnToContents(0)
        names = [one.name for one in self.profiles]
        if chosen in names:
            self.table.selectRow(names.index(chosen))
        elif len(names) == 1:
            self.table.selectRow(0)
        self._update()

    def _chosen(self) -> ProfileSummary | None:
        rows = self.table.selectionModel().selectedRows()
        return self.profiles[rows[0].row()] if rows else None

    def _update(self) -> None:
        chosen = self._chosen()
        for button in (self.calibrate, self.session):
            button.setEnabled(chosen is not None)
        self.report.setEnabled(chosen is not None and chosen.report is not None)
        self.calibrate.setText(
            tr("Calibrate again") if chosen is not None and chosen.calibrated else tr("Calibrate")
        )

    def _create(self) -> None:
        name = self.name.text().strip()
        try:
            self._home.service.create_profile(name)
        except BciAffectError as error:
            self._home.status.setText(str(error))
            return
        self._home.status.setText("")
        self.name.clear()
        self.refresh(name)

    def _ask(self, signal: QtCore.SignalInstance) -> None:
        if (chosen := self._chosen()) is not None:
            signal.emit(chosen.name)

    def _report(self) -> None:
        chosen = self._chosen()
        if chosen is not None and chosen.report is not None:
            self._home.open_file(chosen.report)


def _table(names: Sequence[str]) -> QtWidgets.QTableWidget:
    """Return a read-only table of which one row can be chosen."""
    table = QtWidgets.QTableWidget(0, len(names))
    table.setHorizontalHeaderLabels(list(names))
    table.verticalHeader().hide()
    table.horizontalHeader().setStretchLastSection(True)
    table.horizontalHeader().setDefaultAlignment(QtCore.Qt.AlignmentFlag.AlignLeft)
    table.setSelectionBehavior(_ROWS)
    table.setSelectionMode(_SINGLE)
    table.setEditTriggers(_FIXED)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.setTabKeyNavigation(False)
    return table
