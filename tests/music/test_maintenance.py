"""Detection and removal of corrupted records of a music library."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.music import Library
from bci_affect.music.schema import LIBRARY
from tests.music.fake_library import fill


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "music.sqlite") as library:
        yield library


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE embedding SET rows = zeroblob(length(rows)) WHERE track_id = 2",
        "UPDATE embedding SET rows = substr(rows, 2) WHERE track_id = 2",
        "UPDATE track SET gain_db = 40 WHERE id = 2",
        "UPDATE track SET tags = x'00' WHERE id = 2",
        "UPDATE track SET valence = 'high' WHERE id = 2",
        "UPDATE place SET track_id = 1 WHERE track_id = 2",
        "UPDATE place SET path = CAST(x'ff' AS TEXT) WHERE track_id = 2",
        "UPDATE track SET title = CAST(x'ff' AS TEXT) WHERE id = 2",
        "UPDATE track SET sum = NULL WHERE id = 2",
    ],
)
def test_corrupted_records_are_skipped_and_can_be_added_again(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    fill(library, tmp_path / "f", 3)
    table = library.all_embeddings()
    with sqlite3.connect(library.path) as connection:
        connection.execute(statement)
    connection.close()
    with Library(library.path) as reopened:
        remaining = reopened.all_embeddings()
        assert set(remaining.track_ids) == {1, 3}
        expected = table.embeddings[table.track_ids != 2]
        np.testing.assert_array_equal(remaining.embeddings, expected)
        assert all(track.gain_db == 0 for track in reopened.tracks())
        assert "corrupted" in caplog.text
        assert "music add" in caplog.text
        reopened.delete_damaged()
        assert len(reopened) == 2
        fill(reopened, tmp_path / "f", 3)
        assert len(reopened.all_embeddings().embeddings) == len(table.embeddings)
        caplog.clear()
    Library(library.path).close()
    assert not caplog.text


def test_a_refused_library_releases_its_lock(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 3)
    with library.database.write() as connection:
        connection.execute("UPDATE track SET valence = CAST(x'ff' AS TEXT) WHERE id = 2")
    with pytest.raises(BciAffectError, match="damaged"):
        Library(library.path)
    library.database.connection().execute("PRAGMA busy_timeout=100")
    with library.database.write() as connection:
        connection.execute("UPDATE track SET valence = 0 WHERE id = 2")
        LIBRARY.seal(connection, "track")
    with Library(library.path) as reopened:
        assert len(reopened) == 3


def test_a_damaged_page_is_refused_when_the_library_is_opened(
    library: Library, tmp_path: Path
) -> None:
    fill(library, tmp_path / "f", 3)
    connection = library.database.connection()
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'place_of_track'"
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    library.close()
    with library.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(100))
    with pytest.raises(BciAffectError, match="damaged") as caught:
        Library(library.path)
    assert "\n" not in str(caught.value)
