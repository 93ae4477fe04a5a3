"""The SQLite kernel: transactions, threads, migrations, damage, and errors in one sentence."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.storage import Database, Schema

FIRST = """
CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);  -- a comment; with a semicolon
INSERT INTO note (text) VALUES ('of the first version');
"""
SUMS = {"note": "checksum(id, CAST(text AS BLOB))"}
SECOND = f"ALTER TABLE note ADD COLUMN sum INTEGER; UPDATE note SET sum = {SUMS['note']};"
NOTES = Schema("The notebook", (FIRST, SECOND), "and write it again", sums=SUMS)


def texts(database: Database) -> list[str]:
    return [row[0] for row in database.read("SELECT text FROM note ORDER BY id")]


def add(database: Database, text: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO note (text) VALUES (?)", (text,))
        NOTES.seal(connection, "note", "text = ?", text)


def test_an_error_undoes_the_transaction_and_all_inside_it(tmp_path: Path) -> None:
    with Database(tmp_path / "notes.sqlite", NOTES) as database:

        def fail() -> None:
            with database.write():
                add(database, "inner")
                assert len(texts(database)) == 2
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert texts(database) == ["of the first version"]
        add(database, "kept")
        assert list(database.iterate("SELECT text FROM note WHERE id = 2")) == [("kept",)]


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_any_version_is_migrated(tmp_path: Path, version: int) -> None:
    path = tmp_path / "notes.sqlite"
    Database(path, Schema("The notebook", NOTES.migrations[:version], "")).close()
    with Database(path, NOTES) as database:
        assert texts(database) == ["of the first version"]
        assert database.read("PRAGMA user_version") == [(2,)]
        assert not database.read(f"SELECT 1 FROM note WHERE {NOTES.damaged('note')}")


def test_a_failed_migration_leaves_the_older_version(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    Database(path, Schema("The notebook", (FIRST,), "")).close()
    broken = Schema("The notebook", (FIRST, "DROP TABLE note; SELECT text FROM nowhere"), "")
    with pytest.raises(BciAffectError, match="The notebook"):
        Database(path, broken)
    with Database(path, NOTES) as database:
        assert texts(database) == ["of the first version"]


_OPEN = """
import sys
from pathlib import Path
from tests.storage.test_database import NOTES, Database, texts
sys.stdin.read(1)
with Database(Path(sys.argv[1]), NOTES) as database:
    print(len(texts(database)))
"""


def test_programs_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, str(tmp_path / "notes.sqlite")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("x")
        program.stdin.flush()
    assert [program.communicate(timeout=60)[0] for program in programs] == ["1\n"] * 3


def test_threads_write_at_once_and_their_connections_are_closed(tmp_path: Path) -> None:
    with Database(tmp_path / "notes.sqlite", NOTES) as database:
        together = threading.Barrier(4, timeout=30)

        def write(n: int) -> None:
            for i in range(10):
                add(database, f"{n}-{i}")
            together.wait()  # a thread that ends before another begins loses its connection

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(texts(database))) == 41
        opened = [database._connections[thread] for thread in threads]
        late = threading.Thread(target=lambda: add(database, "late"))
        late.start()
        late.join()
        assert set(database._connections) == {threading.current_thread(), late}
        for connection in opened:
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                connection.execute("SELECT 1")


def test_a_changed_row_is_damaged_until_it_is_sealed(tmp_path: Path) -> None:
    with Database(tmp_path / "notes.sqlite", NOTES) as database:
        add(database, "second")
        damaged = f"SELECT id FROM note WHERE {NOTES.damaged('note')}"
        assert database.read(damaged) == []
        with database.write() as connection:
            connection.execute("UPDATE note SET text = 'secomd' WHERE id = 2")
        assert database.read(damaged) == [(2,)]
        with database.write() as connection:
            NOTES.seal(connection, "note", "id = ?", 2)
        assert database.read(damaged) == []


def test_a_refused_file_is_named_and_not_held_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_bytes(b"no database " * 400)
    with pytest.raises(BciAffectError, match=r"^The notebook .* not a database .*write it again\."):
        Database(path, NOTES)
    path.unlink()
    Database(path, Schema("The notebook", (*NOTES.migrations, "SELECT 1"), "")).close()
    with pytest.raises(BciAffectError, match=r"newer bci_affect \(version 3, this one knows 2\)"):
        Database(path, NOTES)
    with sqlite3.connect(path, timeout=0.1) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("DELETE FROM note")
    connection.close()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT text FROM note WHERE text = CAST(x'ff' AS TEXT) OR id = 2", "cannot be decoded"),
        ("SELECT text FROM nowhere", "damaged .*no such table"),
    ],
)
def test_damage_that_a_query_meets_is_one_sentence(tmp_path: Path, sql: str, words: str) -> None:
    with Database(tmp_path / "notes.sqlite", NOTES) as database:
        with database.write() as connection:
            connection.execute("INSERT INTO note (text) VALUES (CAST(x'ff0a' AS TEXT))")
        with pytest.raises(BciAffectError, match=words) as caught:
            database.read(sql)
        assert "\n" not in str(caught.value)


def test_values_that_cannot_be_decoded_are_damage(tmp_path: Path) -> None:
    with Database(tmp_path / "notes.sqlite", NOTES) as database:
        for value in ("x", None, {}):
            with pytest.raises(BciAffectError, match="cannot be read"), database.decoding():
                int(value["a"] if isinstance(value, dict) else value)  # type: ignore[arg-type]
