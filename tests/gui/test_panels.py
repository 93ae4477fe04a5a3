"""Texts and commands of the panels, tested by clicks and keys on the real window."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtTest, QtWidgets

from bci_affect.affect import ReferenceKind
from bci_affect.eeg import State
from bci_affect.gui.layouts import layouts
from bci_affect.gui.notes import NoteKind
from bci_affect.gui.panels.bands import against_baseline
from bci_affect.gui.panels.embedding import flatten
from bci_affect.gui.panels.nowplaying import why_words
from bci_affect.gui.panels.quality import contacts
from bci_affect.gui.reading import Kind
from bci_affect.gui.services import Services
from bci_affect.gui.shortcuts import SHORTCUTS
from bci_affect.gui.window import MainWindow
from bci_affect.music import Suggestion
from bci_affect.session import Message
from bci_affect.streams import Marker
from tests.gui.conftest import tick, wait_for
from tests.gui.scripted import ScriptedSession

Open = Callable[..., MainWindow]
KEY = QtCore.Qt.Key
LEFT = QtCore.Qt.MouseButton.LeftButton


def test_every_shortcut_calls_a_method_and_no_key_is_taken_twice(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    assert all(callable(getattr(window, s.action)) for s in SHORTCUTS)
    keys = [key for s in SHORTCUTS for key in s.keys.split(" / ")]
    assert len(set(keys)) == len(keys)
    bound = {key.toString() for action in window.actions() for key in action.shortcuts()}
    assert set(keys) <= bound


def test_a_mark_carries_the_note_that_was_written_before(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    window.sessionbar.note.setFocus()
    QtTest.QTest.keyClicks(window.sessionbar.note, "moves Space and N too")
    assert [c for c in session.commands if c[0] in ("pause", "skip")] == []
    window.setFocus()
    QtTest.QTest.keyClick(window, KEY.Key_M)
    assert session.commands[-1] == ("mark", "moves Space and N too")
    assert window.sessionbar.note.text() == ""
    tick(window, session, 2)
    assert window.vm.notes[-1].text == "moves Space and N too"


def test_digits_are_marks_and_markers_of_other_programs_are_shown(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session, services=Services(marks={"3": "sad"}))
    window.setFocus()
    QtTest.QTest.keyClick(window, KEY.Key_3)
    QtTest.QTest.keyClick(window, KEY.Key_7)
    assert session.commands[-2:] == [("mark", "sad"), ("mark", "7")]
    session.foreign.append(Marker(session.now, "/marker\thappy", "UDP markers"))
    tick(window, session, 2)
    shown = {kind: [n.text for n in window.vm.notes if n.kind is kind] for kind in NoteKind}
    assert sorted(shown[NoteKind.MARK]) == ["7", "sad"]
    assert shown[NoteKind.MARKER] == ["/marker happy"]
    tick(window, session, 2)
    kinds = [note.kind for note in window.vm.notes]
    assert (kinds.count(NoteKind.MARK), kinds.count(NoteKind.MARKER)) == (2, 1)


def test_a_self_report_needs_both_scales_and_suggests_nothing(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_S)
    report = window.report
    assert report.isVisible()
    assert math.isnan(report.valence.value)
    assert not report.send.isEnabled()
    QtTest.QTest.keyClick(report.valence, KEY.Key_8)
    assert not report.send.isEnabled()
    left, right, y = report.arousal._line()
    spot = QtCore.QPoint(round(left + (right - left) / 4), round(y))
    QtTest.QTest.mouseClick(report.arousal, LEFT, pos=spot)
    QtTest.QTest.mouseClick(report.send, LEFT)
    name, valence, arousal, _ = session.commands[-1]
    assert (name, valence) == ("rate", 8.0)
    assert arousal == pytest.approx(3.0, abs=0.1)
    assert not report.send.isEnabled()
    tick(window, session, 2)
    assert window.vm.notes[-1].rating == pytest.approx((0.75, -0.5), abs=0.05)


def test_manikins_give_whole_numbers(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    window.report.use_manikins(True)
    window.report.valence.choose(6.4)
    assert window.report.valence.value == 6.0


def test_recording_by_key_shows_its_size_growing(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_R)
    tick(window, session, 12)
    first = window.topbar._record.text()
    tick(window, session, 40)
    assert "REC" in first
    assert window.topbar._record.text() != first
    QtTest.QTest.keyClick(window, KEY.Key_R)
    assert session.recording is not None
    assert not session.recording.active


def test_the_queue_plays_likes_and_bans(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    window.docks["queue"].raise_()
    tick(window, session, 14)
    row = window.queue._rows[1]
    assert row.suggestion is not None
    wanted = row.suggestion.track.id
    QtTest.QTest.mouseClick(row.like, LEFT)
    QtTest.QTest.mouseClick(row.ban, LEFT)
    QtTest.QTest.mouseClick(row.pin, LEFT)
    tick(window, session, 14)
    assert row.pin.isChecked()
    assert "pinned by you" in row._artist.text()
    QtTest.QTest.mouseClick(row.pin, LEFT)
    QtTest.QTest.mouseClick(row.play, LEFT)
    assert session.commands[-5:] == [
        ("like", wanted, True),
        ("ban", wanted, True),
        ("pin", wanted, True),
        ("pin", wanted, False),
        ("choose", wanted),
    ]


def test_policy_buttons_say_and_set_the_policy(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    for button in window.nowplaying._policy.buttons():
        QtTest.QTest.mouseClick(button, LEFT)
        assert session.player.policy == button.property("policy")
    tick(window, session, 10)
    checked = [b for b in window.nowplaying._policy.buttons() if b.isChecked()]
    assert [b.property("policy") for b in checked] == [session.player.policy]


def words_on_screen(window: MainWindow) -> set[str]:
    kinds = (QtWidgets.QLabel, QtWidgets.QAbstractButton)
    shown = {w.text() for kind in kinds for w in window.findChildren(kind) if w.isVisible()}
    return shown | {w.toolTip() for kind in kinds for w in window.findChildren(kind)}


def test_what_plays_is_named_with_its_gain(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    tick(window, session, 10)
    track = window.vm.track
    assert track is not None
    assert window.nowplaying._title.text() == track.title
    assert window.nowplaying._artist.text() == f"{track.artist} - {track.album} · gain -3.2 dB"


def test_a_message_that_is_long_over_is_not_told_by_a_new_window(
    session: ScriptedSession, open_window: Open
) -> None:
    session.messages = (Message(session.now - 60, "info", "The baseline is measured."),)
    window = open_window(session)
    tick(window, session, 3)
    assert window.sessionbar.message.text() == ""
    assert "The baseline is measured." in window.diagnostics._messages.toPlainText()


def test_the_map_names_tracks_where_there_is_room(
    session: ScriptedSession, open_window: Open
) -> None:
    panel = open_window(session).embedding
    letters = QtGui.QFontMetrics(panel.font())
    panel.resize(400, 300)
    spot = np.array([200.0, 150.0])
    right = panel._free_place(letters, "Low Tide", spot, [], anyhow=False)
    assert right is not None
    assert right.left() > 200
    left = panel._free_place(letters, "Low Tide", spot, [right], anyhow=False)
    assert left is not None
    assert left.right() < 200
    everywhere = [QtCore.QRectF(0, 0, 400, 300)]
    assert panel._free_place(letters, "Low Tide", spot, everywhere, anyhow=False) is None
    assert panel._free_place(letters, "Low Tide", spot, everywhere, anyhow=True) is not None


def test_a_session_without_music_has_no_empty_panels_of_it(open_window: Open) -> None:
    window = open_window(ScriptedSession(8, music=False))
    closed = {name for name, dock in window.docks.items() if not dock.isVisible()}
    assert {"nowplaying", "queue", "embedding"} <= closed
    assert "plane" not in closed


def test_a_music_command_without_music_is_answered(open_window: Open) -> None:
    silent = ScriptedSession(8, music=False)
    window = open_window(silent)
    QtTest.QTest.keyClick(window, KEY.Key_Space)
    assert "no music" in window.sessionbar.message.text()
    assert silent.commands == []


def test_hidden_reasons_stand_nowhere(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    window.docks["queue"].raise_()
    tick(window, session, 30)
    reasons = ("similarity 0", "nearest")
    assert any(reason in text for text in words_on_screen(window) for reason in reasons)
    window.use_preferences(replace(window.preferences, hide_reasons=True))
    tick(window, session, 30)
    for text in words_on_screen(window):
        assert not any(reason in text for reason in reasons), text


def test_a_bad_electrode_shows_its_reason(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    session.bad.add("O1")
    tick(window, session, 12)
    shown = {c.name: c for c in contacts(window.vm)}
    assert shown["O1"].grade == "bad"
    assert "line noise" in shown["O1"].reason
    assert shown["Fp1"].grade == "good"


def test_held_stretches_are_kept_apart_in_the_timeline(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    session.state = State.ARTIFACT
    tick(window, session, 10)
    session.state = State.OK
    session.confidence = 0.05
    tick(window, session, 10)
    ranks = window.vm.timeline.rows[-22:, 4]
    assert list(ranks[-20:-10]) == [0.0] * 10
    assert list(ranks[-10:]) == [1.0] * 10


def test_a_break_is_held_and_left_out(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_P, QtCore.Qt.KeyboardModifier.ControlModifier)
    tick(window, session, 16)
    held = window.vm.reading
    assert held.kind is Kind.HELD
    assert held.why == "Break: the numbers are held"
    assert window.sessionbar.pause_button.text() == "End the break"
    QtTest.QTest.mouseClick(window.sessionbar.pause_button, LEFT)
    tick(window, session, 8)
    resumed = window.vm.reading
    assert resumed.kind is Kind.READING
    assert window.sessionbar.pause_button.text() == "Take a break"
    ranks = window.vm.timeline.rows[:, 4]
    assert list(ranks[-24:-8]) == [0.0] * 16, "no estimate of the break counts as a reading"
    assert (ranks[:-24] == 2).all()
    assert (ranks[-7:] == 2).all()


def test_what_was_chosen_by_hand_has_no_score(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    by_hand = Suggestion(session.player.tracks[0], math.nan, rule="chosen by you")
    assert "nan" not in why_words(by_hand)
    row = window.queue._rows[0]
    row.show_suggestion(by_hand)
    assert row._score.text() == ""


def test_band_powers_are_in_sds_of_the_baseline(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    z = against_baseline(window.vm)
    assert z is not None
    expected = 0.3 * np.sin(session.now / 7 + np.arange(5)) / 0.35
    assert z == pytest.approx(expected, abs=1e-4)


def test_the_map_keeps_the_plane_of_greatest_spread() -> None:
    rng = np.random.default_rng(3)
    points = (rng.standard_normal((200, 12)) * np.array([9, 5] + [0.3] * 10)).astype(np.float32)
    mean, axes, explained = flatten(points)
    assert explained > 0.95
    flat = (points - mean) @ axes
    assert abs(np.corrcoef(flat[:, 0], points[:, 0])[0, 1]) > 0.999


def test_messages_are_shown_and_kept(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    session.messages = (Message(session.now, "warning", "TP9 is loose."),)
    tick(window, session, 3)
    assert "TP9 is loose." in window.sessionbar.message.text()
    assert "TP9 is loose." in window.diagnostics._messages.toPlainText()


@pytest.mark.parametrize("n_channels", [4, 32])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
def test_all_panels_fit_and_stay_inside(
    n_channels: int, size: tuple[int, int], open_window: Open
) -> None:
    session = ScriptedSession(n_channels)
    session.advance(20)
    window = open_window(session, size=size)
    tick(window, session, 3)
    assert (window.width(), window.height()) == size
    shown = [d for d in window.docks.values() if not d.visibleRegion().isEmpty()]
    assert len(shown) >= 5
    for dock in shown:
        panel = dock.panel
        assert panel.width() >= panel.minimumSizeHint().width(), dock.objectName()
        corner = dock.mapTo(window, QtCore.QPoint(dock.width(), dock.height()))
        assert corner.x() <= size[0]
        assert corner.y() <= size[1]


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_no_panel_covers_another_in_any_arrangement(
    size: tuple[int, int], session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session, size=size)
    for key in ("scientist", *layouts(), "scientist", "everything"):
        window.arrange(key)
        tick(window, session, 3)
        places = {
            dock.objectName(): QtCore.QRect(dock.mapTo(window, QtCore.QPoint()), dock.size())
            for dock in window.docks.values()
            if not dock.visibleRegion().isEmpty()
        }
        for (one, here), (other, there) in combinations(places.items(), 2):
            assert not here.intersects(there), f"{key}: {one} and {other}"
        assert all(window.rect().contains(place) for place in places.values()), key
        for bar in window.findChildren(QtWidgets.QTabBar):
            if bar.isVisible() and bar.count() and window.rect().intersects(bar.geometry()):
                covered = [o for o, place in places.items() if place.intersects(bar.geometry())]
                assert not covered, f"{key}: tabs over {covered}"
                assert bar.y() > window.topbar.height(), f"{key}: tabs over the top line"


def test_arrangements_and_the_diagnostics_drawer(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    for key in ("listener", "scientist", "everything"):
        window.arrange(key)
        tick(window, session, 3)
        assert not window.docks["plane" if key != "scientist" else "traces"].isHidden()
    QtTest.QTest.keyClick(window, KEY.Key_D)
    assert window.docks["diagnostics"].isVisible()
    QtTest.QTest.keyClick(window, KEY.Key_D)
    assert not window.docks["diagnostics"].isVisible()


def test_places_and_theme_are_kept(session: ScriptedSession, open_window: Open) -> None:
    window = open_window(session)
    QtTest.QTest.keyClick(window, KEY.Key_T)
    assert window.theme.name == "light"
    window.docks["attention"].close()
    window.end_and_close()
    assert wait_for(lambda: not window.isVisible()), "the session ends beside the window"
    again = open_window(session, size=None)
    assert again.theme.name == "light"
    assert again.docks["attention"].isHidden()


def test_the_top_line_shows_the_reference_of_the_estimates(
    session: ScriptedSession, open_window: Open
) -> None:
    window = open_window(session)
    tick(window, session, 12)
    assert not window.topbar._reference.isVisible()  # this model's normalisation follows
    session.reference = ReferenceKind.START
    tick(window, session, 12)
    assert "no baseline yet" in window.topbar._reference.text()
    session.reference = ReferenceKind.REST
    tick(window, session, 12)
    assert window.topbar._reference.text() == "against your rest"
