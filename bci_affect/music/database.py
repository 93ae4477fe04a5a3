"""One SQLite database for all threads of a program: a connection each, whole transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bci_affect.music import schema


class Database:
    """The library's database; any thread may read and write.

    Parameters
    ----------
    path : Path
        The file; made, or brought to this version, where need be.

    Raises
    ------
    BciAffectError
        If it cannot be opened, is damaged, or is of a newer version; so do `read` and `write` where
        it is locked, cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = schema.connect(self.path)
            self._local.connection = connection
            with self._lock:
                for thread in [t for t in self._connections if not t.is_alive()]:
                    self._connections.pop(thread).close()
                self._connections[threading.current_thread()] = connection
        return connection

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        with schema.explained(self.path):
            return self.connection().execute(sql, values).fetchall()

    @contextmanager
    def write(self, *, rows_change: bool = True) -> Iterator[sqlite3.Connection]:
        """Run one transaction, all or nothing; `rows_change` where what is searched changes."""
        connection = self.connection()
        with schema.explained(self.path), schema.writing(connection):
            connection.execute(
                "UPDATE state SET writes = writes + 1, changes = changes + ?", (int(rows_change),)
            )
            yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()
