"""The library's tables, their migrations, and SQLite's errors in words."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bci_affect.errors import BciAffectError

# Entry n takes a database from version n to n + 1. Never edit one that shipped.
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE track (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,      -- of the file's bytes
        title TEXT NOT NULL, artist TEXT NOT NULL, album TEXT NOT NULL,
        duration_s REAL NOT NULL,
        loudness_lufs REAL NOT NULL, peak_dbfs REAL NOT NULL,
        gain_db REAL NOT NULL,          -- to the playback target, without clipping
        cues TEXT NOT NULL,             -- JSON: name -> value
        tags BLOB NOT NULL,             -- float32 (50,), mean probability
        valence REAL, arousal REAL, valence_sd REAL, arousal_sd REAL,
        head TEXT NOT NULL DEFAULT '',  -- emotion head that predicted them
        liked INTEGER NOT NULL DEFAULT 0,
        banned INTEGER NOT NULL DEFAULT 0,
        excluded INTEGER NOT NULL DEFAULT 0,
        added REAL NOT NULL
    );
    CREATE TABLE place (                -- where files of a track lie; a copy is no second track
        path TEXT PRIMARY KEY,
        track_id INTEGER NOT NULL REFERENCES track(id) ON DELETE CASCADE,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        present INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX place_of_track ON place(track_id);
    CREATE TABLE embedding (
        track_id INTEGER NOT NULL REFERENCES track(id) ON DELETE CASCADE,
        encoder TEXT NOT NULL,          -- id, weights and front end, loudness target
        times BLOB NOT NULL,            -- float32 (n,)
        rows BLOB NOT NULL,             -- float16 (n, dim)
        dim INTEGER NOT NULL,
        PRIMARY KEY (track_id, encoder)
    );
    CREATE TABLE state (                -- counters: what changes the rows to search; anything
        changes INTEGER NOT NULL, writes INTEGER NOT NULL
    );
    INSERT INTO state VALUES (0, 0);
    CREATE TABLE failure (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        reason TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE track ADD COLUMN sum INTEGER;   -- of the columns that were computed, see `checksum`
    ALTER TABLE place ADD COLUMN sum INTEGER;
    ALTER TABLE embedding ADD COLUMN sum INTEGER;
    CREATE VIEW whole_track AS SELECT * FROM track WHERE sum = {track};
    CREATE VIEW whole_place AS SELECT * FROM place WHERE sum = {place};
    CREATE VIEW whole_embedding AS SELECT * FROM embedding WHERE sum = {embedding};
    UPDATE track SET sum = {track};
    UPDATE place SET sum = {place};
    UPDATE embedding SET sum = {embedding};
    """,
)
# What the checksums cover. The views hold it too: a change here needs a migration that makes them,
# and the sums, anew.
_SUMS = {
    "track": "checksum(id, CAST(hash || title || artist || album || cues || head AS BLOB), tags, "
    "duration_s, loudness_lufs, peak_dbfs, gain_db, valence, arousal, valence_sd, arousal_sd)",
    "place": "checksum(CAST(path AS BLOB), track_id, size, mtime_ns)",
    "embedding": "checksum(track_id, CAST(encoder AS BLOB), times, rows, dim)",
}
VERSION = len(_MIGRATIONS)


def checksum(*values: bytes | str | float | None) -> int:
    """Return the CRC-32 of a row's values, by which a bit that a disk flipped is seen."""
    total = 0
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace")
        total = zlib.crc32(data, zlib.crc32(b"%d" % len(data), total))
    return total


def seal(connection: sqlite3.Connection, table: str, where: str = "1", *values: object) -> None:
    """Give the chosen rows of a table their checksum; without it they count as damaged."""
    connection.execute(f"UPDATE {table} SET sum = {_SUMS[table]} WHERE {where}", values)


def damaged(table: str) -> str:
    """Return the SQL condition of a damaged row of a table."""
    return f"sum IS NOT {_SUMS[table]}"


def connect(path: Path) -> sqlite3.Connection:
    """Open (and make or migrate) a library's database in WAL mode.

    Raises
    ------
    BciAffectError
        If it cannot be opened, is no such database, or is of a newer version.
    """
    with explained(path):
        connection = sqlite3.connect(
            path, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        try:
            connection.create_function("checksum", -1, checksum, deterministic=True)
            connection.execute("PRAGMA trusted_schema=ON")  # the views call our function
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    def version() -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    if version() > VERSION:
        raise BciAffectError(
            f"The music library {path} was made by a newer bci_affect (version {version()}, this "
            f"one knows {VERSION}); update bci_affect, or set BCI_AFFECT_HOME to another folder."
        )
    if version() == VERSION:
        return
    with writing(connection):  # locks out a second program that migrates at the same moment
        for number in range(version(), VERSION):
            script = re.sub("--.*", "", _MIGRATIONS[number])
            for statement in script.format_map(_SUMS).split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version={VERSION}")


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Run one write transaction: all of it or, on any error, nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            advice = "another program is writing to it; try again when it is done"
        elif "user-defined function" in text or "decode" in text:  # text that is none
            raise BciAffectError(damaged_words(path, "text that is no text")) from None
        elif "full" in text:
            advice = "the disk is full; nothing was lost, make room and run it again"
        elif "readonly" in text or "unable to open" in text:
            advice = "it cannot be written; check the folder's permissions or set BCI_AFFECT_HOME"
        else:
            advice = text
        raise BciAffectError(f"The music library {path}: {advice}.") from None
    except sqlite3.DatabaseError as error:
        raise BciAffectError(damaged_words(path, str(error))) from None
    except UnicodeDecodeError:  # what SQLite says quotes the damage
        raise BciAffectError(damaged_words(path, "names that are no text")) from None


def damaged_words(path: Path, what: str) -> str:
    """Say that a database is damaged, and what to do."""
    what = " ".join(what.replace("*** in database main ***", "").split())
    what = what if len(what) <= 60 else f"{what[:57]}..."
    return (
        f"The music library {path} is damaged or no database ({what}); move it away and add your "
        "music again."
    )
