"""Libraries of any size without audio: tracks in clusters, each with rows around a centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bci_affect.music import Library
from bci_affect.music.analysis import Analysis, FileTags
from bci_affect.music.tags import TAGS

KEY = "musicnn-msd-vgg:test:-14LUFS"


def fill(
    library: Library,
    folder: Path,
    n_tracks: int,
    *,
    n_rows: int = 6,
    dim: int = 16,
    seed: int = 0,
    n_artists: int = 4,
) -> np.ndarray:
    """Store tracks whose files exist (empty); return the centres of their rows (n_tracks, dim).

    Track ``i`` has number ``i + 1``, its valence and arousal follow its first two coordinates.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_tracks, dim))
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n_tracks):
        path = folder / f"{i:05d}.flac"
        path.touch()
        rows = centres[i] + 0.3 * rng.standard_normal((n_rows, dim))
        found = Analysis(
            said=FileTags(f"Title {i}", f"Artist {i % n_artists}", "", float("nan")),
            duration_s=60.0,
            loudness_lufs=-18.0,
            peak_dbfs=-3.0,
            gain_db=0.0,
            cues={"brightness": float(centres[i, 0]), "onsets": 3.0 + float(centres[i, 1])},
            tags=rng.uniform(0.01, 0.5, len(TAGS)).astype(np.float32),
            times=np.arange(n_rows, dtype=np.float32),
            rows=rows.astype(np.float32),
        )
        library.store(str(path), 0, 0, f"hash-{seed}-{i}", KEY, found)
    return centres
