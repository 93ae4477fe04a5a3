"""The window on a real session: EEG from another process over LSL, the real engine in between."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyqtgraph.Qt import QtCore, QtTest

from bci_affect.config import CLASSIC_BANDS, LiveSettings, SignalSettings
from bci_affect.gui.reading import Kind
from bci_affect.gui.services import Services
from bci_affect.gui.window import MainWindow
from bci_affect.model import AffectModel, ModelCard, ModelSettings, Predictor
from bci_affect.resources import shipped
from bci_affect.session import LiveSession, path_factory
from bci_affect.streams import ConnectionState, LslSource, XdfSource

KEY = QtCore.Qt.Key
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


@contextmanager
def live_window(headset: Publisher, predictor: Predictor) -> Iterator[tuple[Any, MainWindow]]:
    session = LiveSession(
        LslSource(source_id=headset.source_id),
        path_factory(predictor, LiveSettings()),
        model_name="untrained",
        model_summary="untrained weights for tests",
    )
    session.start(20)
    window = MainWindow(session, size=(1280, 720))
    window.show()
    try:
        yield session, window
    finally:
        window.end_and_close()
        wait_for(lambda: window.vm.control.snapshot().ended, 15)
        window._timer.stop()
        window.deleteLater()


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        QtTest.QTest.qWait(30)
    return true()


def test_a_live_session_is_shown_marked_rated_lost_and_found(
    headset: Publisher, predictor: Predictor
) -> None:
    """The whole way of a session on the real window; one test, as starting LSL costs seconds."""
    with live_window(headset, predictor) as (session, window):
        vm = window.vm
        shown = (Kind.READING, Kind.UNSURE)
        assert wait_for(lambda: vm.reading.kind in shown, 30), vm.reading
        assert "STREAMING" in window.topbar._state.text()
        assert window.traces.layer.picture is not None
        assert wait_for(lambda: window.attention._heat._image is not None, 5)

        window.sessionbar.note.setText("door")
        QtTest.QTest.keyClick(window, KEY.Key_M)
        QtTest.QTest.keyClick(window, KEY.Key_S)
        window.report.valence.choose(7)
        window.report.arousal.choose(3)
        QtTest.QTest.mouseClick(window.report.send, QtCore.Qt.MouseButton.LeftButton)
        window.vm.control.set_target(0.5, -0.5)
        window.vm.toggle_bad("C3")
        events = [json.loads(text) for _, text in session.events()]
        assert {"event": "mark", "note": "door"} in events
        assert {"event": "rating", "valence": 7.0, "arousal": 3.0} in events
        assert wait_for(lambda: "no music" in window.sessionbar.message.text(), 3)
        assert wait_for(lambda: not session.snapshot().window.mask[2], 10)

        window._timer.stop()  # the window freezes; nothing else does
        count = len(session.history(1e9))
        time.sleep(3)
        session_count = len(session.history(1e9))
        assert session_count >= count + 20
        assert session.snapshot().health.lost == 0
        window._timer.start()
        assert wait_for(lambda: len(vm.timeline) >= session_count, 5)

        headset.off()
        assert wait_for(lambda: vm.reading.kind is Kind.HELD, 15), vm.reading
        assert wait_for(lambda: "STREAMING" not in window.topbar._state.text(), 5)
        assert vm.reading.why
        headset.on()
        assert wait_for(lambda: session.snapshot().health.state is ConnectionState.STREAMING, 30), (
            session.snapshot().health
        )
        assert wait_for(lambda: vm.reading.kind in shown, 30), vm.reading

        QtTest.QTest.keyClick(window, KEY.Key_E, QtCore.Qt.KeyboardModifier.ControlModifier)
        assert wait_for(lambda: session.snapshot().ended, 15)


def test_a_recording_is_replayed_with_transport(predictor: Predictor) -> None:
    """What is shown runs on the recording's clock: readings are no older than live ones."""
    source = XdfSource(shipped("recordings/demo.xdf"), speed=4.0, start_s=20.0)
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
        assert wait_for(lambda: vm.reading.kind in (Kind.READING, Kind.UNSURE), 30), vm.reading
        assert 0 <= vm.reading.age_s < 2
        assert vm.snapshot.latency_p50_ms < 1000
        QtTest.QTest.keyClick(window, KEY.Key_P)
        assert wait_for(lambda: source.paused, 2)
        place = source.position_s
        QtTest.QTest.qWait(300)
        assert source.position_s == pytest.approx(place, abs=0.5)
        before = vm.timeline.newest
        assert window.transport is not None
        window.transport.ruler.sought.emit(5.0)
        QtTest.QTest.keyClick(window, KEY.Key_P)
        assert wait_for(lambda: len(vm.timeline) > 0 and vm.timeline.newest < before - 5, 20)
        assert wait_for(lambda: vm.reading.kind in (Kind.READING, Kind.UNSURE), 30), vm.reading
    finally:
        window.end_and_close()
        wait_for(lambda: session.snapshot().ended, 15)
        window._timer.stop()
        window.deleteLater()
