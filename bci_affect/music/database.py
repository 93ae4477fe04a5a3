"""Database of the music library, which counts its changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bci_affect.music.schema import LIBRARY
from bci_affect.storage import Connection, Database


class LibraryDatabase(Database):
    """Database of a music library; every transaction advances the counters of its table ``state``.

    Parameters
    ----------
    path : Path
        Database file.

    Raises
    ------
    BciAffectError
        See `Database`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, LIBRARY)

    @contextmanager
    def write(self, *, rows_change: bool = True) -> Iterator[Connection]:
        """Run a transaction; `rows_change` is True if it changes the embeddings for retrieval."""
        with super().write() as connection:
            connection.execute(
                "UPDATE state SET writes = writes + 1, changes = changes + ?", (int(rows_change),)
            )
            yield connection
