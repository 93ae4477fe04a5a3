"""Synthetic libraries without audio: each track's embeddings scatter around a centre."""

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
    n_embeddings: int = 6,
    dim: int = 16,
    seed: int = 0,
    n_artists: int = 4,
) -> np.ndarray:
    """Store tracks with empty files and return the centres of their embeddings.

    Returns
    -------
    ndarray, shape (n_tracks, dim)
        Row ``i`` belongs to the track with id ``i + 1``. Its first two coordinates determine the
        track's valence and arousal.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_tracks, dim))
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n_tracks):
        path = folder / f"{i:05d}.flac"
        path.touch()
        embeddings = centres[i] + 0.3 * rng.standard_normal((n_embeddings, dim))
        analysis = Analysis(
            file_tags=FileTags(f"Title {i}", f"Artist {i % n_artists}", "", float("nan")),
            duration_s=60.0,
            loudness_lufs=-18.0,
            peak_dbfs=-3.0,
            gain_db=0.0,
            cues={"brightness": float(centres[i, 0]), "onsets": 3.0 + float(centres[i, 1])},
            tags=rng.uniform(0.01, 0.5, len(TAGS)).astype(np.float32),
            times=np.arange(n_embeddings, dtype=np.float32),
            embeddings=embeddings.astype(np.float32),
        )
        library.store_track(str(path), 0, 0, f"hash-{seed}-{i}", KEY, analysis)
    return centres
