"""Every flow by clicks and keys: first start, calibration, replay, closing and the end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyqtgraph.Qt import QtCore, QtTest, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.app import run_start
from bci_affect.gui.flows.ending import EndPage, summary
from bci_affect.gui.flows.start import StartWindow
from bci_affect.gui.flows.streampicker import STAYS
from bci_affect.gui.services import Services, Started
from bci_affect.gui.window import MainWindow
from bci_affect.profiles import has_consented
from bci_affect.resources import user_home
from bci_affect.session.guided.calibration import Step, Timing
from tests.gui.conftest import tick, wait_for
from tests.gui.scripted import ScriptedSession
from tests.gui.scripted_services import ScriptedCalibration, ScriptedReplay, ScriptedStart, found

Open = Callable[..., MainWindow]
LEFT = QtCore.Qt.MouseButton.LeftButton
KEY = QtCore.Qt.Key


def click(button: Any) -> None:
    QtTest.QTest.mouseClick(button, LEFT)


# --- first start ------------------------------------------------------------------------------


@pytest.fixture
def service() -> ScriptedStart:
    return ScriptedStart()


@pytest.fixture
def start(service: ScriptedStart) -> Iterator[StartWindow]:
    (user_home() / "consent.json").unlink()
    window = StartWindow(service, "dark")
    window.show()
    yield window
    window.close()
    wait_for(lambda: not window.picker._busy)
    window.deleteLater()


def test_nobody_is_measured_without_consent(start: StartWindow, service: ScriptedStart) -> None:
    assert start.pages.currentIndex() == 0
    assert not start.next.isEnabled()
    click(start.next)
    assert start.pages.currentIndex() == 0
    start.agree.setChecked(True)
    click(start.next)
    assert start.pages.currentIndex() == 1
    again = StartWindow(service, "dark")
    assert again.pages.currentIndex() == 1, "consent is remembered"
    again.close()


def test_every_person_agrees_once(service: ScriptedStart) -> None:
    service.streams = [found("Muse S", "a")]
    window = StartWindow(service, "dark")
    window.show()
    search(window)
    window.go_to(2)
    window.without.setChecked(True)
    window.profile.setCurrentIndex(1)
    click(window.next)
    assert window.pages.currentIndex() == 0, "P01 has not read the notice"
    assert not window.next.isEnabled()
    window.agree.setChecked(True)
    click(window.next)
    assert has_consented("p01")
    click(window.next)
    assert wait_for(lambda: window.pages.currentIndex() == 3)
    window.close()
    wait_for(lambda: service.session.ended)


def test_streams_appear_by_themselves_and_the_search_never_blocks(
    start: StartWindow, service: ScriptedStart
) -> None:
    service.released.clear()
    start.agree.setChecked(True)
    start.go_to(1)
    assert wait_for(lambda: service.searches == 1)
    assert service.answers == 0, "the page is there while the search goes on"
    assert start.picker.stream is None
    service.released.set()
    assert wait_for(lambda: "No EEG stream" in start.picker.status.text())
    assert threading.get_ident() not in service.threads
    service.streams = [found("Muse S", "a"), found("Cap", "b")]
    assert wait_for(lambda: start.picker.list.count() == 3), "refreshes every two seconds"
    assert not start.picker.chosen, "with two headsets the user chooses"
    assert not start.next.isEnabled()
    start.picker.list.setCurrentRow(1)
    service.streams = [found("New", "c"), *service.streams]
    search(start)
    assert start.picker.list.count() == 4
    assert start.picker.stream == found("Cap", "b"), "what was chosen stays chosen"


def search(start: StartWindow, times: int = 1) -> None:
    """Search now, without waiting for the timer."""
    start.picker._timer.stop()
    for _ in range(times):
        assert wait_for(lambda: not start.picker._busy)
        start.picker.search()
    assert wait_for(lambda: not start.picker._busy)


def test_the_choice_of_a_stream_never_changes_by_itself(
    start: StartWindow, service: ScriptedStart
) -> None:
    """A missed search keeps it; a reconnect keeps it; once it is gone, nothing is chosen."""
    epoc, muse = found("EPOC Anna", "a"), found("Muse S", "b")
    service.streams = [epoc]
    start.agree.setChecked(True)
    start.go_to(1)
    search(start)
    assert start.picker.stream == epoc, "the only stream is chosen without a click"
    service.streams = [epoc, muse]
    search(start)
    assert start.picker.stream == epoc
    start.picker.list.setCurrentRow(1)
    service.streams = [epoc]
    search(start)
    assert start.picker.stream == muse, "one search may miss a stream"
    assert "not found by the last search" in start.picker.list.item(1).text()
    again = replace(muse, uid="c", created=9.0)
    service.streams = [again, epoc]
    search(start)
    assert start.picker.stream == again, "the device has reconnected"
    service.streams = [epoc]
    search(start, 3)
    assert not start.picker.chosen
    assert not start.next.isEnabled()
    assert "'Muse S' is gone" in start.picker.status.text()
    search(start)
    assert not start.picker.chosen, "the other headset is not started in its place"
    start.picker.choose_demonstration()
    service.streams = [epoc, again]
    search(start)
    assert start.picker.list.selectedItems()
    assert start.picker.stream is None, "the demonstration stays chosen when streams appear"


def test_back_on_the_contact_page_ends_the_session_and_starts_another(
    start: StartWindow, service: ScriptedStart
) -> None:
    start.go_to(2)
    start.without.setChecked(True)
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    first, service.session = service.session, ScriptedSession(4)
    ended, service.end = service.end, first.stop  # type: ignore[method-assign]
    click(start.back)
    assert wait_for(lambda: start.pages.currentIndex() == 2)
    assert first.ended
    service.end = ended  # type: ignore[method-assign]
    service.session.advance(20)
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    assert wait_for(lambda: "Good enough" in start._contact_words.text())
    given: list[Started] = []
    start.started.connect(given.append)
    click(start.next)
    assert [g.control for g in given] == [service.session]


def test_from_the_notice_to_the_session(
    start: StartWindow, service: ScriptedStart, tmp_path: Path
) -> None:
    given: list[Started] = []
    start.started.connect(given.append)
    start.agree.setChecked(True)
    click(start.next)
    start.picker.choose_demonstration()
    click(start.next)
    start.with_folder.setChecked(True)
    start.folder.setText(str(tmp_path / "absent"))
    assert not start.next.isEnabled()
    start.folder.setText(str(tmp_path))
    start.profile.setCurrentIndex(1)
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    choice = service.choices[0]
    assert choice.stream is None
    assert choice.music_folder == tmp_path
    assert choice.profile == "P01"
    assert not choice.record, "a recording begins when it is asked for"
    assert wait_for(lambda: "Good enough" in start._contact_words.text())
    service.session.bad = {"Fp1", "Fp2", "C3", "O1"}
    service.session.advance(1)
    assert wait_for(lambda: "Not good yet" in start._contact_words.text())
    assert ("begin",) not in service.session.commands, "the clock waits for the contact check"
    click(start.next)
    assert [g.control for g in given] == [service.session]
    assert ("begin",) in service.session.commands
    assert not service.session.ended


def shown(kind: type[Any]) -> Any:
    """The one visible window of a kind."""
    windows = QtWidgets.QApplication.topLevelWidgets()
    return next(w for w in windows if isinstance(w, kind) and w.isVisible())


def test_the_start_hands_over_to_the_main_window(service: ScriptedStart) -> None:
    failed: list[BaseException] = []

    def walk() -> None:
        try:
            start = shown(StartWindow)
            start.go_to(2)
            start.without.setChecked(True)
            click(start.next)
            assert wait_for(lambda: start.pages.currentIndex() == 3)
            click(start.next)
            assert not start.isVisible()
            QtCore.QTimer.singleShot(300, shown(MainWindow).end_and_close)
        except (AssertionError, StopIteration) as error:
            failed.append(error)
            QtWidgets.QApplication.quit()

    QtCore.QTimer.singleShot(50, walk)
    guard = QtCore.QTimer()
    guard.timeout.connect(QtWidgets.QApplication.quit)
    guard.start(60_000)  # a failure must not hang the tests
    assert run_start(service, theme="dark") == 0
    guard.stop()
    assert not failed
    assert service.session.ended


def test_ctrl_c_ends_the_first_start(service: ScriptedStart) -> None:
    QtCore.QTimer.singleShot(300, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run_start(service, theme="dark") == 0
    assert not service.choices


def test_a_start_that_fails_says_why_and_can_be_tried_again(
    start: StartWindow, service: ScriptedStart
) -> None:
    service.refuse = "The headset does not answer; switch it on."
    start.go_to(2)
    start.without.setChecked(True)
    click(start.next)
    assert wait_for(lambda: service.refuse in start.status.text())
    assert start.pages.currentIndex() == 2
    service.refuse = ""
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3)
    start.close()
    assert wait_for(lambda: service.session.ended), "a session that nobody took over is ended"


# --- calibration ------------------------------------------------------------------------------


@pytest.fixture
def calibrate(
    session: ScriptedSession, open_window: Open, tmp_path: Path
) -> tuple[ScriptedCalibration, MainWindow]:
    service = ScriptedCalibration(session, tmp_path, Timing(5, 5, 3, 2))
    return service, open_window(session, services=Services(calibration=service))


def lead(window: MainWindow, session: ScriptedSession, until: Callable[[], bool]) -> None:
    """Let time pass in the calibration, answering every rating."""
    flow = window.calibration
    assert flow is not None
    for _ in range(3000):
        if until():
            return
        session.advance(2.0)
        window.tick()
        QtWidgets.QApplication.processEvents()
        if flow._step is Step.RATING and not until():
            QtTest.QTest.keyClick(flow.rating.valence, KEY.Key_7)
            QtTest.QTest.keyClick(flow.rating.arousal, KEY.Key_2)
            click(flow.rating.send)
    raise AssertionError(f"the calibration stands at {flow._step}")


def test_a_stopped_calibration_is_resumed_without_loss(
    calibrate: tuple[ScriptedCalibration, MainWindow], session: ScriptedSession
) -> None:
    service, window = calibrate
    window.calibrate()
    flow = window.calibration
    assert flow is not None
    assert flow.resume.isHidden()
    flow.n_clips.setCurrentIndex(0)
    click(flow.begin)
    guided = flow.guided
    assert guided is not None
    lead(window, session, lambda: len(guided.ratings) == 3)
    flow.close()
    assert service.unfinished()
    window.calibrate()
    flow = window.calibration
    assert flow is not None
    assert not flow.resume.isHidden()
    click(flow.resume)
    lead(window, session, lambda: flow._step is Step.CLIP)
    assert flow.guided is not None
    assert len(flow.guided.ratings) == 3
    assert "4 of 8" in flow._head.text()
    flow.close()


def test_too_little_music_is_one_clear_line(
    calibrate: tuple[ScriptedCalibration, MainWindow], session: ScriptedSession
) -> None:
    _, window = calibrate
    session.player.tracks = session.player.tracks[:2]
    window.calibrate()
    flow = window.calibration
    assert flow is not None
    click(flow.begin)
    assert "at least 4" in flow.status.text()
    assert flow.guided is None
    flow.close()


# --- replay -----------------------------------------------------------------------------------


def test_replay_pauses_seeks_and_changes_speed(session: ScriptedSession, open_window: Open) -> None:
    replay = ScriptedReplay()
    window = open_window(session, services=Services(replay=replay))
    bar = window.transport
    assert bar is not None
    tick(window, session, 8)
    QtTest.QTest.keyClick(window, KEY.Key_P)
    assert replay.paused
    spot = QtCore.QPoint(bar.ruler.width() // 2, 5)
    QtTest.QTest.mouseClick(bar.ruler, LEFT, pos=spot)
    assert replay.position_s == pytest.approx(320, abs=2)
    QtTest.QTest.keyClick(bar.ruler, KEY.Key_Right)
    assert replay.position_s == pytest.approx(330, abs=2)
    bar.speed.setCurrentIndex(3)
    assert replay.speed == 2.0


def test_a_live_session_has_no_transport(session: ScriptedSession, open_window: Open) -> None:
    assert open_window(session).transport is None


# --- closing and the end ----------------------------------------------------------------------


def test_closing_during_a_recording_asks_and_then_finishes_the_file(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    session.start_recording()
    tick(window, session, 3)
    answers = iter(["Continue the session", "End the session"])
    asked: list[str] = []

    def answer() -> None:
        box = QtWidgets.QApplication.activeModalWidget()
        assert isinstance(box, QtWidgets.QMessageBox)
        asked.append(box.text())
        wanted = next(answers)
        click(next(b for b in box.buttons() if b.text() == wanted))

    QtCore.QTimer.singleShot(50, answer)
    window.close()
    assert window.isVisible()
    assert not session.ended
    QtCore.QTimer.singleShot(50, answer)
    window.close()
    assert wait_for(lambda: session.ended)
    assert wait_for(lambda: not window.isVisible())
    assert len(asked) == 2
    assert session.recording is not None
    assert not session.recording.active


def test_the_end_page_says_what_there_was(
    session: ScriptedSession, open_window: Open, tmp_path: Path
) -> None:
    class Writer:
        def write(self) -> Path:
            return tmp_path / "report.html"

    window = open_window(session, services=Services(report=Writer()))
    session.mark("x")
    tick(window, session, 3)
    window.stop()
    assert wait_for(lambda: session.ended)
    tick(window, session, 2)
    page = window.findChild(EndPage)
    assert page is not None
    lines = dict(summary(window.vm))
    assert lines["Marks and self-reports"] == "1, 0"
    assert "100 % valid" in lines["Estimates"]
    click(page.save)
    assert wait_for(lambda: "report.html" in page.status.text())
    page.close()


def test_a_report_that_cannot_be_written_says_so(
    session: ScriptedSession, open_window: Open
) -> None:
    class Writer:
        def write(self) -> Path:
            raise BciAffectError("The disk is full; free some space.")

    window = open_window(session)
    page = EndPage(window.vm, Services(report=Writer()), window)
    page.show()
    click(page.save)
    assert wait_for(lambda: "disk is full" in page.status.text())
    assert page.save.isEnabled()
    page.close()


def test_preferences_count_at_once_and_are_kept(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    window.open_preferences()
    dialog = next(w for w in window.findChildren(QtWidgets.QDialog) if hasattr(w, "every_box"))
    dialog.theme_box.setCurrentIndex(1)
    dialog.scale_box.setCurrentIndex(1)
    dialog.every_box.setValue(1)
    assert window.theme.name == "light"
    assert window.report.valence.manikins
    dialog.close()
    window.docks["plane"].raise_()
    tick(window, session, 2)
    session.advance(61)
    tick(window, session, 2)
    assert window.report.isVisible(), "a self-report is asked for after a minute"
    again = open_window(session)
    assert again.preferences == window.preferences


def test_help_lists_every_shortcut(session: ScriptedSession, open_window: Open) -> None:
    from bci_affect.gui.help import HelpDialog
    from bci_affect.gui.shortcuts import SHORTCUTS

    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_Question)
    dialog = window.findChild(HelpDialog)
    assert dialog is not None
    texts = {label.text() for label in dialog.findChildren(QtWidgets.QLabel)}
    assert {s.keys for s in SHORTCUTS} | {s.text for s in SHORTCUTS} <= texts
    dialog.close()


def test_equal_headsets_have_two_rows_and_their_side_streams_can_be_left_out(
    service: ScriptedStart, start: StartWindow
) -> None:
    twin = replace(found("Muse", "A"), source_id="muse")
    service.streams = [twin, replace(twin, uid="B", created=2.0)]
    acc = replace(twin, uid="acc", type="ACC", n_channels=3, rate_hz=52.0)
    service.sides = [acc, replace(acc, uid="ppg", type="PPG", rate_hz=64.0)]
    start.go_to(1)
    picker = start.picker
    for _ in range(STAYS):
        assert wait_for(lambda: not picker._busy, 5)
        assert len(picker._streams) == 1, "a restarted device is seen twice for some seconds"
        picker.search()
    assert wait_for(lambda: len(picker._streams) == 2, 5)
    texts = [picker.list.item(i).text() for i in range(2)]
    assert ["id B" in texts[0], "id A" in texts[1], "on lab-pc" in texts[0]] == [True] * 3
    picker.list.setCurrentRow(1)
    assert start.choice().stream == service.streams[0]
    assert [box.text() for box in picker.sides.boxes.values()] == [
        f"{acc.name} · ACC, 3 channels, 52 Hz",
        f"{acc.name} · PPG, 3 channels, 64 Hz",
    ]
    assert all(box.isChecked() for box in picker.sides.boxes.values())
    assert start.choice().left_out == ()
    picker.sides.boxes[f"{acc.name}/PPG"].click()
    picker.search()
    assert wait_for(lambda: not picker._busy, 5)
    assert start.choice().left_out == (f"{acc.name}/PPG",)
    picker.choose_demonstration()
    assert picker.sides.isHidden()
