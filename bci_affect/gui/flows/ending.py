"""End page of a session, with its figures and the counts behind them."""

from __future__ import annotations

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.notes import NoteKind
from bci_affect.gui.panels.base import Caption, label
from bci_affect.gui.services import Services
from bci_affect.gui.texts import clock, size, tr
from bci_affect.gui.viewmodel import ViewModel


def may_end_recording(window: QtWidgets.QWidget) -> bool:
    """Ask for confirmation before a recording session ends."""
    box = QtWidgets.QMessageBox(window)
    box.setWindowTitle(tr("Recording"))
    box.setText(tr("A recording is running."))
    box.setInformativeText(tr("Its file will be finished and kept. End the session now?"))
    end = box.addButton(tr("Finish and close"), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton(tr("Continue"), QtWidgets.QMessageBox.ButtonRole.RejectRole)
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
            (tr("Samples"), tr("{n} received, {share:.2%} lost", n=health.received, share=share))
        )
    if len(rows):
        good, sure = float((rows[:, 4] > 0).mean()), float((rows[:, 4] > 1).mean())
        lines.append(
            (
                tr("Estimates"),
                tr(
                    "{n}, of these {good:.0%} readings and {sure:.0%} sure",
                    n=len(rows),
                    good=good,
                    sure=sure,
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
    """Page that is shown once when a session has ended."""

    def __init__(
        self, vm: ViewModel, services: Services, parent: QtWidgets.QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Session ended"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._services = services
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
        self.save.clicked.connect(self._write)
        close = QtWidgets.QPushButton(tr("Close"))
        close.clicked.connect(self.close)
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.save)
        row.addWidget(close)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(22, 18, 22, 16)
        box.setSpacing(12)
        box.addWidget(label(tr("The session has ended"), "heading"))
        box.addLayout(grid)
        box.addWidget(
            Caption(
                tr(
                    "Figures describe the estimates, not the person; only readings count in the "
                    "quantiles, never held stretches."
                )
            )
        )
        box.addWidget(self.status)
        box.addLayout(row)
        self.setMinimumWidth(520)

    def _write(self) -> None:
        if self._services.report is None:
            return
        self.save.setEnabled(False)
        self.status.setText(tr("Writing the report"))
        run_aside(self, self._services.report.write, self._written, self._failed)

    def _written(self, path: object) -> None:
        self.status.setText(tr("Saved: {path}", path=path))
        self.save.setText(tr("Open report"))
        self.save.setEnabled(True)
        self.save.clicked.disconnect()
        url = QtCore.QUrl.fromLocalFile(str(path))
        self.save.clicked.connect(lambda: QtGui.QDesktopServices.openUrl(url))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, BciAffectError):
            raise error
        self.status.setText(str(error))
        self.save.setEnabled(True)
