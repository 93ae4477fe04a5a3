"""Tables of the music library and their migrations."""

from __future__ import annotations

from bci_affect.storage import Schema

# Content that the checksums cover. The views repeat it, so a change here needs a migration
# that creates the views and computes the sums again.
_SUMS = {
    "track": "checksum(id, CAST(hash || title || artist || album || cues || head AS BLOB), tags, "
    "duration_s, loudness_lufs, peak_dbfs, gain_db, valence, arousal, valence_sd, arousal_sd)",
    "place": "checksum(CAST(path AS BLOB), track_id, size, mtime_ns)",
    "embedding": "checksum(track_id, CAST(encoder AS BLOB), times, rows, dim)",
}
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE track (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,      -- of the file's bytes
        title TEXT NOT NULL, artist TEXT NOT NULL, album TEXT NOT NULL,
        duration_s REAL NOT NULL,
        loudness_lufs REAL NOT NULL, peak_dbfs REAL NOT NULL,
        gain_db REAL NOT NULL,          -- to the playback target, without clipping
        cues TEXT NOT NULL,             -- JSON: name -> value
        tags BLOB NOT NULL,             -- float32 (50,), mean probability
        valence REAL, arousal REAL, valence_sd REAL, arousal_sd REAL,
        head TEXT NOT NULL DEFAULT '',  -- emotion head that predicted them
        liked INTEGER NOT NULL DEFAULT 0,
        banned INTEGER NOT NULL DEFAULT 0,
        excluded INTEGER NOT NULL DEFAULT 0,
        added REAL NOT NULL
    );
    CREATE TABLE place (                -- where files of a track lie; a copy is no second track
        path TEXT PRIMARY KEY,
        track_id INTEGER NOT NULL REFERENCES track(id) ON DELETE CASCADE,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        present INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX place_of_track ON place(track_id);
    CREATE TABLE embedding (
        track_id INTEGER NOT NULL REFERENCES track(id) ON DELETE CASCADE,
        encoder TEXT NOT NULL,          -- id, weights and front end, loudness target
        times BLOB NOT NULL,            -- float32 (n,)
        rows BLOB NOT NULL,             -- float16 (n, dim)
        dim INTEGER NOT NULL,
        PRIMARY KEY (track_id, encoder)
    );
    CREATE TABLE state (                -- counters: what changes the rows to search; anything
        changes INTEGER NOT NULL, writes INTEGER NOT NULL
    );
    INSERT INTO state VALUES (0, 0);
    CREATE TABLE failure (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        reason TEXT NOT NULL
    );
    """,
    f"""
    ALTER TABLE track ADD COLUMN sum INTEGER;   -- of the columns that were computed, see `_SUMS`
    ALTER TABLE place ADD COLUMN sum INTEGER;
    ALTER TABLE embedding ADD COLUMN sum INTEGER;
    CREATE VIEW whole_track AS SELECT * FROM track WHERE sum = {_SUMS["track"]};
    CREATE VIEW whole_place AS SELECT * FROM place WHERE sum = {_SUMS["place"]};
    CREATE VIEW whole_embedding AS SELECT * FROM embedding WHERE sum = {_SUMS["embedding"]};
    UPDATE track SET sum = {_SUMS["track"]};
    UPDATE place SET sum = {_SUMS["place"]};
    UPDATE embedding SET sum = {_SUMS["embedding"]};
    """,
)

LIBRARY = Schema(
    title="The music library",
    migrations=_MIGRATIONS,
    if_damaged="and add your music again",
    sums=_SUMS,
    durable=False,
)
"""Database of the music library. Its files can be analysed again, so it need not be durable."""
