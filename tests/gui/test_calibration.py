"""Guided calibration with real parts: window, engine, recording, and verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyqtgraph.Qt import QtCore, QtTest, QtWidgets

from bci_affect.app.calibration import CalibrationOptions, CalibrationRunner
from bci_affect.config import LiveSettings
from bci_affect.gui.services import Services
from bci_affect.gui.window import MainWindow
from bci_affect.music import Library
from bci_affect.profiles.store import ProfileStore
from bci_affect.session import LiveSession, load_predictor, model_path, path_factory
from bci_affect.session.guided.calibration import Step, Timing
from bci_affect.session.recording import SessionRecording
from tests.gui.conftest import wait_for
from tests.gui.listener import SteppedListener
from tests.music.fake_library import fill

LEFT = QtCore.Qt.MouseButton.LeftButton
KEY = QtCore.Qt.Key


def write_tones(folder: Path) -> None:
    """Put a minute of quiet noise into every file of a library that has none."""
    import soundfile

    noise = (0.01 * np.random.default_rng(1).standard_normal(60 * 8000)).astype(np.float32)
    for path in folder.glob("*.flac"):
        soundfile.write(path, noise, 8000)


def test_a_simulated_listener_is_led_to_a_real_verdict(qapp: object, tmp_path: Path) -> None:
    with Library(tmp_path / "music.sqlite") as library:
        fill(library, tmp_path / "music", 12)
    write_tones(tmp_path / "music")
    with ProfileStore() as store:
        store.create("Ada")
    listener = SteppedListener(effect=4.0)
    session = LiveSession(
        listener,
        path_factory(load_predictor(None), LiveSettings()),
        model_name="demo",
        model_summary="shipped",
        recording=SessionRecording(tmp_path / "recordings", "Ada"),
    )
    runner = CalibrationRunner(
        session,
        CalibrationOptions(
            profile="Ada",
            model=model_path(None),
            library=tmp_path / "music.sqlite",
            device="none",
            timing=Timing(0.0, 0.0, 0.0, 2.0),
            report=tmp_path / "report.html",
            permutations=19,
            n_clips=8,
            seconds=20.0,
        ),
    )
    session.start(5.0)
    window = MainWindow(session, services=Services(calibration=runner), size=(1280, 720))
    window._timer.stop()
    window.show()
    try:
        listener.grant(1.0)
        wait_for(window.isActiveWindow, 5)
        QtTest.QTest.keyClick(window, KEY.Key_K, QtCore.Qt.KeyboardModifier.ControlModifier)
        flow = window.calibration
        assert flow is not None
        assert "8 clips of 20 s" in flow.n_clips.currentText(), "as asked for"
        QtTest.QTest.mouseClick(flow.begin, LEFT)
        assert flow.guided is not None, flow.status.text()
        middle = np.median([(c.valence, c.arousal) for c in flow.guided.clips], axis=0)
        for _ in range(900):
            view = flow.guided.view()
            if view.step is Step.DONE:
                break
            clip = flow.guided.clips[max(0, view.clip - 1)]
            felt = np.sign(np.array([clip.valence, clip.arousal]) - middle)
            listener.mood = (0.0, 0.0)
            if view.step is Step.CONTACT:
                QtTest.QTest.mouseClick(flow.go_on, LEFT)
            elif view.step is Step.CLIP:
                listener.mood = (float(felt[0]), float(felt[1]))
            elif view.step is Step.RATING:
                assert not flow.rating.send.isEnabled(), "nothing is suggested"
                scales = (flow.rating.valence, flow.rating.arousal)
                for scale, value in zip(scales, felt, strict=True):
                    QtTest.QTest.keyClick(scale, KEY.Key_8 if value > 0 else KEY.Key_2)
                QtTest.QTest.mouseClick(flow.rating.send, LEFT)
            listener.grant(2.5 if view.seconds_left > 3 else 1.0)
            window.tick()
            QtWidgets.QApplication.processEvents()
        assert flow._step is Step.DONE, flow._step
        assert wait_for(lambda: flow.verdict is not None or bool(flow.status.text()), 120)
        assert flow.verdict is not None, flow.status.text()
        assert flow.pages.currentWidget() is flow.result
        assert "against chance" in flow._text.text()
        shown = flow.result.toPlainText()
        assert "clips" in shown
        assert "8" in shown
        assert "chance 50 %" in shown
        assert "your EEG decides in" in shown
        assert (tmp_path / "report.html").exists()
        with ProfileStore() as store:
            assert store.load("Ada").personal is not None, "the verdict is kept in the profile"
    finally:
        runner.close()
        window.end_and_close()
        wait_for(lambda: session.snapshot().clock.ended)
        window.deleteLater()
