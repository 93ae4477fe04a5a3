"""SQLite kernel: one database for all threads of a program, with migrations and checksums."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection as Connection
from typing import Any, Self

from bci_affect.errors import BciAffectError
from bci_affect.storage.atomic import PRIVATE

_PAGES_CHECKED = 64 << 20
"""Bytes up to which all pages are checked when a database is opened; more would delay the start."""
_BUSY_S = 10.0


@dataclass(frozen=True)
class Schema:
    """Description of one kind of database: its tables, and the words of its error messages.

    Attributes
    ----------
    title : str
        Beginning of error messages, such as "The music library".
    migrations : tuple of str
        Script n takes a database from version n to n + 1, so their number is today's version. A
        script that was released is never edited. Comments begin with ``--``; no text in a script
        holds ``--`` or ``;``.
    if_damaged : str
        Advice that follows "move it away".
    sums : mapping of str to str
        Table to the SQL expression of its checksum, ``checksum(column, ...)``. Such a table has an
        integer column ``sum``; `seal` fills it and `damaged` compares it.
    durable : bool
        Survive a power failure with the last transaction (slower), not only a killed program.
    """

    title: str
    migrations: tuple[str, ...]
    if_damaged: str
    sums: Mapping[str, str] = field(default_factory=dict)
    durable: bool = True

    @property
    def version(self) -> int:
        """Today's version."""
        return len(self.migrations)

    def seal(self, connection: Connection, table: str, where: str = "1", *values: object) -> None:
        """Store the checksums of the chosen rows of a table; without one a row counts as damaged.

        `where` is SQL of the program; texts from elsewhere are passed as `values`.
        """
        connection.execute(f"UPDATE {table} SET sum = {self.sums[table]} WHERE {where}", values)

    def damaged(self, table: str) -> str:
        """Return the SQL condition of a damaged row of a table."""
        return f"sum IS NOT {self.sums[table]}"


class Database:
    """A SQLite database in WAL mode that any thread may read and write.

    Each thread has its own connection; connections of threads that have ended are closed. The file
    is created, checked for damaged pages, and migrated when it is opened. Every error of SQLite
    becomes one sentence.

    Parameters
    ----------
    path : Path
    schema : Schema

    Raises
    ------
    BciAffectError
        If the file cannot be opened, is damaged or not a database, or has a newer version. `read`
        and `write` raise it where the database is locked or damaged, or the disk is full.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> notes = Schema("The notebook", ("CREATE TABLE note (text TEXT)",), "write it again")
    >>> with TemporaryDirectory() as folder, Database(Path(folder, "notes.sqlite"), notes) as notes:
    ...     with notes.write() as connection:
    ...         _ = connection.execute("INSERT INTO note VALUES (?)", ("buy electrode gel",))
    ...     notes.read("SELECT text FROM note")
    [('buy electrode gel',)]
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self.schema = schema
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, Connection] = {}
        try:
            with self._explained():
                self._create()
                self._check_pages()
                self._migrate()
        except BaseException:
            self.close()  # a refused file must not stay locked
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connection(self) -> Connection:
        """Return the connection of the calling thread."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._explained():
                connection = self._local.connection = self._connect()
            with self._lock:
                for thread in [t for t in self._connections if not t.is_alive()]:
                    self._connections.pop(thread).close()
                self._connections[threading.current_thread()] = connection
        return connection

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        with self._explained():
            return self.connection().execute(sql, values).fetchall()

    def iterate(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the rows of a query that would be too large in memory together."""
        with self._explained():
            yield from self.connection().execute(sql, values)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run a transaction: all of it or, after any error, nothing.

        A transaction inside another one of the same thread is part of the outer one.
        """
        connection = self.connection()
        with self._explained():
            if connection.in_transaction:
                yield connection
                return
            with _transaction(connection):
                yield connection

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Report stored values that the block cannot decode as damage.

        Raises
        ------
        BciAffectError
            In place of `ValueError`, `KeyError`, `TypeError` and `AttributeError`.
        """
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.damage(f"its content cannot be read: {error}") from None

    def damage(self, what: str) -> BciAffectError:
        """Return the error that reports damage found in stored values."""
        what = " ".join(what.replace("*** in database main ***", "").split())
        what = what if len(what) <= 60 else f"{what[:57]}..."
        return BciAffectError(
            f"{self.schema.title} {self.path} is damaged or not a database ({what}); move it away "
            f"{self.schema.if_damaged}."
        )

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _connect(self) -> Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.create_function("checksum", -1, checksum, deterministic=True)
            connection.execute("PRAGMA trusted_schema = ON")  # views may call our function
            connection.execute("PRAGMA journal_mode = WAL")
            durable = "FULL" if self.schema.durable else "NORMAL"
            connection.execute(f"PRAGMA synchronous = {durable}")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Create a missing file that only its owner may read; SQLite's other files follow it."""
        with suppress(OSError):  # SQLite gives the reason
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))

    def _check_pages(self) -> None:
        connection = self.connection()
        if self.path.stat().st_size <= _PAGES_CHECKED:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise self.damage(found)

    def _migrate(self) -> None:
        connection, newest = self.connection(), self.schema.version

        def version() -> int:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

        if version() > newest:
            raise BciAffectError(
                f"{self.schema.title} {self.path} was made by a newer bci_affect (version "
                f"{version()}, this one knows {newest}); update bci_affect, or set "
                "BCI_AFFECT_HOME to another folder."
            )
        if version() == newest:
            return
        with _transaction(connection):  # locks out a program that migrates at the same moment
            for script in self.schema.migrations[version() :]:
                for statement in re.sub("--.*", "", script).split(";"):
                    connection.execute(statement)  # an empty one does nothing
            connection.execute(f"PRAGMA user_version = {newest}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of SQLite into one sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "user-defined function" in text or "decode" in text:  # it quotes the damaged text
                raise self.damage("text that cannot be decoded") from None
            if not (advice := _advice(text)):
                raise self.damage(text) from None
            raise BciAffectError(f"{self.schema.title} {self.path}: {advice}.") from None
        except sqlite3.DatabaseError as error:
            raise self.damage(str(error)) from None
        except UnicodeDecodeError:
            raise self.damage("text that cannot be decoded") from None


def checksum(*values: bytes | str | float | None) -> int:
    """Return the CRC-32 of a row's values, which shows a bit that a disk has changed.

    Examples
    --------
    >>> checksum(1, "a", b"a", None) == checksum(1, "a", b"c", None)
    False
    """
    total = 0
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace")
        total = zlib.crc32(data, zlib.crc32(b"%d" % len(data), total))
    return total


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _advice(error: str) -> str:
    """Return what to do after an error of SQLite; "" where the database is damaged."""
    if "locked" in error or "busy" in error:
        return "another program is writing to it; try again when it is done"
    if "full" in error:
        return "the disk is full; nothing was lost, make room and run it again"
    if "readonly" in error or "unable to open" in error:
        return "it cannot be written; check the folder's permissions or set BCI_AFFECT_HOME"
    if "I/O" in error:
        return f"the disk cannot be read or written ({error}); check it and try again"
    return ""
