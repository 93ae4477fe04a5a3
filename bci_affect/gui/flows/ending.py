"""End page of a session, with its figures and the counts behind them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.notes import NoteKind
from bci_affect.gui.opening import open_with_desktop
from bci_affect.gui.panels.base import Caption, label
from bci_affect.gui.services import Services
from bci_affect.gui.texts import clock, percent, size, tr
from bci_affect.gui.viewmodel import ViewModel


def may_end(window: QtWidgets.QWidget, *, recording: bool, adding: bool) -> bool:
    """Ask for confirmation before a session ends that records or adds music."""
    box = QtWidgets.QMessageBox(window)
    box.setWindowTitle(tr("End the session"))
    texts = []
    if recording:
        texts.append(tr("A recording is running; its file will be finished and kept."))
    if adding:
        texts.append(tr("Music is being added; this stops, and the tracks so far are kept."))
    box.setText(" ".join(texts))
    box.setInformativeText(tr("End the session now?"))
    end = box.addButton(tr("End the session"), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton(tr("Continue the session"), QtWidgets.QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.exec()
    return bool(box.clickedButton() is end)


def may_calibrate(window: QtWidgets.QWidget) -> bool:
    """Ask for confirmation before a session without a profile ends for a calibration."""
    box = QtWidgets.QMessageBox(window)
    box.setWindowTitle(tr("Calibrate"))
    box.setText(tr("This session has no profile, so it cannot be calibrated."))
    box.setInformativeText(tr("End it, and choose or create a profile to calibrate?"))
    end = box.addButton(tr("Choose a profile"), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton(tr("Continue the session"), QtWidgets.QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.exec()
    return bool(box.clickedButton() is end)


def summary(vm: ViewModel) -> list[tuple[str, str]]:
    """Return names and values that summarise the session."""
    s = vm.snapshot
    rows = vm.timeline.rows
    rows_known = rows[np.isfinite(rows[:, 1])] if len(rows) else rows
    lines = [(tr("Length"), clock(s.clock.elapsed_s))]
    health = vm.health
    if health is not None and health.expected:
        share = health.lost / health.expected
        lines.append(
            (tr("Samples"), tr("{n} received, {p:.2f} % lost", n=health.received, p=100 * share))
        )
    log = vm.control.estimate_log()
    if len(log):
        decided = float((rows[:, 4] > 1).mean()) if len(rows) else 0.0
        lines.append(
            (
                tr("Estimates"),
                tr(
                    "{n}, of these {good} valid and {decided} decided",
                    n=len(log),
                    good=percent(float(log.ok.mean())),
                    decided=percent(decided),
                ),
            )
        )
    reading = rows_known[rows_known[:, 4] > 0] if len(rows_known) else rows_known
    for column, word in ((1, tr("Valence")), (2, tr("Arousal"))):
        if len(reading):
            low, mid, high = np.quantile(reading[:, column], (0.1, 0.5, 0.9))
            text = tr("median {m:+.2f}, 80 % within {a:+.2f} to {b:+.2f}", m=mid, a=low, b=high)
            lines.append((word, text))
    tracks = [n for n in vm.notes if n.kind is NoteKind.TRACK]
    reports = [n for n in vm.notes if n.rating is not None]
    marks = [n for n in vm.notes if n.kind is NoteKind.MARK]
    lines.append((tr("Tracks"), str(len(tracks))))
    lines.append((tr("Marks and self-reports"), f"{len(marks)}, {len(reports)}"))
    if s.recording is not None:
        r = s.recording
        text = r.error or tr("{path} ({size})", path=r.path, size=size(r.size_bytes))
        lines.append((tr("Recording"), text))
    return lines


class EndPage(QtWidgets.QDialog):
    """Page that is shown when a session has ended, with the next steps.

    `left` is emitted with the place to go to: ``session``, ``home`` or ``quit``.
    """

    left = QtCore.Signal(str)

    def __init__(
        self, vm: ViewModel, services: Services, parent: QtWidgets.QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Session ended"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._services = services
        self._report: Path | None = None
        recording = vm.snapshot.recording
        self._folder = Path(recording.path).parent if recording and not recording.error else None
        grid = QtWidgets.QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for i, (name, value) in enumerate(summary(vm)):
            grid.addWidget(label(name, "muted"), i, 0, QtCore.Qt.AlignmentFlag.AlignTop)
            shown = label(value)
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(shown, i, 1)
        self.status = label("", "muted")
        self.status.setWordWrap(True)
        self.save = QtWidgets.QPushButton(tr("Save report"))
        self.save.setObjectName("primary")
        self.save.setVisible(services.report is not None)
        self.save.clicked.connect(self._save_or_open)
        self.folder = QtWidgets.QPushButton(tr("Show recording"))
        self.folder.setToolTip(tr("Open the folder of the recording"))
        self.folder.setVisible(self._folder is not None)
        self.folder.clicked.connect(self._show_folder)
        self.again = QtWidgets.QPushButton(tr("New session"))
        self.home = QtWidgets.QPushButton(tr("Home page"))
        for button in (self.again, self.home):
            button.setVisible(services.can_leave)
        self.quit = QtWidgets.QPushButton(tr("Quit"))
        for button, place in ((self.again, "session"), (self.home, "home"), (self.quit, "quit")):
            button.clicked.connect(partial(self.left.emit, place))
        close = QtWidgets.QPushButton(tr("Close"))
        close.setToolTip(tr("Return to the ended session; its button Summary shows this page"))
        close.clicked.connect(self.close)
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        for button in (self.save, self.folder, self.again, self.home, self.quit, close):
            row.addWidget(button)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(22, 18, 22, 16)
        box.setSpacing(12)
        box.addWidget(label(tr("The session has ended"), "heading"))
        box.addLayout(grid)
        box.addWidget(
            Caption(
                tr(
                    "Figures describe the estimates, not the person. Only valid estimates count: "
                    "none during breaks, artifacts, gaps, or while the stream was lost."
                )
            )
        )
        box.addWidget(self.status)
        box.addLayout(row)
        self.setMinimumWidth(760)

    def _save_or_open(self) -> None:
        if self._report is not None:
            self._open(self._report)
        elif self._services.report is not None:
            self.save.setEnabled(False)
            self.status.setText(tr("Writing the report"))
            run_aside(self, self._services.report.write, self._written, self._failed)

    def _written(self, path: Path) -> None:
        self._report = path
        self.status.setText(tr("Saved: {path}", path=path))
        self.save.setText(tr("Open report"))
        self.save.setEnabled(True)

    def _show_folder(self) -> None:
        if self._folder is not None:
            self._open(self._folder)

    def _open(self, path: Path) -> None:
        if not open_with_desktop(path):
            self.status.setText(tr("No program opens it here; it is at {path}", path=path))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, BciAffectError):
            raise error
        self.status.setText(str(error))
        self.save.setEnabled(True)
