"""Tables of the database of profiles, and how older ones become today's."""

from __future__ import annotations

SCHEMA_VERSION = 3

MIGRATIONS: dict[int, tuple[str, ...]] = {
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
"""Statements that lead to each version from the one before."""
