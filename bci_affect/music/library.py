"""Music library: every added track, in one SQLite database in the user's data folder.

A track is identified by its content (a hash of the file's bytes); the paths of its files are stored
separately. Thus a moved file needs no new analysis, a copy is not a second track, and files on a
drive that is not mounted are hidden, not lost. Damaged entries are left out until their music is
added again. All methods are thread-safe.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music import maintenance
from bci_affect.music.analysis import Analysis, read_cover
from bci_affect.music.database import LibraryDatabase
from bci_affect.music.emotion import EmotionHead, load_emotion_head
from bci_affect.music.records import TRACK_COLUMNS, EmbeddingTable, to_track, unpack_embeddings
from bci_affect.music.schema import LIBRARY
from bci_affect.music.tags import TAGS
from bci_affect.music.types import Track
from bci_affect.resources import user_home
from bci_affect.storage import Connection

if TYPE_CHECKING:
    from bci_affect.music.scan import ScanProgress, ScanReport

_FROM = (
    "FROM whole_track t JOIN whole_place p ON p.path = "
    "(SELECT path FROM whole_place WHERE track_id = t.id AND present ORDER BY path LIMIT 1)"
)


class Library:
    """Tracks with their embeddings, emotion, tags, and the listener's likes and bans.

    Parameters
    ----------
    path : Path, optional
        Database file; by default ``music.sqlite`` in the user's data folder.
    head : EmotionHead, optional
        Emotion head for valence and arousal; by default that of `load_emotion_head`.

    Raises
    ------
    BciAffectError
        If the database cannot be opened, is damaged, or is of a newer version.
    """

    def __init__(self, path: Path | None = None, *, head: EmotionHead | None = None) -> None:
        self.path = path or user_home() / "music.sqlite"
        self.head = head or load_emotion_head()
        self.database = LibraryDatabase(self.path)
        self._listed: dict[tuple[int, bool, bool], list[Track]] = {}
        self._warned: set[int] = set()
        try:
            maintenance.warn_of_damage(self.database)
            self.refresh()
            maintenance.update_emotion(
                self.database, self.head, lambda track_id: self.embeddings(track_id)[1]
            )
        except BaseException:
            self.close()  # do not leave the database locked
            raise

    # --- reading ----------------------------------------------------------------------------

    def tracks(self, *, include_excluded: bool = False, include_banned: bool = True) -> list[Track]:
        """Return all tracks whose file exists, sorted by artist, album and title."""
        key = (
            self.database.read("SELECT writes FROM state")[0][0],
            include_excluded,
            include_banned,
        )
        known = self._listed.get(key)
        if known is not None:
            return list(known)
        where = ["1"]
        if not include_excluded:
            where.append("NOT t.excluded")
        if not include_banned:
            where.append("NOT t.banned")
        rows = self.database.read(
            f"SELECT {TRACK_COLUMNS} {_FROM} WHERE {' AND '.join(where)} "
            "ORDER BY t.artist COLLATE NOCASE, t.album COLLATE NOCASE, t.title COLLATE NOCASE, t.id"
        )
        listed = [to_track(row) for row in rows]
        self._listed = {k: v for k, v in self._listed.items() if k[0] == key[0]} | {key: listed}
        return list(listed)

    def missing_tracks(self) -> list[Track]:
        """Return the tracks of which no file exists now, by title."""
        rows = self.database.read(
            f"SELECT {TRACK_COLUMNS} FROM whole_track t JOIN whole_place p ON p.path = "
            "(SELECT path FROM whole_place WHERE track_id = t.id ORDER BY path LIMIT 1) "
            "WHERE NOT EXISTS (SELECT 1 FROM whole_place WHERE track_id = t.id AND present) "
            "ORDER BY t.title COLLATE NOCASE, t.id"
        )
        return [to_track(row) for row in rows]

    def track(self, track_id: int) -> Track:
        """Return one track.

        Raises
        ------
        BciAffectError
            If there is no such track, or its file does not exist.
        """
        rows = self.database.read(f"SELECT {TRACK_COLUMNS} {_FROM} WHERE t.id = ?", (track_id,))
        if not rows:
            raise BciAffectError(
                f"No track {track_id} in the library (or its drive is not connected); "
                "see `bci-affect music list`."
            )
        return to_track(rows[0])

    def embeddings(
        self, track_id: int, encoder: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return centre times (n,) in seconds and embeddings (n, dim) of one track.

        Parameters
        ----------
        track_id : int
            Id of the track.
        encoder : str, optional
            Prefix of the encoder's key; by default the tagger.

        Raises
        ------
        BciAffectError
            If the track has no embeddings, or damaged ones.
        """
        found = self.database.read(
            "SELECT times, rows, dim FROM whole_embedding WHERE track_id = ? AND encoder LIKE ? "
            "ORDER BY rowid DESC LIMIT 1",
            (track_id, f"{encoder or 'musicnn-msd-vgg'}%"),
        )
        if not found:
            raise BciAffectError(
                f"Track {track_id} has no embedding, or a damaged one; add its folder again."
            )
        times, embeddings = unpack_embeddings(*found[0])
        return times.astype(np.float64), embeddings

    def iter_embeddings(
        self, encoder: str | None = None
    ) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
        """Yield id, times (n,) and embeddings (n, dim) of every track available for retrieval."""
        found = self.database.iterate(
            f"SELECT e.track_id, e.times, e.rows, e.dim, {LIBRARY.damaged('embedding')} "
            "FROM embedding e WHERE encoder LIKE ? AND EXISTS (SELECT 1 FROM whole_track t "
            "WHERE t.id = e.track_id AND NOT t.excluded) AND EXISTS (SELECT 1 FROM "
            "whole_place p WHERE p.track_id = e.track_id AND present) ORDER BY e.track_id",
            (f"{encoder or 'musicnn-msd-vgg'}%",),
        )
        for track_id, times, rows, dim, damaged in found:
            if not damaged:
                yield int(track_id), *unpack_embeddings(times, rows, dim)
            elif track_id not in self._warned:
                self._warned.add(track_id)
                maintenance.warn(self.path, f"the embeddings of track {track_id} are corrupted")

    def all_embeddings(self, encoder: str | None = None) -> EmbeddingTable:
        """Return the embeddings of all tracks available for retrieval."""
        parts = list(self.iter_embeddings(encoder))
        if not parts:
            empty = np.empty(0)
            return EmbeddingTable(
                empty.astype(np.int64), empty.astype(np.float32), np.empty((0, 0), np.float32)
            )
        return EmbeddingTable(
            np.concatenate([np.full(len(times), number) for number, times, _ in parts]),
            np.concatenate([times for _, times, _ in parts]),
            np.concatenate([embeddings for _, _, embeddings in parts]),
        )

    def tag_matrix(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return track ids (n,) and their tag probabilities (n, 50)."""
        found = self.database.read("SELECT id, tags FROM whole_track ORDER BY id")
        numbers = np.array([row[0] for row in found], dtype=np.int64)
        tags = [np.frombuffer(row[1], dtype=np.float32) for row in found]
        return numbers, np.stack(tags) if tags else np.empty((0, len(TAGS)), np.float32)

    def cover(self, track_id: int) -> bytes | None:
        """Return the cover picture of a track (JPEG or PNG bytes), if its file has one."""
        return read_cover(Path(self.track(track_id).path))

    def failures(self) -> list[tuple[str, str]]:
        """Return files that could not be added, with the reason."""
        return [
            (row[0], row[1])
            for row in self.database.read("SELECT path, reason FROM failure ORDER BY path")
        ]

    def __len__(self) -> int:
        return int(self.database.read(f"SELECT COUNT(*) {_FROM}")[0][0])

    @property
    def version(self) -> int:
        """Counter that increases whenever any process changes the embeddings for retrieval."""
        return int(self.database.read("SELECT changes FROM state")[0][0])

    # --- changes by the user ----------------------------------------------------------------

    def like(self, track_id: int, liked: bool = True) -> None:
        """Set or clear the like of a track."""
        self._mark(track_id, "liked", liked)

    def ban(self, track_id: int, banned: bool = True) -> None:
        """Exclude a track from playback, or allow it again."""
        self._mark(track_id, "banned", banned)

    def exclude(self, track_id: int, excluded: bool = True) -> None:
        """Exclude a track from lists and retrieval, or include it again."""
        self._mark(track_id, "excluded", excluded)

    def remove(self, track_id: int) -> None:
        """Delete a track from the library; its file is kept."""
        self.track_exists(track_id)
        with self.database.write() as connection:
            connection.execute("DELETE FROM track WHERE id = ?", (track_id,))

    def track_exists(self, track_id: int) -> None:
        """Raise `BciAffectError` if there is no such track, regardless of its file."""
        if not self.database.read("SELECT 1 FROM whole_track WHERE id = ?", (track_id,)):
            raise BciAffectError(
                f"No track {track_id} in the library; see `bci-affect music list`."
            )

    def _mark(self, track_id: int, column: str, value: bool) -> None:
        self.track_exists(track_id)
        with self.database.write(rows_change=column == "excluded") as connection:
            connection.execute(
                f"UPDATE track SET {column} = ? WHERE id = ?", (int(value), track_id)
            )

    # --- adding -----------------------------------------------------------------------------

    def add(
        self,
        places: Sequence[Path],
        *,
        progress: Callable[[ScanProgress], None] | None = None,
        cancel: Callable[[], bool] | None = None,
        workers: int | None = None,
        isolated: bool = False,
        encoder: str = "tagger",
    ) -> ScanReport:
        """Add all music in folders (or single files); see `bci_affect.music.scan.scan`."""
        from bci_affect.music.scan import scan

        return scan(
            self,
            places,
            progress=progress,
            cancel=cancel,
            workers=workers,
            isolated=isolated,
            encoder_name=encoder,
        )

    def known_files(self) -> dict[str, tuple[int, int, int | None]]:
        """Return (size, mtime_ns, track id) by path; the id of failed files is None."""
        known: dict[str, tuple[int, int, int | None]] = {
            row[0]: (row[1], row[2], None)
            for row in self.database.read("SELECT path, size, mtime_ns FROM failure")
        }
        for path, size, mtime, track_id in self.database.read(
            "SELECT path, size, mtime_ns, track_id FROM place"
        ):
            known[path] = (size, mtime, track_id)
        return known

    def known_content(self, key: str) -> dict[str, int]:
        """Return the track id by content hash, of tracks with embeddings of this encoder."""
        return dict(
            self.database.read(
                "SELECT t.hash, t.id FROM track t JOIN embedding e ON e.track_id = t.id "
                "WHERE e.encoder = ?",
                (key,),
            )
        )

    def store_file(self, path: str, size: int, mtime_ns: int, content: str) -> None:
        """Store the path of a file of known content."""
        with self.database.write() as connection:
            _put_place(connection, path, size, mtime_ns, content)

    def store_track(
        self, path: str, size: int, mtime_ns: int, content: str, key: str, analysis: Analysis
    ) -> None:
        """Store the analysis of a file in one transaction."""
        valence, arousal, valence_sd, arousal_sd = self.head.predict(
            analysis.embeddings, analysis.tags, analysis.cues
        )
        values = {
            "hash": content,
            "title": analysis.file_tags.title,
            "artist": analysis.file_tags.artist,
            "album": analysis.file_tags.album,
            "duration_s": analysis.duration_s,
            "loudness_lufs": analysis.loudness_lufs,
            "peak_dbfs": analysis.peak_dbfs,
            "gain_db": analysis.gain_db,
            "cues": json.dumps({k: v for k, v in analysis.cues.items() if np.isfinite(v)}),
            "tags": analysis.tags.astype(np.float32).tobytes(),
            "valence": valence,
            "arousal": arousal,
            "valence_sd": valence_sd,
            "arousal_sd": arousal_sd,
            "head": self.head.id,
            "added": time.time(),
        }
        names = ", ".join(values)
        with self.database.write() as connection:
            if (
                np.isfinite(analysis.tags).all()
                or not connection.execute(
                    "SELECT 1 FROM track WHERE hash = ?", (content,)
                ).fetchone()
            ):
                update = ", ".join(
                    f"{n} = excluded.{n}" for n in values if n not in ("hash", "added")
                )
                connection.execute(
                    f"INSERT INTO track ({names}) VALUES ({', '.join(f':{n}' for n in values)}) "
                    f"ON CONFLICT(hash) DO UPDATE SET {update}",
                    values,
                )
                LIBRARY.seal(connection, "track", "hash = ?", content)
            _put_place(connection, path, size, mtime_ns, content)
            connection.execute(
                "INSERT OR REPLACE INTO embedding (track_id, encoder, times, rows, dim) "
                "SELECT id, ?, ?, ?, ? FROM track WHERE hash = ?",
                (
                    key,
                    analysis.times.astype(np.float32).tobytes(),
                    analysis.embeddings.astype(np.float16).tobytes(),
                    analysis.embeddings.shape[1],
                    content,
                ),
            )
            LIBRARY.seal(
                connection,
                "embedding",
                "encoder = ? AND track_id = (SELECT id FROM track WHERE hash = ?)",
                key,
                content,
            )

    def store_failure(self, path: str, size: int, mtime_ns: int, reason: str) -> None:
        """Store a file that could not be added, so that it is not retried until it changes."""
        with self.database.write(rows_change=False) as connection:
            connection.execute("DELETE FROM place WHERE path = ?", (path,))
            connection.execute(
                "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)", (path, size, mtime_ns, reason)
            )

    # --- maintenance ------------------------------------------------------------------------

    def delete_damaged(self) -> None:
        """Delete damaged entries; adding their music again restores them."""
        maintenance.delete_damaged(self.database)

    def refresh(self) -> int:
        """Check which files exist; return the number that appeared or disappeared."""
        return maintenance.refresh(self.database)

    def close(self) -> None:
        """Close every connection; the object cannot be used afterwards."""
        self.database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _put_place(connection: Connection, path: str, size: int, mtime_ns: int, content: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO place (path, track_id, size, mtime_ns, present) "
        "SELECT ?, id, ?, ?, 1 FROM track WHERE hash = ?",
        (path, size, mtime_ns, content),
    )
    LIBRARY.seal(connection, "place", "path = ?", path)
    connection.execute("DELETE FROM failure WHERE path = ?", (path,))
