"""Keeping a library's database true: damage, files that came or went, another emotion head."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music import schema

if TYPE_CHECKING:
    from bci_affect.music.database import Database
    from bci_affect.music.emotion import EmotionHead

log = logging.getLogger(__name__)

_CHECKED_WHOLE = 64 << 20  # bytes; checking the pages of more takes longer than a start may


def look_for_damage(database: Database) -> None:
    """Refuse pages that are damaged, and warn of entries that are."""
    if database.path.stat().st_size <= _CHECKED_WHOLE:
        found = database.read("PRAGMA integrity_check(1)")[0][0]
        if found != "ok":
            raise BciAffectError(schema.damaged_words(database.path, found))
    damaged = sum(
        database.read(f"SELECT count(*) FROM {table} WHERE {schema.damaged(table)}")[0][0]
        for table in ("track", "place")
    )
    if damaged:
        warn(database.path, f"{damaged} entries were changed by the disk and are left out")


def forget_damaged(database: Database) -> None:
    """Delete what the disk has changed, so that it is learned anew when it is added again."""
    tables = ("track", "place", "embedding")
    if not any(
        database.read(f"SELECT 1 FROM {table} WHERE {schema.damaged(table)} LIMIT 1")
        for table in tables
    ):
        return
    with database.write() as connection:
        for table in ("track", "embedding"):  # a file without a place is analysed again
            number = "id" if table == "track" else "track_id"
            connection.execute(
                f"DELETE FROM place WHERE track_id IN "
                f"(SELECT {number} FROM {table} WHERE {schema.damaged(table)})"
            )
        for table in tables:
            connection.execute(f"DELETE FROM {table} WHERE {schema.damaged(table)}")


def refresh(database: Database) -> int:
    """Look which files are there; return how many came or went."""
    changed = []
    for path, present in database.read("SELECT path, present FROM whole_place"):
        there = Path(path).is_file()
        if there != bool(present):
            changed.append((int(there), path))
    if changed:
        with database.write() as connection:
            connection.executemany("UPDATE place SET present = ? WHERE path = ?", changed)
    return len(changed)


def rate_again(
    database: Database, head: EmotionHead, rows_of: Callable[[int], NDArray[np.float32]]
) -> None:
    """Predict emotion again where another head did it."""
    stale = database.read("SELECT id, cues, tags FROM whole_track WHERE head != ?", (head.id,))
    if not stale:
        return
    values = []
    for track_id, cues, tags in stale:
        rows = rows_of(track_id) if head.inputs == "rows" else None
        predicted = head.predict(
            rows, np.frombuffer(tags, dtype=np.float32), json.loads(cues) or None
        )
        values.append((*predicted, head.id, track_id))
    with database.write(rows_change=False) as connection:
        connection.executemany(
            "UPDATE track SET valence = ?, arousal = ?, valence_sd = ?, arousal_sd = ?, "
            "head = ? WHERE id = ?",
            values,
        )
        for *_, track_id in values:
            schema.seal(connection, "track", "id = ?", track_id)


def warn(path: Path, what: str) -> None:
    """Say that a library is damaged, and what to do."""
    log.warning(
        "The music library %s is damaged: %s; add its music again with "
        "'bci-affect music add FOLDER'.",
        path,
        what,
    )
