"""The window on a real session: EEG from another process over LSL, the real engine in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pyqtgraph.Qt import QtCore, QtTest

from bci_affect.app.start import SessionStarter
from bci_affect.config import CLASSIC_BANDS, LiveSettings, SignalSettings
from bci_affect.events import Mark, SelfReport, SessionPause, SessionResume, TrackStart
from bci_affect.gui.aside import wait_for_all
from bci_affect.gui.flows.ending import EndPage
from bci_affect.gui.flows.start import StartWindow
from bci_affect.gui.reading import Kind
from bci_affect.gui.services import Services, Started
from bci_affect.gui.window import MainWindow
from bci_affect.model import AffectModel, ModelCard, ModelSettings, Predictor
from bci_affect.music import Library
from bci_affect.resources import shipped, user_home
from bci_affect.session import (
    LiveSession,
    SessionControl,
    SessionOptions,
    path_factory,
)
from bci_affect.session.snapshot import MusicStatus
from bci_affect.streams import XdfSource, read_xdf
from tests.gui.conftest import wait_for
from tests.music.fake_library import fill

KEY = QtCore.Qt.Key
LEFT = QtCore.Qt.MouseButton.LeftButton
SHOWN = (Kind.READING, Kind.UNSURE)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """A model that has learned nothing: its estimates are arbitrary, all else is real."""
    import torch

    torch.manual_seed(3)
    window = SignalSettings().window
    card = ModelCard(
        name="untrained",
        summary="untrained weights for tests",
        simulated=True,
        bands=dict(CLASSIC_BANDS),
        window_s=window.window_s,
        step_s=window.step_s,
        hop_s=window.hop_s,
        prior_mean=(3.0, 2.5, 2.5, 2.0, 1.5),
        prior_sd=(0.5,) * 5,
    )
    return Predictor((AffectModel(ModelSettings()), card))


def click(button: Any) -> None:
    QtTest.QTest.mouseClick(button, LEFT)


class Publisher:
    """A headset in another process that can be switched off and on."""

    def __init__(self) -> None:
        self.source_id = f"cap-{uuid.uuid4().hex[:8]}"
        self._process: subprocess.Popen[str] | None = None

    def on(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gui.publisher", self.source_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "streaming"

    def off(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=10)
            self._process = None


@pytest.fixture
def headset() -> Iterator[Publisher]:
    made = Publisher()
    made.on()
    yield made
    made.off()


FROZEN_S = float(os.environ.get("BCI_AFFECT_FROZEN_S", "3"))
"""Seconds that the window is frozen; ten seconds show the same at a higher cost."""


@pytest.fixture
def music() -> None:
    """The user's library: tracks that can be played, with rows as if they had been analysed."""
    folder = user_home() / "noise"
    with Library() as library:
        fill(library, folder, 8, dim=128)
    rng = np.random.default_rng(1)
    for path in folder.glob("*.flac"):
        noise = 0.01 * rng.standard_normal(60 * 8000)
        soundfile.write(path, noise.astype(np.float32), 8000)


def start_by_clicks(start: StartWindow, folder: Path) -> Started:
    """Go from the notice to a session that records, as a user does."""
    given: list[Started] = []
    start.started.connect(given.append)
    start.go_to(0)
    start.show()
    assert not start.next.isEnabled()
    QtTest.QTest.mouseClick(start.agree, LEFT, pos=QtCore.QPoint(8, start.agree.height() // 2))
    click(start.next)
    names = start.picker.list
    wanted = "Test cap"

    def row() -> int:
        rows = [i for i in range(names.count()) if names.item(i).text().startswith(wanted)]
        return rows[0] if rows else -1

    assert wait_for(lambda: row() >= 0), "the stream appears by itself"
    names.setCurrentRow(row())
    click(start.next)
    start.with_library.setChecked(True)
    start.record.setChecked(True)
    start.record_folder.setText(str(folder))
    click(start.next)
    assert wait_for(lambda: start.pages.currentIndex() == 3), start.status.text()
    assert wait_for(lambda: "Waiting" not in start._contact_words.text())
    click(start.next)
    assert len(given) == 1
    return given[0]


def test_a_session_from_the_first_click_to_the_saved_report(
    headset: Publisher, music: None, tmp_path: Path
) -> None:
    """A complete session in the real window; one test, because starting LSL takes seconds."""
    with SessionStarter(SessionOptions(device="none", seed=2), 30.0) as starter:
        start = StartWindow(starter, "dark")
        started = start_by_clicks(start, tmp_path / "recordings")
        session = started.control
        window = MainWindow(session, services=started.services, size=(1280, 720))
        window.show()
        try:
            see_the_session(window)
            choose_music(window)
            say_something(window, session)
            freeze(window, session)
            lose_and_find(window, headset)
            end_with_report(window)
        finally:
            window.end_and_close()
            wait_for(lambda: session.snapshot().clock.ended)
            window._timer.stop()
            wait_for_all()
            window.deleteLater()
            start.deleteLater()
    assert session.snapshot().clock.ended
    nothing_is_missing(next((tmp_path / "recordings").rglob("*.xdf")))


def see_the_session(window: MainWindow) -> None:
    """EEG, attention and a growing recording are on the screen."""
    vm = window.vm
    assert wait_for(lambda: vm.reading.kind in SHOWN), vm.reading
    assert wait_for(lambda: "STREAMING" in window.topbar._state.text())
    assert "Test cap" in window.topbar._source.text()
    assert wait_for(lambda: window.traces.layer.picture is not None)
    assert wait_for(lambda: window.attention._heat._image is not None)
    assert wait_for(lambda: "ms" in window.topbar._latency.text())
    assert wait_for(lambda: "REC" in window.topbar._record.text())
    size = vm.snapshot.recording
    assert size is not None
    assert wait_for(lambda: vm.snapshot.recording.size_bytes > size.size_bytes)  # type: ignore[union-attr]


def choose_music(window: MainWindow) -> None:
    """Play, skip, pin, and steer: by keys, a button in the queue, and a drag in the plane."""
    vm = window.vm

    def music() -> MusicStatus:
        assert vm.snapshot.music is not None
        return vm.snapshot.music

    assert wait_for(lambda: vm.track is not None), vm.snapshot.messages
    first = vm.track
    QtTest.QTest.keyClick(window, KEY.Key_N)
    assert wait_for(lambda: vm.track not in (None, first))
    window.docks["queue"].show()
    window.docks["queue"].raise_()
    row = window.queue._rows[3]
    assert wait_for(lambda: row.isVisible() and row.suggestion is not None)
    assert row.suggestion is not None
    pinned = row.suggestion.track.id
    click(row.pin)
    assert wait_for(lambda: [s.track.id for s in music().queue[:1]] == [pinned])
    assert wait_for(window.queue._rows[0].pin.isChecked)
    QtTest.QTest.keyClick(window, KEY.Key_N)
    assert wait_for(lambda: vm.track is not None and vm.track.id == pinned)
    steer = next(b for b in window.nowplaying._policy.buttons() if b.property("policy") == "steer")
    click(steer)
    plane = window.plane
    QtTest.QTest.mousePress(plane, LEFT, pos=plane.to_screen(0, 0).toPoint())
    to = plane.to_screen(0.5, -0.5).toPoint()
    QtTest.QTest.mouseMove(plane, to)
    QtTest.QTest.mouseRelease(plane, LEFT, pos=to)
    assert wait_for(lambda: music().policy == "steer")
    assert music().target == pytest.approx((0.5, -0.5), abs=0.02)
    path = "on the path to the target"
    assert wait_for(lambda: path in [s.rule for s in music().queue])


def say_something(window: MainWindow, session: SessionControl) -> None:
    """Mark, rate, take a channel out, take a break."""
    window.sessionbar.note.setText("door")
    QtTest.QTest.keyClick(window, KEY.Key_M)
    QtTest.QTest.keyClick(window, KEY.Key_S)
    QtTest.QTest.keyClick(window.report.valence, KEY.Key_7)
    QtTest.QTest.keyClick(window.report.arousal, KEY.Key_3)
    click(window.report.send)
    window.vm.toggle_bad("C3")
    events = [event for _, event in session.events()]
    assert Mark("door") in events
    assert SelfReport(7, 3) in events

    def left_out() -> bool:
        newest = session.snapshot().affect.window
        return newest is not None and not newest.mask[2]

    assert wait_for(left_out)
    control = QtCore.Qt.KeyboardModifier.ControlModifier
    QtTest.QTest.keyClick(window, KEY.Key_P, control)
    assert wait_for(lambda: window.vm.reading.why == "Break: the numbers are held")
    assert wait_for(lambda: not window.vm.player.playing)  # type: ignore[union-attr]
    QtTest.QTest.keyClick(window, KEY.Key_P, control)
    assert wait_for(lambda: window.vm.player.playing)  # type: ignore[union-attr]
    assert wait_for(lambda: window.vm.reading.kind in SHOWN)


def freeze(window: MainWindow, session: SessionControl) -> None:
    """Block the window's thread: EEG, estimates, recording and music continue."""
    before, count = session.snapshot(), len(session.history(1e9))
    time.sleep(FROZEN_S)
    after, later = session.snapshot(), len(session.history(1e9))
    assert later >= count + 8 * FROZEN_S - 4
    assert after.stream is not None
    assert after.stream.health.lost == 0
    assert before.recording is not None
    assert after.recording is not None
    assert after.recording.size_bytes > before.recording.size_bytes
    assert before.music is not None
    assert after.music is not None
    played, plays = before.music.player, after.music.player
    assert plays.track_id == played.track_id
    assert plays.position_s - played.position_s > FROZEN_S - 0.5
    assert plays.starved == played.starved
    assert wait_for(lambda: len(window.vm.timeline) >= later), "what was missed is drawn"


def lose_and_find(window: MainWindow, headset: Publisher) -> None:
    """The stream goes, is seen to be gone, and comes back by itself."""
    vm = window.vm
    headset.off()
    assert wait_for(lambda: vm.reading.kind is Kind.HELD), vm.reading
    assert wait_for(lambda: "STREAMING" not in window.topbar._state.text())
    assert vm.reading.why
    headset.on()
    assert wait_for(lambda: "STREAMING" in window.topbar._state.text()), vm.health
    assert wait_for(lambda: vm.reading.kind in SHOWN), vm.reading


def end_with_report(window: MainWindow) -> None:
    """The session ends by a key; its page saves the report."""
    QtTest.QTest.keyClick(window, KEY.Key_E, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert wait_for(lambda: window.vm.snapshot.clock.ended)
    assert wait_for(lambda: window.findChild(EndPage) is not None)
    page = window.findChild(EndPage)
    assert page.save.isVisible()
    click(page.save)
    assert wait_for(lambda: page.save.text() == "Open report"), page.status.text()
    saved = Path(page.status.text().removeprefix("Saved: "))
    assert "door" in saved.read_text(encoding="utf-8")
    page.close()


def nothing_is_missing(path: Path) -> None:
    """Every sample that the headset sent is in the recording, once and in order."""
    recorded = read_xdf(path)
    assert not recorded.damage
    eeg = [s for s in recorded.streams if s.header.name == "Test cap"]
    assert eeg
    numbers = np.concatenate([s.samples()[:, -1] for s in eeg])
    steps = np.diff(numbers)
    again = int((steps != 1).sum())
    assert again == 1, "one break, where the headset was off"
    assert len(numbers) > 250 * (FROZEN_S + 10)
    events = {type(event) for _, event in recorded.events()}
    assert {Mark, SelfReport, SessionPause, SessionResume, TrackStart} <= events


def test_a_recording_is_replayed_with_transport(predictor: Predictor) -> None:
    """The display uses the recording's clock: readings are no older than live ones."""
    source = XdfSource(shipped("recordings/demo.xdf"), speed=4.0, start_s=20.0)
    source.hold_at_end = True
    session = LiveSession(
        source,
        path_factory(predictor, LiveSettings()),
        model_name="untrained",
        model_summary="untrained weights for tests",
    )
    session.start(10)
    window = MainWindow(session, size=(1280, 720), services=Services(replay=source))
    window.show()
    try:
        vm = window.vm
        assert wait_for(lambda: vm.reading.kind in (Kind.READING, Kind.UNSURE)), vm.reading
        assert 0 <= vm.reading.age_s < 2
        assert vm.snapshot.affect.latency_p50_ms < 1000
        QtTest.QTest.keyClick(window, KEY.Key_P)
        assert wait_for(lambda: source.paused)
        place = source.position_s
        QtTest.QTest.qWait(300)
        assert source.position_s == pytest.approx(place, abs=0.5)
        before = vm.timeline.newest
        assert window.transport is not None
        window.transport.ruler.sought.emit(5.0)
        QtTest.QTest.keyClick(window, KEY.Key_P)
        assert wait_for(lambda: len(vm.timeline) > 0 and vm.timeline.newest < before - 5)
        assert wait_for(lambda: vm.reading.kind in (Kind.READING, Kind.UNSURE)), vm.reading
        assert "REPLAY 4×" in window.topbar._state.text()
        first = vm.snapshot.clock.time - vm.started
        assert first == pytest.approx(source.position_s, abs=1.0), "the strip has the file's time"
        window.transport.ruler.sought.emit(source.duration_s - 1.0)
        assert wait_for(lambda: source.at_end and source.paused)
        bar = window.transport
        assert wait_for(lambda: "at the end" in bar.length.text())
        assert not vm.snapshot.clock.ended, "the end of the file is no end of the session"
        window.transport.ruler.sought.emit(30.0)
        assert wait_for(lambda: len(vm.timeline) > 0 and source.position_s > 32)
        zero = vm.snapshot.clock.time - source.position_s
        assert (vm.timeline.rows[:, 0] - zero < 60).all(), "nothing of before the seek is left"
    finally:
        window.end_and_close()
        wait_for(lambda: session.snapshot().clock.ended)
        window._timer.stop()
        window.deleteLater()
