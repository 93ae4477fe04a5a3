"""Music library as a table: search, sort, play, like, ban, missing files, folders."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Protocol

from pyqtgraph.Qt import QtCore, QtWidgets

from bci_affect.errors import BciAffectError
from bci_affect.gui.opening import open_with_desktop
from bci_affect.gui.panels.base import Caption, label
from bci_affect.gui.panels.scanstrip import scan_words
from bci_affect.gui.services import LibraryService, ScanView
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme, style_sheet
from bci_affect.music import Track

_ROLE = QtCore.Qt.ItemDataRole
_POLL_MS = 300


class TrackPlayer(Protocol):
    """Commands of a running session that the table uses."""

    def choose(self, track_id: int) -> None:
        """Play this track now."""

    def pin(self, track_id: int, pinned: bool = True) -> None:
        """Queue this track next."""


class _Item(QtWidgets.QTableWidgetItem):
    """Cell that is sorted by a key, not by its text."""

    def __init__(self, text: str, key: object) -> None:
        super().__init__(text)
        self.key = key

    def __lt__(self, other: QtWidgets.QTableWidgetItem) -> bool:
        return bool(self.key < other.key)


class LibraryPage(QtWidgets.QWidget):
    """Table of all tracks; without a player (on the home page) nothing can be played.

    Parameters
    ----------
    service : LibraryService
    player : TrackPlayer, optional
        Music of the running session.
    """

    def __init__(self, service: LibraryService, player: TrackPlayer | None = None) -> None:
        super().__init__()
        self._service, self._player = service, player
        self._scan: ScanView | None = None
        self._tracks: dict[int, tuple[Track, bool]] = {}
        self.search = QtWidgets.QLineEdit()
        self.search.setPlaceholderText(tr("Search title, artist, album"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        names = (
            *(tr("Title"), tr("Artist"), tr("Album"), tr("Length")),
            *(tr("Mood: valence, arousal"), tr("Liked"), tr("Banned"), tr("File")),
        )
        self.table = QtWidgets.QTableWidget(0, len(names))
        self.table.setHorizontalHeaderLabels(list(names))
        self.table.setAccessibleName(tr("Tracks of the library"))
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setTabKeyNavigation(False)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, QtCore.Qt.SortOrder.AscendingOrder)
        self.table.itemSelectionChanged.connect(self._update)
        self.table.doubleClicked.connect(lambda _: self._play())
        self.status = Caption("")
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._lay_out()
        self.refresh()

    def _button(self, text: str, tip: str, action: object) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(action)
        return button

    def _lay_out(self) -> None:
        self.play = self._button(tr("Play"), tr("Play this track now"), self._play)
        self.queue = self._button(tr("Play next"), tr("Queue this track next"), self._queue)
        for button in (self.play, self.queue):
            button.setVisible(self._player is not None)
        self.like = self._button(tr("Like"), tr("Like the tracks, or take it back"), self._like)
        self.ban = self._button(tr("Ban"), tr("Never play the tracks, or allow them"), self._ban)
        self.show_file = self._button(
            tr("Show file"), tr("Open the folder of the file"), self._show
        )
        self.remove = self._button(
            tr("Remove"), tr("Remove the tracks from the library; files are kept"), self._remove
        )
        self.add = self._button(tr("Add folder"), tr("Add the music of a folder"), self._choose)
        self.add.setObjectName("primary")
        self.cancel = self._button(tr("Cancel"), tr("Stop adding music"), self._cancel)
        self.cancel.hide()
        self.folders = QtWidgets.QToolButton()
        self.folders.setText(tr("Folders"))
        self.folders.setToolTip(tr("Remove all tracks of a folder from the library"))
        self.folders.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        top = QtWidgets.QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.add)
        top.addWidget(self.folders)
        low = QtWidgets.QHBoxLayout()
        for button in (self.play, self.queue, self.like, self.ban, self.show_file, self.remove):
            low.addWidget(button)
        low.addStretch(1)
        state = QtWidgets.QHBoxLayout()
        state.addWidget(self.status, 1)
        state.addWidget(self.cancel)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(10)
        box.addWidget(label(tr("Music library"), "heading"))
        box.addLayout(top)
        box.addWidget(self.table, 1)
        box.addLayout(state)
        box.addLayout(low)

    # --- table ----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the library again; selection and search stay."""
        chosen = set(self.chosen())
        self._tracks = {track.id: (track, there) for track, there in self._service.entries()}
        self.table.setSortingEnabled(False)
        self.table.setRowCount(len(self._tracks))
        for row, (track, there) in enumerate(self._tracks.values()):
            for column, item in enumerate(_cells(track, there)):
                item.setData(_ROLE.UserRole, track.id)
                item.setToolTip(track.path)
                self.table.setItem(row, column, item)
        self.table.setSortingEnabled(True)
        self.table.resizeColumnsToContents()
        self.table.clearSelection()
        mode = QtWidgets.QAbstractItemView.SelectionMode
        self.table.setSelectionMode(mode.MultiSelection)
        for row in range(self.table.rowCount()):
            if self.table.item(row, 0).data(_ROLE.UserRole) in chosen:
                self.table.selectRow(row)
        self.table.setSelectionMode(mode.ExtendedSelection)
        self._filter()
        self._list_folders()
        missing = sum(not there for _, there in self._tracks.values())
        words = tr("{n} tracks", n=len(self._tracks))
        if missing:
            words += tr(
                "; {n} files are missing (their drive is not connected, or moved)", n=missing
            )
        self.status.setText(words)
        self._update()

    def _filter(self) -> None:
        wanted = self.search.text().casefold().split()
        for row in range(self.table.rowCount()):
            text = " ".join(self.table.item(row, i).text() for i in range(3)).casefold()
            self.table.setRowHidden(row, not all(word in text for word in wanted))

    def chosen(self) -> list[int]:
        """Return the numbers of the chosen tracks, from the top."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [int(self.table.item(row, 0).data(_ROLE.UserRole)) for row in rows]

    def _update(self) -> None:
        chosen = [self._tracks[one] for one in self.chosen() if one in self._tracks]
        there = [track for track, present in chosen if present]
        for button in (self.play, self.queue, self.show_file):
            button.setEnabled(len(chosen) == 1 and len(there) == 1)
        for button in (self.like, self.ban, self.remove):
            button.setEnabled(bool(chosen))
        liked = bool(chosen) and all(track.liked for track, _ in chosen)
        banned = bool(chosen) and all(track.banned for track, _ in chosen)
        self.like.setText(tr("Unlike") if liked else tr("Like"))
        self.ban.setText(tr("Allow again") if banned else tr("Ban"))

    # --- commands ---------------------------------------------------------------------------------

    def _play(self) -> None:
        if self._player is not None and self.play.isEnabled():
            self._player.choose(self.chosen()[0])

    def _queue(self) -> None:
        if self._player is not None:
            self._player.pin(self.chosen()[0])

    def _like(self) -> None:
        on = self.like.text() == tr("Like")
        for track_id in self.chosen():
            self._service.like(track_id, on)
        self.refresh()

    def _ban(self) -> None:
        on = self.ban.text() == tr("Ban")
        for track_id in self.chosen():
            self._service.ban(track_id, on)
        self.refresh()

    def _remove(self) -> None:
        chosen = self.chosen()
        for track_id in chosen:
            self._service.remove(track_id)
        self.refresh()
        self.status.setText(tr("{n} tracks removed; their files are kept", n=len(chosen)))

    def _show(self) -> None:
        folder = Path(self._tracks[self.chosen()[0]][0].path).parent
        if not open_with_desktop(folder):
            self.status.setText(str(folder))

    def _list_folders(self) -> None:
        menu = QtWidgets.QMenu(self)
        folders = sorted({str(Path(track.path).parent) for track, _ in self._tracks.values()})
        for folder in folders:
            text = tr("Remove {folder}", folder=folder.replace("&", "&&"))
            menu.addAction(text, partial(self.remove_folder, Path(folder)))
        self.folders.setMenu(menu)
        self.folders.setEnabled(bool(folders))

    def remove_folder(self, folder: Path) -> None:
        """Remove all tracks of a folder from the library; files are kept."""
        inside = [t.id for t, _ in self._tracks.values() if Path(t.path).is_relative_to(folder)]
        for track_id in inside:
            self._service.remove(track_id)
        self.refresh()
        self.status.setText(tr("{n} tracks removed; their files are kept", n=len(inside)))

    def _choose(self) -> None:
        folder = QtWidgets.QFileDialog.getExistingDirectory(self, tr("Folder with music"))
        if folder:
            self.add_folder(Path(folder))

    def add_folder(self, folder: Path) -> None:
        """Add the music of a folder in the background."""
        try:
            self._scan = self._service.add_folder(folder)
        except BciAffectError as error:
            self.status.setText(str(error))
            return
        self.add.setEnabled(False)
        self.cancel.show()
        self._timer.start()

    def _cancel(self) -> None:
        if self._scan is not None:
            self._scan.cancel()

    def _poll(self) -> None:
        if self._scan is None:
            return
        at = self._scan.status()
        if not at.ended:
            self.status.setText(scan_words(at))
            return
        self._timer.stop()
        self._scan = None
        self.add.setEnabled(True)
        self.cancel.hide()
        self.refresh()
        self.status.setText(scan_words(at))

    def end(self) -> None:
        """Cancel a running scan, because the window closes."""
        self._cancel()


def _cells(track: Track, there: bool) -> list[_Item]:
    """Return the cells of a track, each with its key for sorting."""
    known = math.isfinite(track.valence)
    mood = f"{track.valence:+.2f}, {track.arousal:+.2f}" if known else ""
    missing = "" if there else tr("missing")
    return [
        *(_Item(text, text.casefold()) for text in (track.title, track.artist, track.album)),
        _Item(clock(track.duration_s), track.duration_s),
        _Item(mood, track.valence if known else -math.inf),
        _Item("♥" if track.liked else "", int(track.liked)),
        _Item(tr("banned") if track.banned else "", int(track.banned)),
        _Item(missing or Path(track.path).name, (not there, track.path)),
    ]


class LibraryDialog(QtWidgets.QDialog):
    """Library of a running session, in a window that is not modal."""

    def __init__(
        self,
        service: LibraryService,
        player: TrackPlayer | None,
        theme: Theme,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Music library"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setStyleSheet(style_sheet(theme))
        self.page = LibraryPage(service, player)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.addWidget(self.page)
        self.resize(940, 560)
        self.finished.connect(lambda _: self.page.end())
