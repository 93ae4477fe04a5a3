"""List of EEG streams to choose from, refreshed every two seconds."""

from __future__ import annotations

import logging

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.panels.base import Caption
from bci_affect.gui.services import StartService
from bci_affect.gui.texts import tr
from bci_affect.streams import FoundStream

logger = logging.getLogger(__name__)
REFRESH_MS = 2000


class StreamPicker(QtWidgets.QWidget):
    """Self-refreshing list of EEG streams; the demonstration is always listed."""

    picked = QtCore.Signal()

    def __init__(self, service: StartService) -> None:
        super().__init__()
        self._service = service
        self._busy = False
        self._streams: list[FoundStream | None] = [None]
        self.list = QtWidgets.QListWidget()
        self.list.setObjectName("streams")
        self.list.setAccessibleName(tr("EEG streams"))
        self.status = Caption(tr("Looking for EEG streams"))
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.list, 1)
        box.addWidget(self.status)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.search)
        self.list.currentRowChanged.connect(lambda _: self.picked.emit())
        self._show([])

    def begin(self) -> None:
        """Search now, and every two seconds while the list is shown."""
        self._timer.start()
        self.search()

    def end(self) -> None:
        """Stop searching."""
        self._timer.stop()

    def search(self) -> None:
        """Search once in the background, unless a search is running."""
        if not self._busy:
            self._busy = True
            run_aside(self, self._service.find, self._found, self._failed)

    def _found(self, streams: list[FoundStream]) -> None:
        self._busy = False
        self._show(streams)
        if streams:
            self.status.setText(tr("{n} found; the list refreshes by itself", n=len(streams)))
        else:
            self.status.setText(
                tr(
                    "No EEG stream is seen yet. Switch the headset on and start its LSL stream; "
                    "both machines must be in one network. The list refreshes by itself."
                )
            )

    def _failed(self, error: Exception) -> None:
        self._busy = False
        if not isinstance(error, BciAffectError):
            logger.error("looking for streams failed", exc_info=error)
        self.status.setText(str(error))

    def _show(self, streams: list[FoundStream]) -> None:
        wanted = self.stream
        had_choice = self.list.currentRow() >= 0
        if [s.uid for s in streams] == [
            s.uid for s in self._streams if s is not None
        ] and had_choice:
            return
        self._streams = [*streams, None]
        blocked = self.list.blockSignals(True)
        self.list.clear()
        for stream in self._streams:
            if stream is None:
                text = tr("Demonstration\nsimulated EEG and generated music; no headset needed")
            else:
                text = tr(
                    "{name}\n{type}, {n} channels, {rate:g} Hz, on {host}",
                    name=stream.name,
                    type=stream.type or tr("no type"),
                    n=stream.n_channels,
                    rate=stream.rate_hz,
                    host=stream.hostname,
                )
            self.list.addItem(QtWidgets.QListWidgetItem(text))
        uids = [s.uid if s is not None else None for s in self._streams]
        keep = wanted.uid if wanted is not None else None
        chosen = keep is not None and keep in uids
        self.list.setCurrentRow(uids.index(keep) if chosen else 0)
        self.list.blockSignals(blocked)
        self.picked.emit()

    @property
    def stream(self) -> FoundStream | None:
        """Chosen stream; None for the demonstration."""
        row = self.list.currentRow()
        return self._streams[row] if 0 <= row < len(self._streams) else None
