"""Tables of the profile database and their migrations."""

from __future__ import annotations

from bci_affect.storage import Schema

PROFILES = Schema(
    title="The profile database",
    migrations=(
        """
        CREATE TABLE profile (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, created REAL NOT NULL,
            note TEXT NOT NULL DEFAULT '');
        CREATE TABLE calibration (
            id INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
            created REAL NOT NULL, model TEXT NOT NULL, parent INTEGER, summary TEXT NOT NULL,
            personal TEXT NOT NULL, sources TEXT NOT NULL, report TEXT NOT NULL DEFAULT '');
        CREATE TABLE array (
            owner TEXT NOT NULL, owner_id INTEGER NOT NULL, name TEXT NOT NULL,
            dtype TEXT NOT NULL, shape TEXT NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (owner, owner_id, name)) WITHOUT ROWID;
        """,
        """
        CREATE TABLE normalisation (  -- one state for each combination of montage and settings
            id INTEGER PRIMARY KEY,
            profile INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
            key TEXT NOT NULL, updated REAL NOT NULL, UNIQUE (profile, key));
        """,
        """
        -- Checksums, see `records.row_sum`; empty in rows from before them.
        ALTER TABLE array ADD COLUMN sum TEXT NOT NULL DEFAULT '';
        ALTER TABLE calibration ADD COLUMN sum TEXT NOT NULL DEFAULT '';
        """,
    ),
    if_damaged="to start a new one, or import a profile that you exported",
)
"""Database of profiles."""
