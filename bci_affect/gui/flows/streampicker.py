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
GONE_AFTER = 3
"""Searches in a row that must miss a stream until it counts as gone; one may miss it by chance."""

STAYS = 4
"""Searches in a row after which two equal streams are two devices."""

Identity = tuple[str, ...]


def identity(stream: FoundStream) -> Identity:
    """Return the identity of a stream, which stays the same when its device reconnects.

    A stream without a source id cannot be recognised after it was opened again.
    """
    if stream.source_id:
        return (stream.source_id, stream.name, stream.type, stream.hostname)
    return (stream.uid,)


class SideStreamList(QtWidgets.QGroupBox):
    """Check boxes of the side streams of the chosen device; all are checked at first."""

    def __init__(self) -> None:
        super().__init__(tr("Recorded with it"))
        self.boxes: dict[str, QtWidgets.QCheckBox] = {}
        self._left_out: set[str] = set()
        self._box = QtWidgets.QVBoxLayout(self)
        self.hide()

    def show_streams(self, streams: list[FoundStream]) -> None:
        """Show the side streams of a device; hide the list if it has none."""
        named = {f"{stream.name}/{stream.type}": stream for stream in streams}
        if list(named) != list(self.boxes):
            for box in self.boxes.values():
                self._box.removeWidget(box)
                box.deleteLater()
            self.boxes = {key: self._check_box(key, stream) for key, stream in named.items()}
        self.setVisible(bool(named))

    def _check_box(self, key: str, stream: FoundStream) -> QtWidgets.QCheckBox:
        text = tr(
            "{name} · {type}, {n} channels, {rate:g} Hz",
            name=stream.name,
            type=stream.type or tr("no type"),
            n=stream.n_channels,
            rate=stream.rate_hz,
        )
        box = QtWidgets.QCheckBox(text.replace("&", "&&"))
        box.setChecked(key not in self._left_out)
        box.toggled.connect(lambda kept: self._keep(key, kept))
        self._box.addWidget(box)
        return box

    def _keep(self, key: str, kept: bool) -> None:
        (self._left_out.discard if kept else self._left_out.add)(key)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Shown side streams that are not checked, as NAME/TYPE."""
        return tuple(key for key in self.boxes if key in self._left_out)


class StreamPicker(QtWidgets.QWidget):
    """Self-refreshing list of EEG streams; the demonstration is always listed.

    A choice is kept until its stream is gone, and then nothing is chosen. Only the one stream that
    is found while nothing was ever chosen is chosen automatically.
    """

    picked = QtCore.Signal()

    def __init__(self, service: StartService) -> None:
        super().__init__()
        self._service = service
        self._busy = False
        self._ever_chosen = False
        self._preferred = ""  # source id to choose once it is found
        self._streams: dict[Identity, FoundStream] = {}
        self._missed: dict[Identity, int] = {}
        self._seen: dict[str, int] = {}  # searches in a row, by uid
        self._rows: list[Identity | None] = []  # None is the demonstration
        self.list = QtWidgets.QListWidget()
        self.list.setObjectName("streams")
        self.list.setAccessibleName(tr("EEG streams"))
        self.status = Caption(tr("Searching for EEG streams"))
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.sides = SideStreamList()
        box.addWidget(self.list, 1)
        box.addWidget(self.sides)
        box.addWidget(self.status)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.search)
        self.list.itemSelectionChanged.connect(self._choose)
        self._show()

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

    def prefer(self, source_id: str) -> None:
        """Choose a stream as soon as it is found."""
        self._preferred = source_id
        self._show()
        self.search()

    def _choose(self) -> None:
        self._ever_chosen = self._ever_chosen or self.chosen
        self._show_sides()
        self.picked.emit()

    def _show_sides(self) -> None:
        stream = self.stream
        self.sides.show_streams(self._service.side_streams(stream) if stream else [])

    @property
    def left_out(self) -> tuple[str, ...]:
        """Side streams that the user has excluded, as NAME/TYPE."""
        return self.sides.left_out

    def _found(self, streams: list[FoundStream]) -> None:
        self._busy = False
        chosen = self.stream
        found = self._told_apart(streams)
        for key in set(self._streams) - set(found):
            self._missed[key] = self._missed.get(key, 0) + 1
            if self._missed[key] >= GONE_AFTER:
                del self._streams[key]
        for key, stream in found.items():
            self._missed.pop(key, None)
            self._streams[key] = stream
        self._show()
        if chosen is not None and identity(chosen) not in self._streams:
            text = tr("'{name}' is gone: it sends no more. Choose a stream.", name=chosen.name)
        elif streams:
            text = tr("{n} found; the list refreshes every two seconds", n=len(streams))
        else:
            text = tr(
                "No EEG stream is found yet. Switch the headset on and start its LSL stream; both "
                "machines must be in one network. The list refreshes every two seconds."
            )
        self.status.setText(text)

    def _told_apart(self, streams: list[FoundStream]) -> dict[Identity, FoundStream]:
        """Return the streams by identity; two equal headsets have two.

        A device that has restarted is seen twice as well, as the old stream stays visible for some
        seconds: only streams that stay are distinguished, and the newest one is the device.
        """
        self._seen = {s.uid: self._seen.get(s.uid, 0) + 1 for s in streams}
        found: dict[Identity, FoundStream] = {}
        for stream in sorted(streams, key=lambda stream: -stream.created):
            key = identity(stream)
            if key in found and min(self._seen[s.uid] for s in (stream, found[key])) > STAYS:
                key = (*key, stream.uid)
            found.setdefault(key, stream)
        return dict(sorted(found.items(), key=lambda item: streams.index(item[1])))

    def _failed(self, error: Exception) -> None:
        self._busy = False
        if not isinstance(error, BciAffectError):
            logger.error("the search for streams failed", exc_info=error)
        self.status.setText(str(error))

    def _show(self) -> None:
        """List the streams, and keep the chosen one."""
        chosen = self._selected()
        present = self._rows[chosen] if chosen is not None else None
        self._rows = [*self._streams, None]
        blocked = self.list.blockSignals(True)
        self.list.clear()
        for key in self._rows:
            self.list.addItem(QtWidgets.QListWidgetItem(self._text(key)))
        preferred = [key for key, s in self._streams.items() if s.source_id == self._preferred]
        if self._preferred and preferred:
            self._preferred, self._ever_chosen = "", True
            self.list.setCurrentRow(self._rows.index(preferred[0]))
        elif chosen is not None and present in self._rows:
            self.list.setCurrentRow(self._rows.index(present))
        elif not self._ever_chosen and len(self._streams) == 1:
            self._ever_chosen = True
            self.list.setCurrentRow(0)
        self.list.blockSignals(blocked)
        self._show_sides()
        self.picked.emit()

    def _text(self, key: Identity | None) -> str:
        if key is None:
            return tr("Demonstration\nsimulated EEG and generated music; no headset needed")
        stream = self._streams[key]
        text = tr(
            "{name}\n{type}, {n} channels, {rate:g} Hz, on {host}",
            name=stream.name,
            type=stream.type or tr("no type"),
            n=stream.n_channels,
            rate=stream.rate_hz,
            host=stream.hostname,
        )
        alike = [s for s in self._streams.values() if s.name == stream.name]
        if len(alike) > 1:
            twins = [s for s in alike if s.source_id == stream.source_id]
            name = stream.source_id if stream.source_id and len(twins) == 1 else stream.uid[:8]
            text += tr(" · id {id}", id=name)
        missing = tr(" · not found by the last search") if key in self._missed else ""
        return text + missing

    def _selected(self) -> int | None:
        """Return the selected row; the current row alone may come from a change of the focus."""
        rows = [self.list.row(item) for item in self.list.selectedItems()]
        return rows[0] if rows else None

    @property
    def chosen(self) -> bool:
        """True while a stream or the demonstration is chosen."""
        return self._selected() is not None

    @property
    def stream(self) -> FoundStream | None:
        """Chosen stream; None for the demonstration, and without a choice (see `chosen`)."""
        row = self._selected()
        key = self._rows[row] if row is not None else None
        return None if key is None else self._streams[key]

    def choose_demonstration(self) -> None:
        """Choose the demonstration."""
        self.list.setCurrentRow(self.list.count() - 1)
