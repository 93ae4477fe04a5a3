"""Database of listeners' profiles.

A profile holds the state of the causal normalisation, the personal model, and the history of
calibrations with their reports, each with the model that it belongs to. Raw recordings stay where
the user put them: only their paths are stored. Every change is one transaction with full
synchronisation, so a killed program leaves the profile as it was after its last finished change.

Arrays are stored as raw bytes with their dtype and shape; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bci_affect.affect import PersonalModel
from bci_affect.errors import BciAffectError
from bci_affect.profiles.personal_model import join, split
from bci_affect.profiles.records import CalibrationRecord, Profile, is_intact, row_sum
from bci_affect.profiles.schema import PROFILES
from bci_affect.resources import user_home
from bci_affect.storage import Arrays, Connection, Database, from_bytes, to_bytes

MAX_NAME = 64


class ProfileStore:
    """Store of profiles; any thread may use it.

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
        self._database = Database(path or user_home() / "profiles.sqlite", PROFILES)
        self.path = self._database.path

    def __enter__(self) -> ProfileStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one transaction: all of them or, after any error, none."""
        with self._database.write():
            yield

    # --- Profiles -------------------------------------------------------------------------------

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
        with self._database.write() as connection:
            if self._find(name) is not None:
                raise BciAffectError(f"There is a profile '{name}' already; choose another name.")
            connection.execute(
                "INSERT INTO profile (name, created, note) VALUES (?, ?, ?)",
                (name, time.time() if created is None else created, note),
            )
        return self.load(name)

    def names(self) -> list[str]:
        """Return all names in alphabetical order."""
        rows = self._database.read("SELECT name FROM profile ORDER BY name COLLATE NOCASE")
        return [row[0] for row in rows]

    def load(self, name: str) -> Profile:
        """Return a profile with its newest personal model.

        Raises
        ------
        BciAffectError
            If there is none of that name; the sentence names those there are.
        """
        key = self._key(name)
        ((stored, created, note),) = self._database.read(
            "SELECT name, created, note FROM profile WHERE id = ?", (key,)
        )
        rows = self._database.read(
            "SELECT id, created, model, parent, summary, sources, report, personal, sum "
            "FROM calibration WHERE profile = ? ORDER BY id",
            (key,),
        )
        for row in rows:
            self._verify(row[8], row[1:8])
        with self._database.decoding():
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

    def personal_of(self, name: str, created: float | None) -> PersonalModel | None:
        """Return the personal model that was made at a Unix time; None if `created` is None.

        Raises
        ------
        BciAffectError
            If the profile has no such calibration (it was undone, say).
        """
        if created is None:
            return None
        rows = self._database.read(
            "SELECT id, personal FROM calibration WHERE profile = ? AND created = ?",
            (self._key(name), created),
        )
        if not rows:
            raise BciAffectError(
                f"The profile '{name}' no longer has the calibration that the recording was made "
                "with; process it without a profile."
            )
        number, header = rows[0]
        arrays = self._arrays("calibration", number)
        with self._database.decoding():
            return join(json.loads(header), arrays)

    def delete(self, name: str) -> None:
        """Delete a profile with its history; recordings and reports stay where they are."""
        key = self._key(name)
        with self._database.write() as connection:
            for owner in ("calibration", "normalisation"):
                connection.execute(
                    f"DELETE FROM array WHERE owner = ? AND owner_id IN "
                    f"(SELECT id FROM {owner} WHERE profile = ?)",
                    (owner, key),
                )
            connection.execute("DELETE FROM profile WHERE id = ?", (key,))

    # --- What a profile holds -------------------------------------------------------------------

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
        with self._database.write() as connection:
            parent = connection.execute(
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
            cursor = connection.execute(
                "INSERT INTO calibration (profile, created, model, parent, summary, sources, "
                "report, personal, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, *row, row_sum(row)),
            )
            _store(connection, "calibration", int(cursor.lastrowid or 0), arrays)
        return self.load(name).history[-1]

    def undo_calibration(self, name: str) -> None:
        """Roll back to the calibration before the newest.

        Raises
        ------
        BciAffectError
            If there is none to undo.
        """
        key = self._key(name)
        with self._database.write() as connection:
            newest = connection.execute(
                "SELECT max(id) FROM calibration WHERE profile = ?", (key,)
            ).fetchone()[0]
            if newest is None:
                raise BciAffectError(f"Profile '{name}' has no calibration to undo.")
            connection.execute(
                "DELETE FROM array WHERE owner = 'calibration' AND owner_id = ?", (newest,)
            )
            connection.execute("DELETE FROM calibration WHERE id = ?", (newest,))

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
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO normalisation (profile, key, updated) VALUES (?, ?, ?) "
                "ON CONFLICT (profile, key) DO UPDATE SET updated = excluded.updated",
                (profile, key, time.time()),
            )
            row = connection.execute(
                "SELECT id FROM normalisation WHERE profile = ? AND key = ?", (profile, key)
            ).fetchone()[0]
            _store(connection, "normalisation", row, state)

    def normalisation(self, name: str, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the kept state for a montage and settings, or None."""
        rows = self._database.read(
            "SELECT id FROM normalisation WHERE profile = ? AND key = ?", (self._key(name), key)
        )
        return self._arrays("normalisation", rows[0][0]) if rows else None

    def normalisations(self, name: str) -> dict[str, dict[str, NDArray[Any]]]:
        """Return all kept states by their keys."""
        rows = self._database.read(
            "SELECT key, id FROM normalisation WHERE profile = ? ORDER BY key", (self._key(name),)
        )
        return {key: self._arrays("normalisation", number) for key, number in rows}

    # --- Inside ---------------------------------------------------------------------------------

    def _find(self, name: str) -> int | None:
        rows = self._database.read("SELECT id FROM profile WHERE name = ?", (name.strip(),))
        return int(rows[0][0]) if rows else None

    def _key(self, name: str) -> int:
        key = self._find(name)
        if key is None:
            known = ", ".join(self.names()) or "none yet"
            raise BciAffectError(f"There is no profile '{name}' (profiles: {known}).")
        return key

    def _arrays(self, owner: str, owner_id: int) -> dict[str, NDArray[Any]]:
        rows = self._database.read(
            "SELECT name, dtype, shape, data, sum FROM array WHERE owner = ? AND owner_id = ?",
            (owner, owner_id),
        )
        found = {}
        for name, dtype, shape, data, stored in rows:
            self._verify(stored, (owner, owner_id, name, dtype, shape, data))
            with self._database.decoding():
                found[name] = from_bytes(dtype, json.loads(shape), data)
        return found

    def _verify(self, stored: str, values: Sequence[Any]) -> None:
        if not is_intact(stored, values):
            raise self._database.damage("a stored value has changed")


def _store(connection: Connection, owner: str, owner_id: int, arrays: Arrays) -> None:
    connection.execute("DELETE FROM array WHERE owner = ? AND owner_id = ?", (owner, owner_id))
    for name, value in arrays.items():
        dtype, shape, data = to_bytes(value)
        row = (owner, owner_id, name, dtype, json.dumps(shape), data)
        connection.execute("INSERT INTO array VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_sum(row)))
