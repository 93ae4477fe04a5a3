from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtTest, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui import run_window
from bci_affect.gui.app import OnePlaceForErrors
from bci_affect.gui.display import check_display
from bci_affect.gui.panels.quality import contacts
from bci_affect.gui.theme import THEMES
from bci_affect.gui.window import MainWindow
from bci_affect.streams import ConnectionState
from tests.gui.conftest import tick
from tests.gui.scripted import ScriptedSession, WallSession

Open = Callable[..., MainWindow]
KEY = QtCore.Qt.Key


def test_keys_play_pause_and_skip(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    for key in (KEY.Key_Space, KEY.Key_Space, KEY.Key_N, KEY.Key_L):
        QtTest.QTest.keyClick(window, key)
        tick(window, session, 5)
    names = [command[0] for command in session.commands]
    assert names[:2] == ["pause", "play"]
    assert "skip" in names
    assert ("like", 2, True) in session.commands


def test_dragging_in_the_plane_sets_the_target(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    plane = window.plane
    start, end = plane.to_screen(0.0, 0.0).toPoint(), plane.to_screen(0.5, -0.5).toPoint()
    left = QtCore.Qt.MouseButton.LeftButton
    QtTest.QTest.mousePress(plane, left, pos=start)
    QtTest.QTest.mouseMove(plane, end)
    QtTest.QTest.mouseRelease(plane, left, pos=end)
    assert session.player.target == pytest.approx((0.5, -0.5), abs=0.02)


def test_a_click_on_a_name_takes_the_channel_out(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    left = QtCore.Qt.MouseButton.LeftButton
    spot = QtCore.QPoint(20, int(window.traces._rows().top()) + 8)
    QtTest.QTest.mouseClick(window.traces, left, pos=spot)
    assert session.bad == {"Fp1"}
    QtTest.QTest.mouseClick(window.traces, left, pos=spot)
    assert session.bad == set()


def test_a_click_in_the_waveform_seeks(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    wave = window.nowplaying._wave
    at = wave._bar().center().toPoint()
    QtTest.QTest.mouseClick(wave, QtCore.Qt.MouseButton.LeftButton, pos=at)
    assert session.player.position == pytest.approx(
        session.player.tracks[0].duration_s / 2, rel=0.02
    )


def test_a_lost_stream_is_seen_and_its_return_too(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    good = pixels(window.plane)
    session.connection, session.reason = ConnectionState.LOST, "The headset is gone."
    tick(window, session, 30)
    assert "LOST" in window.topbar._state.text()
    assert window.vm.reading.why == "The headset is gone."
    assert pixels(window.plane) != good
    assert {c.grade for c in contacts(window.vm)} == {"none"}, "no quality without a signal"
    session.connection, session.reason = ConnectionState.STREAMING, ""
    tick(window, session, 30)
    assert "STREAMING" in window.topbar._state.text()


def test_demo_data_wears_its_badge(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    assert window.topbar._badge.isVisible()
    session.simulated = False
    tick(window, session, 12)
    assert not window.topbar._badge.isVisible()


def test_a_frozen_window_misses_no_estimate(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    session.advance(10)  # the window does not tick
    tick(window, session, 3)
    shown = window.vm.timeline.rows[:, 0]
    assert list(shown) == [e.time for e in session.estimates]


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_every_text_has_contrast(theme: str) -> None:
    """WCAG asks 4.5 to 1 for text; every hue that carries text keeps it on panels."""
    t = THEMES[theme]
    for name in ("text", "muted", "good", "fair", "bad", "eeg", "music", "target", "report"):
        assert contrast(getattr(t, name), t.panel) >= 4.5, name


def test_exceptions_reach_one_place_once(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    hook = OnePlaceForErrors(seen.append)
    before = sys.excepthook
    hook.install()
    try:
        for _ in range(3):
            sys.excepthook(ValueError, ValueError("broken"), None)
    finally:
        hook.remove()
    assert sys.excepthook is before
    assert len(seen) == 1
    assert "broken" in seen[0]
    assert len(caplog.records) == 3


def test_an_exception_in_a_slot_is_shown_once_and_the_window_lives(
    session: ScriptedSession,
    open_window: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    window = open_window(session)
    said: list[str] = []

    def show(text: str) -> None:
        said.append(text)
        window.show_error(text)

    hook = OnePlaceForErrors(show)

    def broken() -> None:
        raise ValueError("no such track")

    monkeypatch.setattr(session.player, "skip", broken)
    hook.install()
    try:
        for _ in range(3):
            QtTest.QTest.keyClick(window, KEY.Key_N)
    finally:
        hook.remove()
    assert len(said) == 1
    assert "the session continues" in window.sessionbar.message.text()
    assert len([r for r in caplog.records if r.exc_info]) == 3, "logged with its trace each time"
    tick(window, session, 4)
    QtTest.QTest.keyClick(window, KEY.Key_L)
    assert session.commands[-1][0] == "like"


def test_no_screen_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BciAffectError, match="no screen"):
        check_display()


def test_run_window_saves_a_picture_and_ends(tmp_path: Path) -> None:
    session = WallSession(4)
    session.advance(10)
    picture = tmp_path / "window.png"
    assert (
        run_window(session, screenshot=picture, after_s=0.5, duration_s=1.0, size=(1280, 720))
        == "quit"
    )
    assert session.ended
    image = QtGui.QImage(str(picture))
    assert (image.width(), image.height()) == (1280, 720)


def test_a_window_that_closes_before_its_picture_is_due_leaves_one(tmp_path: Path) -> None:
    session = WallSession(4)
    session.advance(10)
    picture = tmp_path / "window.png"
    run_window(session, screenshot=picture, after_s=300.0, duration_s=0.2, size=(1280, 720))
    image = QtGui.QImage(str(picture))
    assert (image.width(), image.height()) == (1280, 720)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_session_and_the_window(number: signal.Signals) -> None:
    session = WallSession(4)
    session.advance(10)
    before = signal.getsignal(number)
    QtCore.QTimer.singleShot(300, lambda: os.kill(os.getpid(), number))
    guard = QtCore.QTimer()
    guard.timeout.connect(QtWidgets.QApplication.quit)
    guard.start(60_000)  # a failure must not hang the tests
    assert run_window(session, size=(1280, 720)) == "quit"
    guard.stop()
    assert session.ended
    assert signal.getsignal(number) is before


def pixels(widget: Any) -> bytes:
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    return bytes(bits)


def contrast(one: str, other: str) -> float:
    def luminance(value: str) -> float:
        c = QtGui.QColor(value)
        linear = [
            x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
            for x in (c.redF(), c.greenF(), c.blueF())
        ]
        return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
