"""A headset is connected by clicks; faults are shown with their causes while it recovers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtTest

from bci_affect.app.headset import Headsets
from bci_affect.app.start import SessionStarter
from bci_affect.gui.aside import wait_for_all
from bci_affect.gui.flows.headset import HeadsetBox
from bci_affect.gui.flows.start import StartWindow
from bci_affect.gui.panels.topbar import TopBar
from bci_affect.gui.theme import DARK
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.gui.window import MainWindow
from bci_affect.session import SessionOptions
from bci_affect.streams import BoardSettings, ConnectionState, FoundDevice, ScanResult
from tests.gui.conftest import wait_for
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedStart

LEFT = QtCore.Qt.MouseButton.LeftButton
DONGLE = FoundDevice("OpenBCI dongle", ("cyton", "cyton_daisy"), "serial", "/dev/ttyUSB0")


def click(button: Any) -> None:
    assert button.isEnabled()
    QtTest.QTest.mouseClick(button, LEFT)


def bridges() -> list[psutil.Process]:
    """Return the running bridge processes of this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            words = process.cmdline()
        except psutil.Error:  # it has ended meanwhile
            continue
        if {"--with-parent", "--board"} <= set(words):
            found.append(process)
    return found


def test_a_headset_without_lsl_is_connected_by_clicks_and_survives_its_bridge() -> None:
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    with SessionStarter(SessionOptions(device="none", seed=2, publish=False), 30.0) as starter:
        start = StartWindow(starter, "dark")
        start.show()
        start.agree.setChecked(True)
        start.go_to(1)
        box = start.headset
        assert box is not None
        click(box.other)
        assert wait_for(lambda: hasattr(box, "dialog") and box.dialog.isVisible())
        box.dialog.board.setCurrentIndex(box.dialog.board.findData("synthetic"))
        click(box.dialog.accept_button)
        assert wait_for(lambda: "connected" in box.status.text()), box.status.text()
        assert wait_for(lambda: "battery" in box.status.text())
        assert wait_for(lambda: start.picker.stream is not None), start.picker.status.text()
        assert start.picker.stream is not None
        assert start.picker.stream.source_id == "brainflow-synthetic"
        click(start.next)
        start.without.setChecked(True)
        click(start.next)
        assert wait_for(lambda: start.pages.currentIndex() == 3), start.status.text()
        assert wait_for(lambda: "Waiting" not in start._contact_words.text())
        given: list[Any] = []
        start.started.connect(given.append)
        click(start.next)
        window = MainWindow(given[0].control, services=given[0].services, size=(1280, 720))
        window.show()
        badge = window.topbar.headset
        assert badge is not None
        try:
            assert wait_for(lambda: "%" in badge.text())
            assert wait_for(lambda: "STREAMING" in window.topbar._state.text())
            (bridge,) = bridges()
            bridge.kill()
            assert wait_for(lambda: "connecting headset" in badge.text())
            assert "started again" in badge.toolTip()
            assert wait_for(lambda: "%" in badge.text())
            assert wait_for(lambda: window.vm.health is not None and is_back(window.vm))
            messages = window.diagnostics._messages.toPlainText
            assert wait_for(lambda: "connected again" in messages())
        finally:
            window.end_and_close()
            wait_for(lambda: given[0].control.snapshot().clock.ended)
            window._timer.stop()
            wait_for_all()
            window.deleteLater()
            start.deleteLater()
    assert not bridges(), "the headset is disconnected with the program"


def is_back(vm: ViewModel) -> bool:
    health = vm.health
    return health is not None and health.state is ConnectionState.STREAMING


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Headsets]:
    """Headsets whose bridge has a stand-in for the board."""
    command = (sys.executable, "-m", "tests.gui.stand_in_bridge", str(tmp_path), "bridge")
    made = Headsets((*command, "--watchdog", "0.6"))
    yield made
    made.close()


class Searched(Headsets):
    """Real connections, with a search that finds one dongle."""

    def scan(self) -> ScanResult:
        return ScanResult((DONGLE,), ("This machine has no Bluetooth adapter.",))


def test_causes_of_a_faulty_board_are_shown_and_it_returns(
    faulty: Headsets, tmp_path: Path, session: ScriptedSession
) -> None:
    searched = Searched(faulty._command)
    box = HeadsetBox(searched)
    box.show()
    box.begin()
    ready: list[str] = []
    box.connected.connect(ready.append)
    vm = ViewModel(session)
    bar = TopBar(vm, headset=searched)
    bar.apply_theme(DARK)
    badge = bar.headset
    assert badge is not None

    def shows(text: str) -> bool:
        bar.refresh()
        return text in badge.text()

    try:
        click(box.search)
        assert wait_for(lambda: "1 found. This machine has no Bluetooth" in box.status.text())
        assert [box.model.itemData(i) for i in range(2)] == ["cyton", "cyton_daisy"]
        (tmp_path / "refuse").touch()
        click(box.connection)
        assert wait_for(lambda: "no 'cyton' answers" in box.status.text()), box.status.text()
        assert shows("headset not connected")
        (tmp_path / "refuse").unlink()
        click(box.connection)
        assert wait_for(lambda: ready == ["brainflow-cyton-ttyUSB0"])
        assert wait_for(lambda: "battery 87 %" in box.status.text())
        assert box.connection.text() == "Disconnect"
        assert shows("87 %")
        (tmp_path / "silent").touch()
        assert wait_for(lambda: shows("connecting headset"))
        assert "sends nothing" in badge.toolTip()
        (tmp_path / "silent").unlink()
        assert wait_for(lambda: shows("87 %"))
        click(box.connection)
        assert wait_for(lambda: searched.status() is None)
        assert shows("")
        assert wait_for(lambda: not bridges())
    finally:
        box.end()
        searched.close()
        wait_for_all()
        box.deleteLater()
        bar.deleteLater()


def test_a_bridge_that_hangs_is_replaced(faulty: Headsets) -> None:
    faulty._hang_s = 3.0
    faulty.connect(BoardSettings("cyton", serial_port="/dev/ttyUSB1"))

    def state() -> ConnectionState | None:
        status = faulty.status()
        return None if status is None else status.state

    assert wait_for(lambda: state() is ConnectionState.STREAMING)
    (first,) = bridges()
    first.suspend()
    assert wait_for(lambda: state() is ConnectionState.RECONNECTING)
    status = faulty.status()
    assert status is not None
    assert "no sign of life" in status.reason
    assert wait_for(lambda: state() is ConnectionState.STREAMING)
    assert [process.pid for process in bridges()] != [first.pid]


class Without(Headsets):
    """A machine without the extra."""

    def missing(self) -> str:
        return "brainflow, bleak"


def test_a_missing_extra_is_explained_by_one_button() -> None:
    service = ScriptedStart()
    service.headsets = Without()
    start = StartWindow(service, "dark")
    start.show()
    start.go_to(1)
    box = start.headset
    assert box is not None
    assert not box.search.isVisible()
    click(box.explain)
    dialog = box.dialog_missing
    assert "'bci_affect[headset]'" in dialog.command.text()
    click(dialog.copy)
    assert QtGui.QGuiApplication.clipboard().text() == dialog.command.text()
    dialog.accept()
    start.close()
    wait_for(lambda: not start.picker._busy)
    start.deleteLater()
