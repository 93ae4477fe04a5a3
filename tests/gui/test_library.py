"""Music library in the window: the real database, a table, and a session that plays from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyqtgraph.Qt import QtCore, QtTest

from bci_affect.app.library_editor import LibraryEditor
from bci_affect.gui.flows import library as library_module
from bci_affect.gui.flows.library import LibraryDialog, LibraryPage
from bci_affect.gui.services import Services
from bci_affect.gui.window import MainWindow
from bci_affect.music import Library
from tests.gui.conftest import tick, wait_for
from tests.gui.scripted import ScriptedSession
from tests.gui.test_flows import click
from tests.gui.test_home import opener
from tests.music.fake_library import fill

KEY = QtCore.Qt.Key


@pytest.fixture
def editor(tmp_path: Path) -> LibraryEditor:
    path = tmp_path / "music.sqlite"
    with Library(path) as opened:
        fill(opened, tmp_path / "music", 6)
    (tmp_path / "music" / "00002.flac").unlink()
    return LibraryEditor(path)


def row_of(page: LibraryPage, title: str) -> int:
    rows = range(page.table.rowCount())
    return next(i for i in rows if page.table.item(i, 0).text() == title)


def test_tracks_are_searched_sorted_liked_banned_and_removed(
    qapp: object, editor: LibraryEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = LibraryPage(editor)
    page.show()
    assert page.table.rowCount() == 6
    assert "1 files are missing" in page.status.text()
    assert page.table.item(row_of(page, "Title 2"), 7).text() == "missing"
    assert page.table.item(0, 0).text() == "Title 0", "sorted by title at first"
    page.search.setText("title 4")
    hidden = [page.table.isRowHidden(i) for i in range(6)]
    assert hidden.count(False) == 1
    page.search.clear()
    page.table.sortItems(4, QtCore.Qt.SortOrder.DescendingOrder)
    moods = [page.table.item(i, 4).key for i in range(6)]
    assert moods == sorted(moods, reverse=True), "by the number, not by the text"
    page.table.selectRow(row_of(page, "Title 1"))
    click(page.like)
    click(page.ban)
    liked = {t.title: (t.liked, t.banned) for t, _ in editor.entries()}
    assert liked["Title 1"] == (True, True)
    assert page.ban.text() == "Allow again", "the choice stays, and the ban can be undone"
    click(page.ban)
    assert not next(t for t, _ in editor.entries() if t.title == "Title 1").banned
    opened: list[Path] = []
    monkeypatch.setattr(library_module, "open_with_desktop", opener(opened))
    click(page.show_file)
    assert opened[0].name == "music"
    page.table.clearSelection()
    page.table.selectRow(row_of(page, "Title 2"))
    assert not page.show_file.isEnabled(), "its file is missing"
    click(page.remove)
    assert "Title 2" not in {t.title for t, _ in editor.entries()}
    page.remove_folder(opened[0])
    assert page.table.rowCount() == 0
    page.deleteLater()


def test_a_session_plays_from_the_library(
    session: ScriptedSession, open_window: Callable[..., MainWindow], editor: LibraryEditor
) -> None:
    """Manual mode: a track is found, played, queued, and the previous one returns."""
    window = open_window(session, services=Services(library=editor))
    QtTest.QTest.keyClick(window, KEY.Key_L, QtCore.Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(LibraryDialog)
    assert dialog is not None
    page = dialog.page
    page.table.selectRow(row_of(page, "Title 3"))
    click(page.play)
    click(page.queue)
    assert session.commands[-2:] == [("choose", 4), ("pin", 4, True)]
    dialog.close()
    tick(window, session, 6)
    click(window.nowplaying._previous)
    assert session.commands[-1] == ("choose", 1), "the track before it"


def test_a_folder_without_music_is_one_sentence(
    qapp: object, editor: LibraryEditor, tmp_path: Path
) -> None:
    page = LibraryPage(editor)
    (tmp_path / "empty").mkdir()
    page.add_folder(tmp_path / "empty")
    assert "There is no music" in page.status.text()
    assert page.add.isEnabled()
    assert wait_for(lambda: page.cancel.isHidden(), 2)
    page.deleteLater()
