"""The scrolled picture equals a full redraw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtTest

from bci_affect.gui.panels.tracelayer import Frame, TraceLayer
from bci_affect.gui.panels.traces import FRONT_TO_BACK, MEAN
from bci_affect.gui.window import MainWindow
from tests.gui.conftest import tick
from tests.gui.scripted import ScriptedSession

KEY = QtCore.Qt.Key
RATE = 250.0


class Tape:
    """Ten minutes of EEG-like rows, known up to `now`."""

    def __init__(self, n_rows: int = 3) -> None:
        rng = np.random.default_rng(2)
        n = int(600 * RATE)
        self.times = 5000.3 + np.arange(n) / RATE
        self.uv = (8 * rng.standard_normal((n_rows, n))).astype(np.float32)
        self.now = self.times[0]

    def fetch(self, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        end = int(np.searchsorted(self.times, self.now, side="right"))
        begin = max(0, end - round(seconds * RATE))
        return self.times[begin:end], self.uv[:, begin:end]


def frame(seconds: float, width: int = 400) -> Frame:
    pens = tuple(QtGui.QPen(QtGui.QColor(tone), 1) for tone in ("#ff0000", "#00ff00", "#0000ff"))
    return Frame(width, 150, seconds, RATE, 1.5, pens)


def dots(layer: TraceLayer) -> np.ndarray:
    assert layer.picture is not None
    image = layer.picture.toImage().convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    bits: Any = image.constBits()
    bits.setsize(image.sizeInBytes())
    return np.frombuffer(bytes(bits), np.uint32).reshape(image.height(), image.width())


@pytest.mark.parametrize("seconds", [2.0, 10.0, 30.0])
def test_sliding_gives_what_drawing_anew_gives(seconds: float) -> None:
    tape, slid = Tape(), TraceLayer()
    tape.uv[1, 9300:9310] = np.nan
    for step in np.random.default_rng(1).uniform(0.01, 0.2, 400):
        tape.now += step
        slid.draw("same", frame(seconds), tape.fetch, lambda newest: newest, tape.now)
    anew = TraceLayer()
    anew.draw("same", frame(seconds), tape.fetch, lambda newest: newest, tape.now)
    one, other = dots(slid), dots(anew)
    drawn = (one != 0) | (other != 0)
    assert drawn.sum() > 2000
    assert (one != other)[drawn].mean() < 0.03, "columns may differ by the sample at their edge"
    assert drawn[:, :-2].any(axis=0).all(), "no column was left out"


def test_a_gap_is_a_hole_and_what_is_lost_slides_away() -> None:
    tape, layer = Tape(1), TraceLayer()
    whole = frame(10.0)
    one_row = Frame(whole.width, 50, 10.0, RATE, 1.5, whole.pens[:1])
    tape.now += 20
    tape.uv[0, round(15 * RATE) : round(16 * RATE)] = np.nan
    layer.draw("same", one_row, tape.fetch, lambda newest: newest, tape.now)
    empty = ~(dots(layer) != 0).any(axis=0)
    assert 38 <= empty.sum() <= 44
    assert empty[205:235].all(), "the second that is missing, 5 to 4 s ago"
    later = tape.now + 4
    layer.draw("same", one_row, tape.fetch, lambda newest: newest + 4, later)
    assert not (dots(layer)[:, -158:] != 0).any(), "nothing old is shown as now"
    assert (dots(layer)[:, -165:-160] != 0).any()


@pytest.fixture
def window(session: ScriptedSession, open_window: Callable[..., MainWindow]) -> MainWindow:
    return open_window(session)


def test_montage_orders_the_rows_or_takes_the_mean_away(
    window: MainWindow, session: ScriptedSession
) -> None:
    traces = window.traces
    names = [window.vm.labels[i] for i in traces.shown()]
    assert names == list(session.names)
    traces._montage_box.setCurrentIndex(FRONT_TO_BACK)
    ordered = [window.vm.labels[i] for i in traces.shown()]
    assert ordered == ["Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"]
    tick(window, session, 2)
    before = window.traces.grab().toImage()
    traces._montage_box.setCurrentIndex(MEAN)
    traces.refresh()
    assert window.traces.grab().toImage() != before


def test_a_channel_is_taken_out_by_keys(window: MainWindow, session: ScriptedSession) -> None:
    for key in (KEY.Key_Down, KEY.Key_Down, KEY.Key_Return):
        QtTest.QTest.keyClick(window.traces, key)
    assert session.bad == {session.names[1]}
    QtTest.QTest.keyClick(window.traces, KEY.Key_Return)
    assert session.bad == set()
