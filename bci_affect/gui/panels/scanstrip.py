"""Bar with the progress of music that is being added, and a button to cancel it."""

from __future__ import annotations

import math

from pyqtgraph.Qt import QtWidgets

from bci_affect.gui.panels.base import Panel
from bci_affect.gui.panels.topbar import Elided
from bci_affect.gui.services import ScanStatus, ScanView
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.viewmodel import ViewModel

_SHOWN_AFTER_S = 8.0
"""Time for which the result of a finished scan stays shown."""


class ScanStrip(Panel):
    """Bar that is shown while music is added."""

    key = "scan"
    divisor = 8

    def __init__(self, vm: ViewModel, scan: ScanView) -> None:
        super().__init__(vm)
        self.setObjectName("bar")
        self._scan = scan
        self._ended_at = math.nan
        self.text = Elided()
        self.bar = QtWidgets.QProgressBar()
        self.bar.setFixedWidth(160)
        self.bar.setTextVisible(False)
        self.cancel = QtWidgets.QPushButton(tr("Cancel"))
        self.cancel.setAccessibleName(tr("Stop adding music"))
        self.cancel.setToolTip(tr("Stop adding music; the tracks so far are kept"))
        self.cancel.clicked.connect(scan.cancel)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        row.setSpacing(10)
        row.addWidget(self.bar)
        row.addWidget(self.text, 1)
        row.addWidget(self.cancel)

    def title(self) -> str:
        return tr("Adding music")

    @property
    def running(self) -> bool:
        """True while music is added."""
        return not self._scan.status().ended

    def refresh(self) -> None:
        at = self._scan.status()
        self.text.show_text(scan_words(at))
        self.bar.setRange(0, at.total)
        self.bar.setValue(at.done)
        self.bar.setVisible(not at.ended)
        self.cancel.setVisible(not at.ended)
        self.cancel.setEnabled(not at.cancelled)
        now = self.vm.snapshot.clock.time
        if at.ended and math.isnan(self._ended_at):
            self._ended_at = now
        if at.ended and now - self._ended_at > _SHOWN_AFTER_S and not at.error:
            self.hide()


def scan_words(at: ScanStatus) -> str:
    """Return the progress of a scan in one line: count, file, and time left."""
    if at.error:
        return at.error
    failed = tr(" · {n} could not be read", n=at.failed) if at.failed else ""
    if at.ended:
        words = tr("Stopped: {n} tracks added") if at.cancelled else tr("{n} tracks added")
        return words.format(n=at.done - at.failed) + failed
    if at.cancelled:
        return tr("Stopping; the tracks so far are kept")
    if not at.total:
        return tr("Adding music: reading the folder")
    parts = [tr("Adding music: {k} of {n}", k=at.done, n=at.total), at.name]
    if math.isfinite(at.left_s):
        parts.append(tr("about {t} left", t=clock(at.left_s)))
    return " · ".join(parts) + failed
