"""Marks, baseline and break by keys and buttons; the top line and the title of the window."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from pyqtgraph.Qt import QtCore, QtTest, QtWidgets

from bci_affect.event_log import marks
from bci_affect.events import Mark
from bci_affect.gui.notes import NoteKind
from bci_affect.gui.panels.quality import contact_words, contacts
from bci_affect.gui.services import Services
from bci_affect.gui.steering import lacking_words
from bci_affect.gui.theme import THEMES
from bci_affect.gui.window import MainWindow
from bci_affect.streams import ConnectionState
from tests.gui.conftest import tick
from tests.gui.scripted import ScriptedSession, tracks
from tests.gui.scripted_services import ScriptedLibrary
from tests.gui.test_flows import click

Open = Callable[..., MainWindow]
KEY = QtCore.Qt.Key
CONTROL = QtCore.Qt.KeyboardModifier.ControlModifier


def test_a_mark_keeps_the_time_of_its_key_and_can_be_deleted(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_M)
    pressed = session.now
    tick(window, session, 24)
    note = window.sessionbar.note
    assert note.hasFocus(), "a note can be written at once"
    QtTest.QTest.keyClicks(note, "a door")
    QtTest.QTest.keyClick(note, KEY.Key_Return)
    tick(window, session, 9)
    assert marks(session.events()) == [(pressed, Mark("a door"))]
    shown = [n for n in window.vm.notes if n.kind is NoteKind.MARK]
    assert [(n.time, n.text) for n in shown] == [(pressed, "a door")]
    assert not note.hasFocus(), "keys go to the window again"
    click(window.sessionbar.undo_mark)
    tick(window, session, 9)
    assert marks(session.events()) == []
    assert not [n for n in window.vm.notes if n.kind is NoteKind.MARK]
    assert window.sessionbar.undo_mark.isHidden()


def test_a_baseline_shows_its_time_and_can_be_cancelled(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    button = window.sessionbar.baseline_button
    click(button)
    tick(window, session, 16)
    assert button.text() == "Cancel (58 s left)"
    click(button)
    tick(window, session, 9)
    assert session.commands[-1] == ("cancel_baseline",)
    assert button.text() == "Baseline"


def test_a_break_has_words_and_a_state_of_its_own(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    assert window.sessionbar.pause_button.text() == "Take a break"
    assert "Pause music" not in window.sessionbar.pause_button.text()
    QtTest.QTest.keyClick(window, KEY.Key_P, CONTROL)
    tick(window, session, 40)
    assert window.topbar._state.text() in ("‖ BREAK 0:04", "‖ BREAK 0:05")
    assert window.sessionbar.pause_button.text() == "End the break"
    QtTest.QTest.keyClick(window, KEY.Key_P, CONTROL)
    tick(window, session, 12)
    assert "STREAMING" in window.topbar._state.text()


def test_the_top_line_claims_nothing_while_the_stream_is_lost(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    tick(window, session, 12)
    bar = window.topbar
    assert bar._latency.text() == "latency 2 ms"
    assert bar._loss.text() == "loss 0.00 %"
    assert "trained on simulated EEG" in bar._model.toolTip()
    assert "trained on" not in " ".join(w.text() for w in bar.findChildren(QtWidgets.QLabel))
    session.connection, session.reason = ConnectionState.LOST, "The headset is gone."
    tick(window, session, 12)
    assert (bar._latency.text(), bar._loss.text()) == ("latency -", "loss -")


def test_the_title_names_stream_and_recording(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    assert window.windowTitle() == "scripted - bci-affect"
    session.start_recording()
    tick(window, session, 2)
    assert window.windowTitle() == "● REC - scripted - bci-affect"


def test_a_fair_electrode_has_a_reason(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    fair = [c for c in contacts(window.vm) if c.grade == "fair"]
    assert fair
    assert all("line noise" in contact_words(c) for c in fair)


def test_steering_asks_for_a_target_and_names_what_is_missing(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session, services=Services(music=ScriptedLibrary()))
    steer = next(b for b in window.nowplaying._policy.buttons() if b.property("policy") == "steer")
    click(steer)
    tick(window, session, 9)
    assert "set the target" in window.sessionbar.message.text()
    plane = window.plane
    assert "set the target" in plane.steering_words()
    at = plane.to_screen(0.5, -0.5).toPoint()
    QtTest.QTest.mouseClick(plane, QtCore.Qt.MouseButton.LeftButton, pos=at)
    tick(window, session, 2)
    away = math.dist((window.vm.reading.valence, window.vm.reading.arousal), window.vm.target or ())
    assert plane.steering_words().startswith(f"target +0.50, -0.50 · {away:.2f} away")
    sad = [replace(t, valence=-0.5, arousal=-0.5) for t in tracks(8)]
    happy = replace(sad[0], valence=0.4)
    assert lacking_words((0.6, -0.4), [*sad, happy]) == "1 song is happier than neutral here"
    assert lacking_words((-0.6, 0.0), sad) == ""


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_active_icons_are_visible(session: ScriptedSession, open_window: Open, theme: str) -> None:
    """A liked or pinned track's icon differs from the ground of its flat button."""
    window = open_window(session, theme=theme)
    window.docks["queue"].raise_()
    tick(window, session, 14)
    row = window.queue._rows[0]
    for button in (row.pin, row.like):
        button.setChecked(True)
        image = button.grab().toImage()
        ground = image.pixelColor(2, image.height() // 2)
        inside = [
            image.pixelColor(x, y)
            for x in range(6, image.width() - 6)
            for y in range(4, image.height() - 4)
        ]
        most = max(abs(c.lightness() - ground.lightness()) for c in inside)
        assert most > 50, button.accessibleName()
