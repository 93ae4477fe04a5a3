"""Maintenance of a music library: damage, files that appeared or disappeared, emotion head."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.schema import LIBRARY

if TYPE_CHECKING:
    from bci_affect.music.database import LibraryDatabase
    from bci_affect.music.emotion import EmotionHead

logger = logging.getLogger(__name__)


def warn_of_damage(database: LibraryDatabase) -> None:
    """Log a warning if entries are damaged."""
    damaged = sum(
        database.read(f"SELECT count(*) FROM {table} WHERE {LIBRARY.damaged(table)}")[0][0]
        for table in ("track", "place")
    )
    if damaged:
        warn(database.path, f"{damaged} entries are corrupted and are left out")


def delete_damaged(database: LibraryDatabase) -> None:
    """Delete damaged entries; adding their music again restores them."""
    tables = ("track", "place", "embedding")
    if not any(
        database.read(f"SELECT 1 FROM {table} WHERE {LIBRARY.damaged(table)} LIMIT 1")
        for table in tables
    ):
        return
    with database.write() as connection:
        for table in ("track", "embedding"):  # a file without a place is analysed again
            number = "id" if table == "track" else "track_id"
            connection.execute(
                f"DELETE FROM place WHERE track_id IN "
                f"(SELECT {number} FROM {table} WHERE {LIBRARY.damaged(table)})"
            )
        for table in tables:
            connection.execute(f"DELETE FROM {table} WHERE {LIBRARY.damaged(table)}")


def refresh(database: LibraryDatabase) -> int:
    """Check which files exist; return the number that appeared or disappeared."""
    changed = []
    for path, present in database.read("SELECT path, present FROM whole_place"):
        exists = Path(path).is_file()
        if exists != bool(present):
            changed.append((int(exists), path))
    if changed:
        with database.write() as connection:
            connection.executemany("UPDATE place SET present = ? WHERE path = ?", changed)
    return len(changed)


def update_emotion(
    database: LibraryDatabase,
    head: EmotionHead,
    embeddings_of: Callable[[int], NDArray[np.float32]],
) -> None:
    """Update emotions predicted by another head."""
    stale = database.read("SELECT id, cues, tags FROM whole_track WHERE head != ?", (head.id,))
    if not stale:
        return
    values = []
    for track_id, cues, tags in stale:
        embeddings = embeddings_of(track_id) if head.inputs == "rows" else None
        predicted = head.predict(
            embeddings, np.frombuffer(tags, dtype=np.float32), json.loads(cues) or None
        )
        values.append((*predicted, head.id, track_id))
    with database.write(rows_change=False) as connection:
        connection.executemany(
            "UPDATE track SET valence = ?, arousal = ?, valence_sd = ?, arousal_sd = ?, "
            "head = ? WHERE id = ?",
            values,
        )
        for *_, track_id in values:
            LIBRARY.seal(connection, "track", "id = ?", track_id)


def warn(path: Path, problem: str) -> None:
    """Log a warning that a library is damaged, with advice."""
    logger.warning(
        "The music library %s is damaged: %s; add its music again with "
        "'bci-affect music add FOLDER'.",
        path,
        problem,
    )
