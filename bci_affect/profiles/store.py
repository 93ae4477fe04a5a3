"""Profiles: what the program knows of each listener, in one SQLite database.

A profile holds the state of the causal normalisation, the personal model, and the history of
calibrations with their reports, each with the model that it belongs to. Raw recordings stay where
the user put them: only their paths are kept. Every change is one transaction in WAL mode with full
synchronisation, so a killed program leaves the profile as it was after its last finished change.

Arrays are stored as raw bytes beside their dtype and shape; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from numpy.typing import NDArray

from bci_affect.affect import PersonalModel
from bci_affect.errors import BciAffectError
from bci_affect.profiles.personal_model import join, split
from bci_affect.profiles.records import CalibrationRecord, Profile, check_sum, row_sum
from bci_affect.profiles.schema import MIGRATIONS, SCHEMA_VERSION
from bci_affect.resources import user_home
from bci_affect.storage import Arrays, from_bytes, to_bytes

MAX_NAME = 64

_SQLITE = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged database leads to; SQLite's own message may hold bytes that are no text."""

P = ParamSpec("P")
R = TypeVar("R")


def _explained(
    method: Callable[Concatenate[ProfileStore, P], R],
) -> Callable[Concatenate[ProfileStore, P], R]:
    """Turn what a damaged or locked database leads to into one sentence."""

    @wraps(method)
    def run(self: ProfileStore, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise self._damaged(error) from None
            raise BciAffectError(
                f"The profile database {self.path} is in use by another program; try again."
            ) from None
        except _SQLITE as error:
            raise self._damaged(error) from None

    return run


@contextmanager
def _believed() -> Iterator[None]:
    """Take stored values that cannot be read for damage like any other."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise sqlite3.DatabaseError(f"what it holds cannot be read: {error}") from None


class ProfileStore:
    """The database of profiles; open it, use it from one thread, close it.

    Parameters
    ----------
    path : Path, optional
        ``profiles.sqlite`` in the user's data folder when left out.

    Raises
    ------
    BciAffectError
        If the file is no database of profiles, or was written by a newer version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_home() / "profiles.sqlite"
        try:
            self._db = sqlite3.connect(self.path, timeout=10.0, isolation_level=None)
            self._open()
        except _SQLITE as error:
            raise BciAffectError(
                f"Cannot use the profile database {self.path} ({error}); "
                "move it away to start a new one."
            ) from None

    def _open(self) -> None:
        """Check and migrate; a database that is refused is not held open."""
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            found = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError("its pages do not fit together")
            self._migrate()
        except BaseException:
            self._db.close()
            raise

    def _damaged(self, error: Exception) -> BciAffectError:
        return BciAffectError(
            f"The profile database {self.path} is damaged ({error}); move it away to start a new "
            "one, or import a profile that you exported."
        )

    def __enter__(self) -> ProfileStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one inside another belongs to the outer one."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- Profiles -------------------------------------------------------------------------------

    @_explained
    def create(self, name: str, note: str = "", created: float | None = None) -> Profile:
        """Create an empty profile, made at a Unix time (now when left out).

        Raises
        ------
        BciAffectError
            If the name is taken, empty, too long, or has line breaks.
        """
        name = name.strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise BciAffectError(
                f"A profile's name is 1 to {MAX_NAME} printable characters; got {name!r}."
            )
        with self.transaction():
            if self._find(name) is not None:
                raise BciAffectError(f"There is a profile '{name}' already; choose another name.")
            self._db.execute(
                "INSERT INTO profile (name, created, note) VALUES (?, ?, ?)",
                (name, time.time() if created is None else created, note),
            )
        return self.load(name)

    @_explained
    def names(self) -> list[str]:
        """Return all names in alphabetical order."""
        rows = self._db.execute("SELECT name FROM profile ORDER BY name COLLATE NOCASE")
        return [row[0] for row in rows]

    @_explained
    def load(self, name: str) -> Profile:
        """Return a profile with its newest personal model.

        Raises
        ------
        BciAffectError
            If there is none of that name; the sentence names those there are.
        """
        key = self._key(name)
        stored, created, note = self._db.execute(
            "SELECT name, created, note FROM profile WHERE id = ?", (key,)
        ).fetchone()
        rows = self._db.execute(
            "SELECT id, created, model, parent, summary, sources, report, personal, sum "
            "FROM calibration WHERE profile = ? ORDER BY id",
            (key,),
        ).fetchall()
        for row in rows:
            check_sum(row[8], (row[1], row[2], row[3], row[4], row[5], row[6], row[7]))
        with _believed():
            history = tuple(
                CalibrationRecord(
                    id=row[0],
                    created=row[1],
                    model=row[2],
                    parent=row[3],
                    summary=json.loads(row[4]),
                    sources=tuple(json.loads(row[5])),
                    report=row[6],
                )
                for row in rows
            )
            personal = None
            if rows:
                arrays = self._arrays("calibration", rows[-1][0])
                personal = join(json.loads(rows[-1][7]), arrays)
        return Profile(stored, created, note, personal, history)

    @_explained
    def personal_of(self, name: str, created: float | None) -> PersonalModel | None:
        """Return the personal model that was made at a Unix time; None for None.

        Raises
        ------
        BciAffectError
            If the profile has no such calibration (it was undone, say).
        """
        if created is None:
            return None
        row = self._db.execute(
            "SELECT id, personal FROM calibration WHERE profile = ? AND created = ?",
            (self._key(name), created),
        ).fetchone()
        if row is None:
            raise BciAffectError(
                f"The profile '{name}' no longer has the calibration that the recording was made "
                "with; process it without a profile."
            )
        arrays = self._arrays("calibration", row[0])
        with _believed():
            return join(json.loads(row[1]), arrays)

    @_explained
    def delete(self, name: str) -> None:
        """Delete a profile with its history; recordings and reports stay where they are."""
        key = self._key(name)
        with self.transaction():
            for owner in ("calibration", "normalisation"):
                self._db.execute(
                    f"DELETE FROM array WHERE owner = ? AND owner_id IN "
                    f"(SELECT id FROM {owner} WHERE profile = ?)",
                    (owner, key),
                )
            self._db.execute("DELETE FROM profile WHERE id = ?", (key,))

    # --- What a profile holds -------------------------------------------------------------------

    @_explained
    def add_calibration(
        self,
        name: str,
        personal: PersonalModel,
        summary: dict[str, Any],
        *,
        sources: tuple[str, ...] = (),
        report: str = "",
    ) -> CalibrationRecord:
        """Add a calibration; it becomes the profile's personal model.

        Parameters
        ----------
        name : str
        personal : PersonalModel
        summary : dict
            Plain JSON: verdicts, scores.
        sources : tuple of str
            Recordings that it rests on.
        report : str
            Path of the report.
        """
        key = self._key(name)
        header, arrays = split(personal)
        with self.transaction():
            parent = self._db.execute(
                "SELECT max(id) FROM calibration WHERE profile = ?", (key,)
            ).fetchone()[0]
            row = (
                personal.created,
                personal.model,
                parent,
                json.dumps(summary),
                json.dumps(list(sources)),
                report,
                json.dumps(header),
            )
            cursor = self._db.execute(
                "INSERT INTO calibration (profile, created, model, parent, summary, sources, "
                "report, personal, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, *row, row_sum(row)),
            )
            self._store("calibration", int(cursor.lastrowid or 0), arrays)
        return self.load(name).history[-1]

    @_explained
    def undo_calibration(self, name: str) -> None:
        """Roll back to the calibration before the newest.

        Raises
        ------
        BciAffectError
            If there is none to undo.
        """
        key = self._key(name)
        with self.transaction():
            newest = self._db.execute(
                "SELECT max(id) FROM calibration WHERE profile = ?", (key,)
            ).fetchone()[0]
            if newest is None:
                raise BciAffectError(f"Profile '{name}' has no calibration to undo.")
            self._db.execute(
                "DELETE FROM array WHERE owner = 'calibration' AND owner_id = ?", (newest,)
            )
            self._db.execute("DELETE FROM calibration WHERE id = ?", (newest,))

    @_explained
    def save_normalisation(self, name: str, key: str, state: Arrays) -> None:
        """Keep the state of the causal normalisation, so that the next session continues it.

        Parameters
        ----------
        name : str
        key : str
            Names montage and settings that the state belongs to.
        state : mapping of str to ndarray
        """
        profile = self._key(name)
        with self.transaction():
            self._db.execute(
                "INSERT INTO normalisation (profile, key, updated) VALUES (?, ?, ?) "
                "ON CONFLICT (profile, key) DO UPDATE SET updated = excluded.updated",
                (profile, key, time.time()),
            )
            row = self._db.execute(
                "SELECT id FROM normalisation WHERE profile = ? AND key = ?", (profile, key)
            ).fetchone()[0]
            self._store("normalisation", row, state)

    @_explained
    def normalisation(self, name: str, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the kept state for a montage and settings, or None."""
        row = self._db.execute(
            "SELECT id FROM normalisation WHERE profile = ? AND key = ?", (self._key(name), key)
        ).fetchone()
        return None if row is None else self._arrays("normalisation", row[0])

    @_explained
    def normalisations(self, name: str) -> dict[str, dict[str, NDArray[Any]]]:
        """Return all kept states by their keys."""
        rows = self._db.execute(
            "SELECT key, id FROM normalisation WHERE profile = ? ORDER BY key", (self._key(name),)
        ).fetchall()
        return {key: self._arrays("normalisation", number) for key, number in rows}

    # --- Inside ---------------------------------------------------------------------------------

    def _migrate(self) -> None:
        with self.transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise BciAffectError(
                    f"{self.path} was written by a newer version of bci_affect; update it."
                )
            for step in range(version + 1, SCHEMA_VERSION + 1):
                for statement in MIGRATIONS[step]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {step}")

    def _find(self, name: str) -> int | None:
        row = self._db.execute("SELECT id FROM profile WHERE name = ?", (name.strip(),)).fetchone()
        return None if row is None else int(row[0])

    def _key(self, name: str) -> int:
        key = self._find(name)
        if key is None:
            known = ", ".join(self.names()) or "none yet"
            raise BciAffectError(f"There is no profile '{name}' (profiles: {known}).")
        return key

    def _store(self, owner: str, owner_id: int, arrays: Arrays) -> None:
        self._db.execute("DELETE FROM array WHERE owner = ? AND owner_id = ?", (owner, owner_id))
        for name, value in arrays.items():
            dtype, shape, data = to_bytes(value)
            row = (owner, owner_id, name, dtype, json.dumps(shape), data)
            self._db.execute("INSERT INTO array VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_sum(row)))

    def _arrays(self, owner: str, owner_id: int) -> dict[str, NDArray[Any]]:
        rows = self._db.execute(
            "SELECT name, dtype, shape, data, sum FROM array WHERE owner = ? AND owner_id = ?",
            (owner, owner_id),
        )
        found = {}
        for name, dtype, shape, data, stored in rows:
            check_sum(stored, (owner, owner_id, name, dtype, shape, data))
            with _believed():
                found[name] = from_bytes(dtype, json.loads(shape), data)
        return found
