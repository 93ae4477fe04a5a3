"""Profiles: what the program knows of each listener, in one SQLite database.

A profile holds the state of the causal normalisation, the personal model, and the history of
calibrations with their reports, each with the model that it belongs to. Raw recordings stay where
the user put them: only their paths are kept. Every change is one transaction in WAL mode with full
synchronisation, so a killed program leaves the profile as it was after its last finished change.

Arrays are stored as raw bytes beside their dtype and shape; nothing is ever unpickled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.session.fusion import DIMENSIONS, DimensionModel, PersonalModel

Arrays = Mapping[str, NDArray[Any]]
FORMAT = "bci_affect profile"
SCHEMA_VERSION = 3
MAX_NAME = 64

_MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TABLE profile (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, created REAL NOT NULL,
            note TEXT NOT NULL DEFAULT '')""",
        """CREATE TABLE calibration (
            id INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
            created REAL NOT NULL, model TEXT NOT NULL, parent INTEGER, summary TEXT NOT NULL,
            personal TEXT NOT NULL, sources TEXT NOT NULL, report TEXT NOT NULL DEFAULT '')""",
        """CREATE TABLE array (
            owner TEXT NOT NULL, owner_id INTEGER NOT NULL, name TEXT NOT NULL,
            dtype TEXT NOT NULL, shape TEXT NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (owner, owner_id, name)) WITHOUT ROWID""",
    ),
    2: (
        # The normalisation depends on montage and settings: each combination has its own state.
        """CREATE TABLE normalisation (
            id INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
            key TEXT NOT NULL, updated REAL NOT NULL, UNIQUE (profile, key))""",
    ),
    3: (
        # A bit of a weight that a disk flips must not go unseen. Empty: from before the sums.
        "ALTER TABLE array ADD COLUMN sum TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE calibration ADD COLUMN sum TEXT NOT NULL DEFAULT ''",
    ),
}
_DTYPES = ("<f4", "<f8", "<i4", "<i8", "|b1", "|u1")


@dataclass(frozen=True)
class CalibrationRecord:
    """One calibration in a profile's history.

    Attributes
    ----------
    id : int
    created : float
        Unix time.
    model : str
        Identity of the encoder.
    parent : int or None
        The calibration before it: the profile's lineage.
    summary : dict
        Verdicts and scores, plain JSON.
    sources : tuple of str
        Recordings that it was made from.
    report : str
        Path of its HTML report; "" where none was written.
    """

    id: int
    created: float
    model: str
    parent: int | None
    summary: dict[str, Any]
    sources: tuple[str, ...]
    report: str


@dataclass(frozen=True)
class Profile:
    """One listener.

    ``personal`` is None before the first calibration; ``history`` is oldest first.
    """

    name: str
    created: float
    note: str
    personal: PersonalModel | None
    history: tuple[CalibrationRecord, ...]


def model_identity(path: Path) -> str:
    """Return what identifies a model file in profiles: its name and the start of its SHA-256.

    Raises
    ------
    BciAffectError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BciAffectError(f"Cannot read the model {path} ({error.strerror}).") from None
    return f"{path.stem}@{digest[:12]}"


def normalisation_key(model: str, channels: Sequence[str]) -> str:
    """Return the key under which a profile keeps the normalisation of a model on a montage.

    Parameters
    ----------
    model : str
        `model_identity`: it fixes bands and windows.
    channels : sequence of str
        The stream's channel labels, in order.
    """
    return f"{model} {' '.join(channels)}"


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

    # --- Profiles -------------------------------------------------------------------------------

    @_explained
    def create(self, name: str, note: str = "") -> Profile:
        """Create an empty profile.

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
        with self._transaction():
            if self._find(name) is not None:
                raise BciAffectError(f"There is a profile '{name}' already; choose another name.")
            self._db.execute(
                "INSERT INTO profile (name, created, note) VALUES (?, ?, ?)",
                (name, time.time(), note),
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
            _check_sum(row[8], (row[1], row[2], row[3], row[4], row[5], row[6], row[7]))
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
                personal = _personal(json.loads(rows[-1][7]), arrays)
        return Profile(stored, created, note, personal, history)

    @_explained
    def delete(self, name: str) -> None:
        """Delete a profile with its history; recordings and reports stay where they are."""
        key = self._key(name)
        with self._transaction():
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
        header, arrays = _parts(personal)
        with self._transaction():
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
                (key, *row, _sum(row)),
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
        with self._transaction():
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
        with self._transaction():
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

    # --- In and out -----------------------------------------------------------------------------

    @_explained
    def export(self, name: str, path: Path) -> None:
        """Write a profile to one JSON file (no raw EEG is in it).

        Raises
        ------
        BciAffectError
            If the file exists already or cannot be written.
        """
        profile = self.load(name)
        key = self._key(name)
        with _believed():
            calibrations = [
                {
                    "created": row[1],
                    "model": row[2],
                    "summary": json.loads(row[3]),
                    "personal": json.loads(row[4]),
                    "sources": json.loads(row[5]),
                    "report": row[6],
                    "arrays": _encode(self._arrays("calibration", row[0])),
                }
                for row in self._db.execute(
                    "SELECT id, created, model, summary, personal, sources, report "
                    "FROM calibration WHERE profile = ? ORDER BY id",
                    (key,),
                ).fetchall()
            ]
            states = [
                {"key": row[1], "arrays": _encode(self._arrays("normalisation", row[0]))}
                for row in self._db.execute(
                    "SELECT id, key FROM normalisation WHERE profile = ? ORDER BY key", (key,)
                ).fetchall()
            ]
        document = {
            "format": FORMAT,
            "version": SCHEMA_VERSION,
            "name": profile.name,
            "created": profile.created,
            "note": profile.note,
            "calibrations": calibrations,
            "normalisation": states,
        }
        document["sum"] = document_sum(document)
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump(document, file)
        except FileExistsError:
            raise BciAffectError(f"{path} exists already; choose another file.") from None
        except OSError as error:
            raise BciAffectError(f"Cannot write {path} ({error.strerror}).") from None

    @_explained
    def import_(self, path: Path, name: str | None = None) -> Profile:
        """Read a profile that `export` wrote, all of it or nothing.

        Parameters
        ----------
        path : Path
        name : str, optional
            New name; the file's own when left out.

        Raises
        ------
        BciAffectError
            If the file is damaged, of a newer version, or the name is taken.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            json.dumps(document, ensure_ascii=False).encode()  # half a character cannot be stored
            if document["format"] != FORMAT:
                raise ValueError("another format")
            if document["version"] > SCHEMA_VERSION:
                raise BciAffectError(f"{path} was written by a newer version; update bci_affect.")
            if document["version"] > 2 and document["sum"] != document_sum(document):
                raise ValueError("its content does not match its checksum")
            calibrations = [(item, _decode(item["arrays"])) for item in document["calibrations"]]
            for item, arrays in calibrations:
                _personal(item["personal"], arrays)  # refuses what does not fit
                if not isinstance(item["summary"], dict) or not isinstance(item["report"], str):
                    raise ValueError("a calibration without a summary or report")
                if not all(isinstance(path, str) for path in [*item["sources"]]):
                    raise ValueError("a calibration whose sources are no paths")
            states = [(item["key"], _decode(item["arrays"])) for item in document["normalisation"]]
            name = name or str(document["name"])
            note, created = str(document["note"]), float(document["created"])
        except OSError as error:
            raise BciAffectError(f"Cannot read {path} ({error.strerror}).") from None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BciAffectError(f"{path} is no profile, or it is damaged ({reason}).") from None
        with self._transaction():
            self.create(name, note)
            self._db.execute(
                "UPDATE profile SET created = ? WHERE id = ?", (created, self._key(name))
            )
            for item, arrays in calibrations:
                self.add_calibration(
                    name,
                    _personal(item["personal"], arrays),
                    item["summary"],
                    sources=tuple(item["sources"]),
                    report=str(item["report"]),
                )
            for state_key, arrays in states:
                self.save_normalisation(name, state_key, arrays)
        return self.load(name)

    # --- Inside ---------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
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

    def _migrate(self) -> None:
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise BciAffectError(
                    f"{self.path} was written by a newer version of bci_affect; update it."
                )
            for step in range(version + 1, SCHEMA_VERSION + 1):
                for statement in _MIGRATIONS[step]:
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
            dtype, shape, data = _raw(value)
            row = (owner, owner_id, name, dtype, json.dumps(shape), data)
            self._db.execute("INSERT INTO array VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _sum(row)))

    def _arrays(self, owner: str, owner_id: int) -> dict[str, NDArray[Any]]:
        rows = self._db.execute(
            "SELECT name, dtype, shape, data, sum FROM array WHERE owner = ? AND owner_id = ?",
            (owner, owner_id),
        )
        found = {}
        for name, dtype, shape, data, stored in rows:
            _check_sum(stored, (owner, owner_id, name, dtype, shape, data))
            with _believed():
                found[name] = _array(dtype, json.loads(shape), data)
        return found


def _sum(values: Sequence[Any]) -> str:
    """Return a checksum over a row."""
    digest = hashlib.sha256()
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _check_sum(stored: str, values: Sequence[Any]) -> None:
    """Raise `sqlite3.DatabaseError` where a row is not what was stored."""
    if stored and stored != _sum(values):
        raise sqlite3.DatabaseError("a stored value has changed")


def document_sum(document: Mapping[str, Any]) -> str:
    """Return a checksum over an exported profile."""
    content = {key: value for key, value in document.items() if key != "sum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _raw(value: NDArray[Any]) -> tuple[str, list[int], bytes]:
    """Little-endian bytes of an array with dtype and shape."""
    array = np.ascontiguousarray(value)
    dtype = array.dtype.newbyteorder("<").str
    if dtype not in _DTYPES:
        raise TypeError(f"arrays of {array.dtype} are not stored in profiles")
    # ascontiguousarray makes a scalar one-dimensional: keep the shape that was given.
    return dtype, list(np.shape(value)), array.astype(dtype).tobytes()


def _array(dtype: str, shape: list[int], data: bytes) -> NDArray[Any]:
    """Inverse of `_raw`; refuses what does not fit together."""
    if dtype not in _DTYPES:
        raise ValueError(f"unknown kind of array {dtype!r}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).copy()


def _encode(arrays: Arrays) -> dict[str, Any]:
    out = {}
    for name, value in arrays.items():
        dtype, shape, data = _raw(value)
        text = base64.b64encode(data).decode("ascii")
        out[name] = {"dtype": dtype, "shape": shape, "data": text}
    return out


def _decode(document: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {
        str(name): _array(
            item["dtype"], item["shape"], base64.b64decode(item["data"], validate=True)
        )
        for name, item in document.items()
    }


_SCALARS = (
    "gain",
    "bias",
    "live_gain",
    "conformal",
    "eeg_weight",
    "music_weight",
    "fused_bias",
)


def _parts(personal: PersonalModel) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Split a personal model into plain JSON and arrays."""
    header: dict[str, Any] = {
        "created": personal.created,
        "n_clips": personal.n_clips,
        "model": personal.model,
    }
    arrays: dict[str, NDArray[Any]] = {
        "centre": personal.centre,
        "directions": personal.directions,
        "reach": np.array(personal.reach),
    }
    for name, model in zip(DIMENSIONS, personal.dimensions, strict=True):
        header[name] = {"rung": model.rung, "informative": model.informative}
        arrays[f"{name}.weights"] = model.weights
        arrays[f"{name}.scalars"] = np.array([getattr(model, field) for field in _SCALARS])
    return header, arrays


def _personal(header: dict[str, Any], arrays: Arrays) -> PersonalModel:
    """Inverse of `_parts`.

    Raises
    ------
    ValueError, KeyError
        If something is missing or does not fit.
    """
    models = {}
    for name, value in arrays.items():
        if name != "reach" and not np.isfinite(value).all():
            raise ValueError(f"'{name}' holds values that are not numbers")
    n_dim = len(arrays["centre"])
    if arrays["directions"].shape[:1] != (n_dim,):
        raise ValueError("directions do not fit the embedding")
    for name in DIMENSIONS:
        weights = arrays[f"{name}.weights"]
        if weights.shape != (n_dim,):
            raise ValueError(f"weights of {name} do not fit the embedding")
        scalars = zip(_SCALARS, arrays[f"{name}.scalars"].tolist(), strict=True)
        models[name] = DimensionModel(
            weights=weights,
            rung=str(header[name]["rung"]),
            informative=bool(header[name]["informative"]),
            **dict(scalars),
        )
    return PersonalModel(
        valence=models["valence"],
        arousal=models["arousal"],
        centre=arrays["centre"],
        directions=arrays["directions"],
        reach=float(arrays["reach"]),
        created=float(header["created"]),
        n_clips=int(header["n_clips"]),
        model=str(header["model"]),
    )
