"""Headsets that need no other program: search, choice of the model, and connection."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.aside import run_aside
from bci_affect.gui.panels.base import Caption, Choice, label, set_text, set_tip
from bci_affect.gui.services import HeadsetService, HeadsetStatus
from bci_affect.gui.texts import tr
from bci_affect.streams import BoardSettings, ConnectionState, FoundDevice, ScanResult

logger = logging.getLogger(__name__)
POLL_MS = 300


def state_words(status: HeadsetStatus) -> str:
    """Return the state of a headset in one line, with the cause of a problem."""
    words = {
        ConnectionState.CONNECTING: tr("connecting"),
        ConnectionState.STREAMING: tr("connected"),
        ConnectionState.STALLED: tr("silent"),
        ConnectionState.RECONNECTING: tr("connecting again"),
        ConnectionState.STOPPED: tr("not connected"),
    }
    text = f"{status.name}: {words.get(status.state, status.state.value)}"
    battery = battery_words(status)
    if status.state is ConnectionState.STREAMING:
        return f"{text}, {battery}" if battery else text
    return f"{text}. {status.reason}" if status.reason else text


def battery_words(status: HeadsetStatus) -> str:
    """Return the battery's charge, or "" if it is unknown."""
    if math.isnan(status.battery):
        return ""
    return tr("battery {percent:.0f} %", percent=status.battery)


class HeadsetBox(QtWidgets.QWidget):
    """Search and connection of a headset on the page of the EEG streams.

    `connected` is emitted with the source id of a headset's stream once it sends.
    """

    connected = QtCore.Signal(str)

    def __init__(self, service: HeadsetService) -> None:
        super().__init__()
        self._service = service
        self._devices: list[FoundDevice] = []
        self._busy = False
        self._announced = ""
        self.search = QtWidgets.QPushButton(tr("Search for headsets"))
        set_tip(self.search, tr("Searches over Bluetooth and at serial ports for four seconds"))
        self.search.clicked.connect(self.scan)
        self.other = QtWidgets.QPushButton(tr("Another headset"))
        self.other.clicked.connect(self._ask_settings)
        self.explain = QtWidgets.QPushButton(tr("What is missing?"))
        self.explain.clicked.connect(self._explain)
        self.list = QtWidgets.QListWidget()
        self.list.setObjectName("streams")
        self.list.setAccessibleName(tr("Headsets in reach"))
        self.list.setMaximumHeight(130)
        self.list.itemSelectionChanged.connect(self._update)
        self.list.itemDoubleClicked.connect(lambda _: self.connect_chosen())
        self.model = Choice()
        self.model.setAccessibleName(tr("Model of the headset"))
        self.connection = QtWidgets.QPushButton(tr("Connect"))
        set_tip(
            self.connection,
            tr("Starts a bridge that publishes the headset over LSL, on this network"),
        )
        self.connection.clicked.connect(self._toggle)
        self.status = Caption("")
        self._lay_out()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._update()

    def _lay_out(self) -> None:
        head = QtWidgets.QHBoxLayout()
        head.addWidget(label(tr("Connect a headset directly"), "title"))
        head.addStretch(1)
        for button in (self.explain, self.search, self.other):
            head.addWidget(button)
        low = QtWidgets.QHBoxLayout()
        low.addWidget(self.status, 1)
        low.addWidget(self.model)
        low.addWidget(self.connection)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 6, 0, 0)
        box.setSpacing(8)
        box.addLayout(head)
        box.addWidget(self.list)
        box.addLayout(low)

    # --- use ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Show the present state, and follow it while the page is shown."""
        self._timer.start()
        self._poll()

    def end(self) -> None:
        """Stop following the state; a headset stays connected."""
        self._timer.stop()

    def scan(self) -> None:
        """Search once in the background."""
        self._set_busy(tr("Searching over Bluetooth and at serial ports"))
        run_aside(self, self._service.scan, self._scanned, self._failed)

    def connect_chosen(self) -> None:
        """Connect the chosen device as the chosen model."""
        device = self._chosen()
        if device is not None:
            self.connect_settings(device.settings(str(self.model.currentData() or "")))

    def connect_settings(self, settings: BoardSettings) -> None:
        """Connect a headset in the background, in place of the present one."""
        self._announced = ""
        self._set_busy(tr("Connecting '{name}'", name=settings.board))
        run_aside(self, lambda: self._service.connect(settings), self._done, self._failed)

    # --- parts --------------------------------------------------------------------------------

    def _chosen(self) -> FoundDevice | None:
        rows = [self.list.row(item) for item in self.list.selectedItems()]
        return self._devices[rows[0]] if rows and rows[0] < len(self._devices) else None

    def _scanned(self, result: ScanResult) -> None:
        self._busy = False
        self._devices = list(result.devices)
        self.list.clear()
        for device in self._devices:
            place = {"bluetooth": tr("Bluetooth"), "serial": tr("serial port")}[device.transport]
            strength = (
                tr(", signal {dbm} dBm", dbm=device.strength_dbm) if device.strength_dbm else ""
            )
            self.list.addItem(
                QtWidgets.QListWidgetItem(f"{device.title}\n{place} {device.address}{strength}")
            )
        if self._devices:
            self.list.setCurrentRow(0)
        self._update()
        found = tr("{n} found.", n=len(self._devices))
        if not self._devices:
            found = tr("No headset found. Switch it on, and close its app on the phone.")
        self.status.setText(" ".join((found, *result.notes)))

    def _done(self, _: object) -> None:
        self._busy = False
        self._poll()

    def _failed(self, error: Exception) -> None:
        self._busy = False
        if not isinstance(error, BciAffectError):
            logger.error("the headset failed", exc_info=error)
        self._update()
        self.status.setText(str(error))

    def _set_busy(self, text: str) -> None:
        self._busy = True
        self.status.setText(text)
        self._update()

    def _toggle(self) -> None:
        if self._is_connected():
            self._set_busy(tr("Disconnecting"))
            run_aside(self, self._service.close, self._disconnected, self._failed)
        else:
            self.connect_chosen()

    def _disconnected(self, _: object) -> None:
        self._busy = False
        self.status.setText("")
        self._update()

    def _is_connected(self) -> bool:
        status = self._service.status()
        return status is not None and status.state is not ConnectionState.STOPPED

    def _poll(self) -> None:
        """Show the state of the connected headset."""
        status = self._service.status()
        if self._busy:
            return
        if status is not None:
            set_text(self.status, state_words(status))
            if status.state is ConnectionState.STREAMING and self._announced != status.source_id:
                self._announced = status.source_id
                self.connected.emit(status.source_id)
        self._update()

    def _update(self) -> None:
        """Show the controls that can be used now."""
        missing = bool(self._service.missing())
        connected = self._is_connected()
        self.explain.setVisible(missing)
        for widget in (self.search, self.other):
            widget.setVisible(not missing)
            widget.setEnabled(not self._busy)
        device = self._chosen()
        self.list.setVisible(bool(self._devices) and not connected)
        self.connection.setVisible(connected or device is not None)
        self.connection.setEnabled(not self._busy)
        self.connection.setText(tr("Disconnect") if connected else tr("Connect"))
        boards = device.boards if device is not None else ()
        if [self.model.itemData(i) for i in range(self.model.count())] != list(boards):
            self.model.clear()
            for board in boards:
                self.model.addItem(board, board)
        self.model.setVisible(len(boards) > 1 and not connected)

    def _ask_settings(self) -> None:
        run_aside(self, self._service.boards, self._open_settings, self._failed)

    def _open_settings(self, boards: list[str]) -> None:
        self.dialog = BoardDialog(boards, self)
        self.dialog.accepted.connect(lambda: self.connect_settings(self.dialog.settings()))
        self.dialog.open()

    def _explain(self) -> None:
        self.dialog_missing = MissingDialog(self._service, self)
        self.dialog_missing.open()


class BoardDialog(QtWidgets.QDialog):
    """Settings of a headset that the search does not find: board and address."""

    FIELDS = (
        ("serial_port", "Serial port", "/dev/ttyUSB0, COM3"),
        ("mac_address", "Bluetooth address", "00:55:DA:B0:12:34"),
        ("serial_number", "Name or number", "Muse-1234"),
        ("ip_address", "Network address", "192.168.4.1"),
        ("file", "Recording", "of the board playback_file"),
        ("master", "Board of that recording", "cyton"),
    )

    def __init__(self, boards: list[str], parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Another headset"))
        self.setMinimumWidth(440)
        self.board = Choice()
        self.board.setAccessibleName(tr("Board"))
        for name in boards:
            self.board.addItem(name, name)
        form = QtWidgets.QFormLayout(self)
        form.addRow(tr("Board"), self.board)
        self.fields: dict[str, QtWidgets.QLineEdit] = {}
        for key, title, example in self.FIELDS:
            field = QtWidgets.QLineEdit()
            field.setPlaceholderText(example)
            self.fields[key] = field
            form.addRow(tr(title), field)
        form.addRow(Caption(tr("Fields that the board does not need stay empty.")))
        buttons = QtWidgets.QDialogButtonBox(
            QtWidgets.QDialogButtonBox.StandardButton.Cancel
            | QtWidgets.QDialogButtonBox.StandardButton.Ok
        )
        self.accept_button = buttons.button(QtWidgets.QDialogButtonBox.StandardButton.Ok)
        self.accept_button.setText(tr("Connect"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)

    def settings(self) -> BoardSettings:
        """Return the settings as entered."""
        values = {key: field.text().strip() for key, field in self.fields.items()}
        return replace(BoardSettings(str(self.board.currentData())), **values)


class MissingDialog(QtWidgets.QDialog):
    """Explanation of the extra that is missing, with the command that installs it."""

    def __init__(self, service: HeadsetService, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Connect headsets directly"))
        text = Caption(
            tr(
                "Muse, OpenBCI and other headsets can be connected without another program. This "
                "needs the packages {missing} (the extra 'headset', about 90 MB), which are not "
                "installed. Run this command in a terminal, then start bci-affect again:",
                missing=service.missing(),
            )
        )
        self.command = QtWidgets.QLineEdit(service.install_command())
        self.command.setReadOnly(True)
        self.copy = QtWidgets.QPushButton(tr("Copy"))
        self.copy.clicked.connect(
            lambda: QtGui.QGuiApplication.clipboard().setText(self.command.text())
        )
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.command, 1)
        row.addWidget(self.copy)
        close = QtWidgets.QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        box = QtWidgets.QVBoxLayout(self)
        box.addWidget(text)
        box.addLayout(row)
        box.addWidget(close)
        self.resize(560, 170)
