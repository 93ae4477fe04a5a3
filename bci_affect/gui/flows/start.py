"""Start flow: notice and consent, stream or demonstration, music, contact check."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.flows.headset import HeadsetBox, state_words
from bci_affect.gui.flows.preferences import Preferences
from bci_affect.gui.flows.streampicker import StreamPicker
from bci_affect.gui.panels.base import Caption, Choice, label
from bci_affect.gui.panels.quality import QualityPanel, contacts
from bci_affect.gui.panels.scanstrip import ScanStrip
from bci_affect.gui.services import StartChoice, Started, StartService
from bci_affect.gui.texts import tr
from bci_affect.gui.theme import THEMES, style_sheet
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.profiles import NOTICE, has_consented, store_consent
from bci_affect.resources import user_home
from bci_affect.streams import ConnectionState

logger = logging.getLogger(__name__)
GOOD_SHARE = 0.75


class StartWindow(QtWidgets.QDialog):
    """Dialog from the notice to a running session with good contact.

    `started` is emitted with a `Started` when the user continues to the session, `left` when the
    window is closed before.
    """

    started = QtCore.Signal(object)
    left = QtCore.Signal()
    PAGES = ("Notice", "EEG", "Music", "Contact")

    def __init__(
        self,
        service: StartService,
        theme: str | None = None,
        *,
        profile: str = "",
        calibrate: bool = False,
    ) -> None:
        super().__init__()
        self.setWindowTitle("bci-affect")
        self.calibrate = calibrate
        self._first_profile = profile
        self.setWindowFlag(QtCore.Qt.WindowType.WindowMinMaxButtonsHint, True)
        self._service = service
        self._settings = QtCore.QSettings(
            str(user_home() / "window.ini"), QtCore.QSettings.Format.IniFormat
        )
        self.preferences = Preferences.load(self._settings)
        self.theme = THEMES.get(theme or self.preferences.theme, THEMES["dark"])
        self.setStyleSheet(style_sheet(self.theme))
        self._running: Started | None = None
        self._vm: ViewModel | None = None
        self.quality: QualityPanel | None = None
        self._given = False
        self._starting = self._abandoned = self._agreed = False
        self._after_notice = 1
        self.strip: ScanStrip | None = None
        self._lines: deque[str] = deque()  # progress of a running start, set by its thread
        self.pages = QtWidgets.QStackedWidget()
        self.steps = [label(f"{i + 1}  {tr(name)}", "muted") for i, name in enumerate(self.PAGES)]
        for page in (self._notice(), self._eeg(), self._music(), self._contact()):
            self.pages.addWidget(page)
        self.back = QtWidgets.QPushButton(tr("Back"))
        self.back.clicked.connect(self.go_back)
        self.next = QtWidgets.QPushButton(tr("Next"))
        self.next.setObjectName("primary")
        self.next.setDefault(True)
        self.next.clicked.connect(self.go_on)
        self.status = Caption("")
        self._lay_out()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(200)
        self._timer.timeout.connect(self._poll)
        self.resize(860, 600)
        self._person = profile  # who is asked on the first page
        self.go_to(1 if has_consented(profile) else 0)

    # --- pages --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        side = QtWidgets.QVBoxLayout()
        side.setSpacing(14)
        side.addWidget(label("bci-affect", "heading"))
        for step in self.steps:
            side.addWidget(step)
        side.addStretch(1)
        low = QtWidgets.QHBoxLayout()
        low.addWidget(self.status, 1)
        low.addWidget(self.back)
        low.addWidget(self.next)
        right = QtWidgets.QVBoxLayout()
        right.setSpacing(14)
        right.addWidget(self.pages, 1)
        right.addLayout(low)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(26, 22, 26, 20)
        row.setSpacing(28)
        row.addLayout(side)
        row.addLayout(right, 1)

    @staticmethod
    def _page(title: str, *parts: QtWidgets.QWidget) -> QtWidgets.QWidget:
        page = QtWidgets.QWidget()
        box = QtWidgets.QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(12)
        box.addWidget(label(title, "heading"))
        for part in parts:
            box.addWidget(part)
        return page

    def _notice(self) -> QtWidgets.QWidget:
        text = notice_text()
        self.agree = QtWidgets.QCheckBox(tr("I have read this, and I agree to be measured"))
        self.agree.toggled.connect(self._update_buttons)
        return self._page(tr("Before you start"), text, self.agree)

    def _eeg(self) -> QtWidgets.QWidget:
        self.picker = StreamPicker(self._service)
        self.picker.picked.connect(self._update_buttons)
        parts: list[QtWidgets.QWidget] = [self.picker]
        self.headset: HeadsetBox | None = None
        if self._service.headsets is not None:
            self.headset = HeadsetBox(self._service.headsets)
            self.headset.connected.connect(self.picker.prefer)
            parts.append(self.headset)
        return self._page(tr("Where does the EEG come from?"), *parts)

    def _music(self) -> QtWidgets.QWidget:
        self.with_folder = QtWidgets.QRadioButton(tr("Music from a folder"))
        self.with_library = QtWidgets.QRadioButton(tr("Music that is in the library already"))
        self.without = QtWidgets.QRadioButton(tr("No music"))
        self.folder = QtWidgets.QLineEdit(self.preferences.music_folder)
        self.folder.setPlaceholderText(tr("Folder with music files"))
        choose = QtWidgets.QPushButton(tr("Choose"))
        choose.clicked.connect(self._choose_folder)
        self.profile = Choice()
        self.new_profile = QtWidgets.QPushButton(tr("New"))
        self.new_profile.setToolTip(tr("Create a profile for another person"))
        self.new_profile.clicked.connect(self._ask_profile)
        self._list_profiles(self._first_profile)
        self.profile.currentIndexChanged.connect(self._update_buttons)
        self.record = QtWidgets.QCheckBox(tr("Record from the beginning"))
        self.record.setToolTip(tr("Otherwise a recording begins when you press Record"))
        self.record.setVisible(not self.calibrate)  # a calibration is recorded in any case
        self.record_folder = QtWidgets.QLineEdit(self.preferences.record_folder)
        self.record_folder.setAccessibleName(tr("Folder of the recordings"))
        choose_record = QtWidgets.QPushButton(tr("Choose"))
        choose_record.clicked.connect(self._choose_record_folder)
        (self.with_folder if self.preferences.music_folder else self.with_library).setChecked(True)
        for button in (self.with_folder, self.with_library, self.without):
            button.toggled.connect(self._update_buttons)
        self.folder.textChanged.connect(self._update_buttons)
        place = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(place)
        row.setContentsMargins(24, 0, 0, 0)
        row.addWidget(self.folder, 1)
        row.addWidget(choose)
        form = QtWidgets.QWidget()
        grid = QtWidgets.QFormLayout(form)
        grid.setContentsMargins(0, 12, 0, 0)
        grid.setVerticalSpacing(10)
        grid.addRow(tr("Person"), _in_a_row(self.profile, self.new_profile))
        grid.addRow(tr("Recordings in"), _in_a_row(self.record_folder, choose_record))
        grid.addRow("", self.record)
        self.without.setVisible(not self.calibrate)
        hint = tr("The demonstration brings its own music when the library is empty.")
        if self.calibrate:
            hint = tr("The clips of the calibration are chosen from this music.")
        self.demo_hint = Caption(hint)
        page = self._page(
            tr("Which person, and which music?") if self.calibrate else tr("Which music?"),
            *(self.with_folder, place, self.with_library, self.without, self.demo_hint, form),
        )
        layout = page.layout()
        if isinstance(layout, QtWidgets.QVBoxLayout):
            layout.addStretch(1)
        return page

    def _contact(self) -> QtWidgets.QWidget:
        self._contact_words = label("", "title")
        self._contact_words.setWordWrap(True)
        self._contact_hint = Caption(
            tr(
                "Part the hair under each electrode, press it gently, moisten it where that is "
                "meant for your headset, and sit still. Marks change within a few seconds."
            )
        )
        self._contact_place = QtWidgets.QWidget()
        QtWidgets.QVBoxLayout(self._contact_place).setContentsMargins(0, 0, 0, 0)
        page = self._page(
            tr("Contact of the electrodes"),
            self._contact_words,
            self._contact_place,
            self._contact_hint,
        )
        layout = page.layout()
        if isinstance(layout, QtWidgets.QVBoxLayout):
            layout.setStretch(2, 1)
        return page

    # --- going through it ---------------------------------------------------------------------

    def go_to(self, index: int) -> None:
        """Show a page."""
        index = min(len(self.PAGES) - 1, max(0, index))
        self.pages.setCurrentIndex(index)
        for i, step in enumerate(self.steps):
            tone = self.theme.text if i == index else self.theme.muted
            weight = 700 if i == index else 400
            step.setStyleSheet(f"font-size: 14px; color: {tone}; font-weight: {weight};")
        for search in (self.picker, self.headset):
            if search is not None:
                (search.begin if index == 1 else search.end)()
        self.status.setText("")
        self._update_buttons()

    def go_on(self) -> None:
        """Show the next page, start the session, or switch to it."""
        index = self.pages.currentIndex()
        if index == 0:
            store_consent(self._person)
            self._agreed = True
            self.go_to(self._after_notice)
        elif index < 2:
            self.go_to(index + 1)
        elif index == 2:
            self._start_if_agreed()
        elif self._running is not None:
            self._given = True
            self._running.control.begin()
            self.started.emit(self._running)
            self.close()

    def _start_if_agreed(self) -> None:
        """Start, after the notice where the chosen person has not agreed to it yet."""
        person = self.choice().profile
        if self.picker.stream is None or has_consented(person):
            self._start()
        elif self._agreed:  # read in this same sitting
            store_consent(person)
            self._start()
        else:
            self._person, self._after_notice = person, 2
            self.agree.setChecked(False)
            self.go_to(0)
            self.status.setText(tr("{name} has not agreed to this notice yet", name=person))

    def go_back(self) -> None:
        """Show the page before; on the contact page, end the session that was started."""
        index = self.pages.currentIndex()
        if self._starting:
            self._abandoned = True
            self.status.setText(tr("Cancelling"))
            self.back.setEnabled(False)
            return
        if self._running is None:
            self.go_to(index - 1)
            return
        self._timer.stop()
        self._leave_contact()
        self.next.setEnabled(False)
        self.back.setEnabled(False)
        self.status.setText(tr("Ending the session that was started"))
        run_aside(self, self._service.end, lambda _: self.go_to(index - 1), self._end_failed)

    def _leave_contact(self) -> None:
        """Remove the display of the session that was started."""
        self._running = self._vm = None
        for shown in (self.quality, self.strip):
            if shown is not None:
                shown.deleteLater()
        self.quality = self.strip = None

    def _end_failed(self, error: Exception) -> None:
        self.go_to(2)
        self._refused(error)

    def choice(self) -> StartChoice:
        """Return the present choices."""
        folder = self.folder.text().strip()
        return StartChoice(
            stream=self.picker.stream,
            music_folder=Path(folder) if self.with_folder.isChecked() and folder else None,
            music=not self.without.isChecked() and not self.calibrate,
            profile=str(self.profile.currentData() or ""),
            record_dir=Path(self.record_folder.text()).expanduser() if self._record_text else None,
            record=self.record.isChecked(),
            calibrate=self.calibrate,
            left_out=self.picker.left_out,
        )

    @property
    def _record_text(self) -> str:
        return str(self.record_folder.text().strip())

    def _list_profiles(self, chosen: str) -> None:
        """List all profiles and choose one."""
        self.profile.clear()
        if not self.calibrate:
            self.profile.addItem(tr("no profile"), "")
        for name in self._service.profiles():
            self.profile.addItem(name, name)
        self.profile.setCurrentIndex(max(0, self.profile.findData(chosen)))

    def _ask_profile(self) -> None:
        name, given = QtWidgets.QInputDialog.getText(
            self, tr("New profile"), tr("Name of the person")
        )
        if given:
            self.add_profile(name)

    def add_profile(self, name: str) -> None:
        """Create a profile and choose it."""
        try:
            self._service.create_profile(name)
        except BciAffectError as error:
            self.status.setText(str(error))
            return
        self.status.setText("")
        self._list_profiles(name.strip())
        self._update_buttons()

    def _choose_record_folder(self) -> None:
        folder = QtWidgets.QFileDialog.getExistingDirectory(
            self, tr("Folder of the recordings"), self._record_text
        )
        if folder:
            self.record_folder.setText(folder)

    def _choose_folder(self) -> None:
        folder = QtWidgets.QFileDialog.getExistingDirectory(
            self, tr("Folder with music"), self.folder.text()
        )
        if folder:
            self.folder.setText(folder)
            self.with_folder.setChecked(True)

    def _update_buttons(self) -> None:
        if not hasattr(self, "next"):
            return  # pages are still being created
        index = self.pages.currentIndex()
        self.back.setEnabled(index > 0)
        ready = True
        if index == 0:
            ready = self.agree.isChecked()
        elif index == 1:
            ready = self.picker.chosen
        elif index == 2 and self.with_folder.isChecked():
            ready = Path(self.folder.text().strip() or "?").is_dir()
        if index == 2 and self.calibrate:
            ready = ready and bool(self.profile.currentData())
        if self._starting:
            ready = False
        self.next.setEnabled(ready)
        self.back.setText(tr("Cancel") if self._starting else tr("Back"))
        words = {2: tr("Start"), 3: tr("To the session")}
        if self.calibrate:
            words = {2: tr("Connect"), 3: tr("To the calibration")}
        self.next.setText(words.get(index, tr("Next")))

    def _start(self) -> None:
        choice = self.choice()
        self.preferences = replace(
            self.preferences,
            music_folder=str(choice.music_folder or self.preferences.music_folder),
            record_folder=str(choice.record_dir or self.preferences.record_folder),
        )
        self.preferences.save(self._settings)
        self._starting, self._abandoned = True, False
        self._update_buttons()
        self.status.setText(tr("Starting"))
        self._lines.clear()
        self._timer.start()
        run_aside(
            self,
            lambda: self._service.start(choice, self._lines.append),
            self._has_started,
            self._refused,
        )

    def _poll(self) -> None:
        """Show the progress of the start, then the contact page."""
        while self._lines:
            self.status.setText(self._lines.popleft())
        self._update_contact()

    def _refused(self, error: Exception) -> None:
        self._timer.stop()
        self._starting = False
        self._update_buttons()
        if not isinstance(error, BciAffectError):
            logger.error("the session did not start", exc_info=error)
        self.status.setText(tr("Cancelled") if self._abandoned else str(error))

    def _has_started(self, running: Started) -> None:
        self._starting = False
        if self._abandoned:
            self._timer.stop()
            self.next.setEnabled(False)
            run_aside(self, self._service.end, lambda _: self._cancelled(), self._end_failed)
            return
        self._running = running
        self._vm = ViewModel(running.control)
        self.quality = QualityPanel(self._vm)
        self.quality.setObjectName("bar")  # framed on all sides: there is no title above it
        self.quality.apply_theme(self.theme)
        layout = self._contact_place.layout()
        if layout is not None:
            layout.addWidget(self.quality)
        if running.services.scan is not None and layout is not None:
            self.strip = ScanStrip(self._vm, running.services.scan)
            layout.addWidget(self.strip)
        self.go_to(3)
        self._timer.start()

    def _cancelled(self) -> None:
        self._update_buttons()
        self.status.setText(tr("Cancelled"))

    def _update_contact(self) -> None:
        if self._vm is None or self.quality is None:
            return
        self._vm.tick()
        self.quality.refresh()
        if self.strip is not None:
            self.strip.refresh()
        known = contacts(self._vm)
        share = float(np.mean([c.grade == "good" for c in known])) if known else 0.0
        if not known:
            words = tr("Waiting for the first seconds of EEG")
        elif share >= GOOD_SHARE:
            words = tr("✓ Good enough to start")
        else:
            words = tr("▲ Not good yet: you can continue, but fewer estimates will be readings")
        headset = self._running.services.headset if self._running is not None else None
        status = headset.status() if headset is not None else None
        if status is not None and status.state is not ConnectionState.STREAMING:
            known, words = [], state_words(status)
        self._contact_words.setText(words)
        tone = self.theme.good if share >= GOOD_SHARE else self.theme.fair
        self._contact_words.setStyleSheet(f"color: {tone if known else self.theme.muted};")

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self._timer.stop()
        self.picker.end()
        if self.headset is not None:
            self.headset.end()
        if self._running is not None and not self._given:
            run_aside(self, self._service.end, lambda _: None)
        self._abandoned = True
        event.accept()
        if not self._given:
            self.left.emit()


def notice_text() -> QtWidgets.QTextBrowser:
    """Return the notice for the measured person."""
    text = QtWidgets.QTextBrowser()
    text.document().setDefaultStyleSheet(
        "body { font-size: 15px; line-height: 135%; } li { margin-bottom: 8px; }"
    )
    text.document().setDocumentMargin(18)
    text.document().setIndentWidth(22)
    first, *others = (escape(tr(sentence)) for sentence in NOTICE)
    points = "".join(f"<li>{sentence}</li>" for sentence in others)
    text.setHtml(f"<body><p>{first}</p><ul>{points}</ul></body>")
    return text


class NoticeDialog(QtWidgets.QDialog):
    """Dialog with the notice, before a session that was started by a command."""

    def __init__(self, person: str) -> None:
        super().__init__()
        self.setWindowTitle("bci-affect")
        self.setStyleSheet(style_sheet(THEMES["dark"]))
        self.agree = QtWidgets.QPushButton(tr("I have read this, and I agree to be measured"))
        self.agree.setObjectName("primary")
        self.agree.clicked.connect(self.accept)
        leave = QtWidgets.QPushButton(tr("Cancel"))
        leave.clicked.connect(self.reject)
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        row.addWidget(leave)
        row.addWidget(self.agree)
        title = tr("Before you start, {name}", name=person) if person else tr("Before you start")
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(26, 22, 26, 20)
        box.setSpacing(12)
        box.addWidget(label(title, "heading"))
        box.addWidget(notice_text(), 1)
        box.addLayout(row)
        self.resize(760, 520)


def _in_a_row(*widgets: QtWidgets.QWidget) -> QtWidgets.QWidget:
    """Return a widget with others side by side; the first one takes the space that is left."""
    made = QtWidgets.QWidget()
    row = QtWidgets.QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, int(i == 0))
    return made
