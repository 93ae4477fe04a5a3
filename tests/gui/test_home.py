"""Home page, and the way from window to window: start, session, end, calibration, recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyqtgraph.Qt import QtCore, QtTest, QtWidgets

from bci_affect.app.home import Home
from bci_affect.gui import desktop
from bci_affect.gui.app import _Windows
from bci_affect.gui.aside import wait_for_all
from bci_affect.gui.flows import ending, home
from bci_affect.gui.flows.home import HomeWindow
from bci_affect.gui.flows.start import StartWindow
from bci_affect.gui.services import (
    CalibrationResult,
    PastSession,
    ScanStatus,
    Services,
)
from bci_affect.gui.window import MainWindow
from bci_affect.profiles.store import ProfileStore
from bci_affect.resources import shipped
from bci_affect.session import SessionOptions
from bci_affect.session.guided.calibration import Timing
from tests.gui.conftest import tick, wait_for
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedCalibration, ScriptedStart
from tests.gui.test_flows import click

KEY = QtCore.Qt.Key
CONTROL = QtCore.Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def service() -> ScriptedStart:
    return ScriptedStart()


@pytest.fixture
def windows(qapp: Any, service: ScriptedStart) -> Iterator[_Windows]:
    kept = qapp.quitOnLastWindowClosed()
    qapp.setQuitOnLastWindowClosed(False)
    made = _Windows(service, "dark", home=True)
    left: list[str] = []
    made._quit = lambda: left.append("quit")
    made.quits = left  # type: ignore[attr-defined]
    yield made
    made.end()
    wait_for_all()
    made.delete()
    qapp.processEvents()
    qapp.setQuitOnLastWindowClosed(kept)


def session_of(windows: _Windows, service: ScriptedStart) -> MainWindow:
    """Walk from the home page to a running session."""
    click(windows._window.start_page.session)
    start = windows._window
    assert isinstance(start, StartWindow)
    start.go_to(2)
    start.without.setChecked(True)
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    click(start.next)
    window = windows._window
    assert isinstance(window, MainWindow)
    window._timer.stop()
    tick(window, service.session, 2)
    return window


def test_from_home_to_a_session_and_on_to_the_next(
    windows: _Windows, service: ScriptedStart
) -> None:
    window = session_of(windows, service)
    QtTest.QTest.keyClick(window, KEY.Key_E, CONTROL)
    assert wait_for(lambda: service.session.ended)
    tick(window, service.session, 2)
    page = window.end_page
    assert page is not None
    assert page.again.isVisible()
    click(page.again)
    assert wait_for(lambda: isinstance(windows._window, StartWindow))
    windows._window.close()
    assert wait_for(lambda: isinstance(windows._window, HomeWindow)), "a cancelled start goes home"
    assert not windows.quits  # type: ignore[attr-defined]
    click(windows._window.quit_button)
    assert windows.quits == ["quit"]  # type: ignore[attr-defined]


def test_after_the_end_no_control_pretends_to_work(
    windows: _Windows, service: ScriptedStart
) -> None:
    window = session_of(windows, service)
    QtTest.QTest.keyClick(window, KEY.Key_E, CONTROL)
    assert wait_for(lambda: service.session.ended)
    tick(window, service.session, 12)
    sent = list(service.session.commands)
    assert window.end_page is not None
    window.end_page.close()
    for panel in (window.nowplaying, window.queue, window.plane, window.report, window.traces):
        assert not panel.isEnabled(), panel.key
    bar = window.sessionbar
    for button in (bar.pause_button, bar.mark_button, bar.record_button, bar.baseline_button):
        assert not button.isEnabled()
    window.activateWindow()
    assert wait_for(window.isActiveWindow, 5)
    for key in (KEY.Key_Space, KEY.Key_N, KEY.Key_M, KEY.Key_R):
        QtTest.QTest.keyClick(window, key)
    assert service.session.commands == sent
    assert "Summary shows what next" in bar.message.text()
    assert bar.end_button.text() == "Summary"
    click(bar.end_button)
    assert window.end_page.isVisible(), "the page can be shown again"
    window.end_page.close()
    assert wait_for(window.isActiveWindow, 5)
    QtTest.QTest.keyClick(window, KEY.Key_Q, CONTROL)
    assert wait_for(lambda: windows.quits == ["quit"])  # type: ignore[attr-defined]


def test_a_profile_is_created_and_calibrated_without_a_command(
    windows: _Windows, service: ScriptedStart, tmp_path: Path
) -> None:
    click(windows._window.start_page.calibrate)
    page = windows._window.profiles_page
    assert page.isVisible()
    page.name.setText("Mia")
    click(page.create)
    assert "Mia" in service.names
    assert page._chosen() is not None
    assert page._chosen().name == "Mia"
    runner = ScriptedCalibration(service.session, tmp_path, Timing(5, 5, 3, 2))
    service.services = Services(calibration=runner, can_leave=True)
    click(page.calibrate)
    start = windows._window
    assert start.calibrate
    start.go_to(2)
    assert start.profile.currentData() == "Mia"
    assert start.without.isHidden(), "a calibration needs music"
    start.with_library.setChecked(True)
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    assert service.choices[-1].calibrate
    click(start.next)
    window = windows._window
    window._timer.stop()
    flow = window.calibration
    assert flow is not None
    assert flow.isVisible(), "the calibration opens by itself"
    opened: list[Path] = []
    report = tmp_path / "report.html"
    flow.show_verdict(CalibrationResult("Valence is above chance.", report=report))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bci_affect.gui.flows.calibration.open_with_desktop", opener(opened))
        click(flow.report)
    assert opened == [report], "the report opens in the browser, not inside the window"
    click(flow.session)
    assert wait_for(lambda: isinstance(windows._window, StartWindow))
    assert service.session.ended
    assert not windows._window.calibrate
    assert windows._window.profile.currentData() == "P01", "a session as the calibrated person"


def test_not_calibrated_leads_to_the_profiles(
    windows: _Windows, service: ScriptedStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.session.standing = ("not calibrated to you: what your EEG tells is unknown",)
    service.session.confidence = 0.1
    window = session_of(windows, service)
    tick(window, service.session, 4)
    window.plane.grab()
    monkeypatch.setattr("bci_affect.gui.window.may_calibrate", lambda window: True)
    at = window.plane._link.center().toPoint()
    assert window.plane._link.isValid()
    QtTest.QTest.mouseClick(window.plane, QtCore.Qt.MouseButton.LeftButton, pos=at)
    assert wait_for(lambda: isinstance(windows._window, HomeWindow))
    assert windows._window.profiles_page.isVisible()
    assert service.session.ended


def test_past_sessions_open_their_report_or_replay(
    windows: _Windows, service: ScriptedStart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(home, "open_with_desktop", opener(opened))
    first = PastSession(tmp_path / "sub-Mia_eeg.xdf", "Mia", 1e9, 2_000_000, tmp_path / "r.html")
    second = PastSession(tmp_path / "sub-Bo_eeg.xdf", "Bo", 9e8, 1_000_000)
    service.past = [first, second]
    window = windows._window
    window.show_place("sessions")
    page = window.sessions_page
    assert wait_for(lambda: page.table.rowCount() == 2)
    assert not page.report.isEnabled()
    page.table.selectRow(0)
    click(page.report)
    assert opened == [tmp_path / "r.html"]
    page.table.selectRow(1)
    assert page.report.text() == "Write report"
    click(page.report)
    assert wait_for(lambda: opened[-1] == tmp_path / "sub-Bo_eeg.html")
    assert wait_for(lambda: page.table.rowCount() == 2)
    page.table.selectRow(1)
    click(page.replay)
    assert wait_for(lambda: isinstance(windows._window, MainWindow))
    assert service.opened == [second.path]
    windows._window._timer.stop()


def test_the_program_lists_real_profiles_and_recordings(tmp_path: Path) -> None:
    demo = shipped("recordings/demo.xdf")
    (tmp_path / "sub-Ada_ses-1_eeg.xdf").write_bytes(demo.read_bytes()[:1000])
    (tmp_path / "sub-Ada_ses-1_eeg.html").write_text("report")
    with Home(SessionOptions(), 1.0) as service:
        service.create_profile("Ada")
        assert [(p.name, p.standing) for p in service.profile_summaries()] == [
            ("Ada", "not calibrated")
        ]
        (past,) = service.past_sessions([tmp_path, tmp_path / "absent"])
    assert (past.person, past.report) == ("Ada", tmp_path / "sub-Ada_ses-1_eeg.html")
    with ProfileStore() as store:
        assert store.names() == ["Ada"]


def opener(opened: list[Path]) -> Callable[[Path], bool]:
    """Return a stand-in for the desktop, which notes what it opens."""

    def open_it(path: Path) -> bool:
        opened.append(path)
        return True

    return open_it


class Scan:
    """Scan with a status that a test sets."""

    def __init__(self) -> None:
        self.at = ScanStatus(12, 340, "song.mp3", 240.0)

    def status(self) -> ScanStatus:
        return self.at

    def cancel(self) -> None:
        self.at = ScanStatus(12, 340, "song.mp3", ended=True, cancelled=True)


def test_adding_music_shows_its_progress_and_closing_asks(
    session: ScriptedSession,
    open_window: Callable[..., MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = Scan()
    window = open_window(session, services=Services(scan=scan))
    strip = window.scan_strip
    assert strip is not None
    assert strip.text.text() == "Adding music: 12 of 340 · song.mp3 · about 4:00 left"
    asked: list[dict[str, bool]] = []

    def stay(window: object, **what: bool) -> bool:
        asked.append(what)
        return False

    monkeypatch.setattr("bci_affect.gui.window.may_end", stay)
    window.close()
    assert asked == [{"recording": False, "adding": True}]
    assert window.isVisible()
    assert not session.ended
    click(strip.cancel)
    tick(window, session, 9)
    assert strip.text.text() == "Stopped: 12 tracks added"
    assert strip.cancel.isHidden()


def test_record_asks_for_a_folder_once(
    session: ScriptedSession,
    open_window: Callable[..., MainWindow],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    session.record_folder = None
    window = open_window(session)
    asked: list[str] = []

    def choose(parent: object, title: str, folder: str) -> str:
        asked.append(title)
        return str(tmp_path)

    monkeypatch.setattr(QtWidgets.QFileDialog, "getExistingDirectory", choose)
    QtTest.QTest.keyClick(window, KEY.Key_R)
    assert window.control.record_folder == tmp_path
    tick(window, session, 8)
    assert window.sessionbar.recording
    QtTest.QTest.keyClick(window, KEY.Key_R)
    tick(window, session, 8)
    QtTest.QTest.keyClick(window, KEY.Key_R)
    assert len(asked) == 1, "the folder is known now"
    assert window.preferences.record_folder == str(tmp_path)


def test_a_self_report_says_where_it_is_kept(
    session: ScriptedSession, open_window: Callable[..., MainWindow]
) -> None:
    window = open_window(session)

    def report() -> str:
        QtTest.QTest.keyClick(window, KEY.Key_S)
        QtTest.QTest.keyClick(window.report.valence, KEY.Key_7)
        QtTest.QTest.keyClick(window.report.arousal, KEY.Key_3)
        click(window.report.send)
        return str(window.report._thanks.text())

    assert report().startswith("Not recorded")
    session.start_recording()
    tick(window, session, 2)
    assert report() == "Stored in the recording"


def test_the_desktop_lists_the_program(
    qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    entry = desktop.write_desktop_entry()
    assert entry == tmp_path / "applications" / "bci-affect.desktop"
    assert " home\n" in entry.read_text()
    icons = list((tmp_path / "icons").rglob("bci-affect.png"))
    assert len(icons) == 3


def test_the_end_page_opens_the_folder_of_the_recording(
    session: ScriptedSession,
    open_window: Callable[..., MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(ending, "open_with_desktop", opener(opened))
    window = open_window(session)
    session.start_recording()
    tick(window, session, 3)
    window.stop()
    assert wait_for(lambda: session.ended)
    tick(window, session, 2)
    assert window.end_page is not None
    click(window.end_page.folder)
    assert opened == [Path("/recordings")]
    assert window.end_page.again.isHidden(), "nothing can follow this session"
    window.end_page.close()
