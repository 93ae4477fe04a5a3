"""Music library for the table of the window: tracks, likes, bans, folders."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bci_affect.app.scan import FolderScan
from bci_affect.app.start import add_alone
from bci_affect.errors import BciAffectError

if TYPE_CHECKING:
    from bci_affect.music import Library, Track


class LibraryEditor:
    """`LibraryService` of the window; every call opens the library's database.

    Parameters
    ----------
    path : Path, optional
        The library's database; the user's own by default.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def entries(self) -> list[tuple[Track, bool]]:
        """Return all tracks, each with whether its file exists."""
        with self._open() as library:
            missing = [(track, False) for track in library.missing_tracks()]
            return [(track, True) for track in library.tracks()] + missing

    def like(self, track_id: int, liked: bool) -> None:
        """Like a track, or remove the like."""
        with self._open() as library:
            library.like(track_id, liked)

    def ban(self, track_id: int, banned: bool) -> None:
        """Ban a track, or lift the ban."""
        with self._open() as library:
            library.ban(track_id, banned)

    def remove(self, track_id: int) -> None:
        """Remove a track from the library; its file is kept."""
        with self._open() as library:
            library.remove(track_id)

    def add_folder(self, folder: Path) -> FolderScan:
        """Add the music of a folder in the background.

        Raises
        ------
        BciAffectError
            If the folder has no music.
        """
        from bci_affect.music import find_audio_files

        if next(iter(find_audio_files([folder])), None) is None:
            raise BciAffectError(f"There is no music in {folder}; choose another folder.")
        scan = FolderScan(folder)
        threading.Thread(
            target=add_alone, args=(scan, self._path), name="bci-music-add", daemon=False
        ).start()
        return scan

    def _open(self) -> Library:
        from bci_affect.music import Library

        return Library(self._path)
