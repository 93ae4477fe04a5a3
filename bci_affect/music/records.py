"""Rows of the library's tables as objects: tracks, and the embeddings of many tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.loudness import ANALYSIS_LUFS
from bci_affect.music.tags import TAGS
from bci_affect.music.types import Track

if TYPE_CHECKING:
    from bci_affect.music.encoders import MusicEncoder

_TOP_TAGS = 5
TRACK_COLUMNS = (
    "t.id, p.path, t.title, t.artist, t.album, t.duration_s, t.valence, t.arousal, t.valence_sd, "
    "t.arousal_sd, t.tags, t.gain_db, t.liked, t.banned"
)


@dataclass(frozen=True, slots=True)
class EmbeddingTable:
    """Embeddings of many tracks, grouped by track.

    Attributes
    ----------
    track_ids : ndarray of int64, shape (n,)
        Track of each embedding.
    times : ndarray of float32, shape (n,)
        Centre of each embedding in its track, in seconds.
    embeddings : ndarray of float32, shape (n, dim)
        Embeddings of the encoder.
    """

    track_ids: NDArray[np.int64]
    times: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def encoder_key(encoder: MusicEncoder) -> str:
    """Return the key of stored embeddings: encoder, weights, front end and loudness target."""
    return f"{encoder.id}:{encoder.hash}:{ANALYSIS_LUFS:g}LUFS"


def unpack_embeddings(
    times: bytes, embeddings: bytes, dim: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return times (n,) and embeddings (n, dim) from their stored bytes."""
    return (
        np.frombuffer(times, dtype=np.float32),
        np.frombuffer(embeddings, dtype=np.float16).reshape(-1, dim).astype(np.float32),
    )


def to_track(row: tuple[Any, ...]) -> Track:
    """Return the track of a row of `TRACK_COLUMNS`."""
    tags = np.frombuffer(row[10], dtype=np.float32)
    best = np.argsort(-np.nan_to_num(tags, nan=-1.0))[:_TOP_TAGS]
    known = [float("nan") if value is None else float(value) for value in row[6:10]]
    return Track(
        id=row[0],
        path=row[1],
        title=row[2],
        artist=row[3],
        album=row[4],
        duration_s=row[5],
        valence=known[0],
        arousal=known[1],
        valence_sd=known[2],
        arousal_sd=known[3],
        tags=tuple((TAGS[i], float(tags[i])) for i in best if np.isfinite(tags[i])),
        gain_db=row[11],
        liked=bool(row[12]),
        banned=bool(row[13]),
    )
