"""The person's own clips as calibration sees them: one row a clip, never one row a window."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import DIMENSIONS
from bci_affect.errors import BciAffectError

MIDPOINT = 5.0
"""A rating above it is high, below it low; exactly 5 says neither, and is left out."""
MIN_CLIPS = 8
"""Fewer clips (or fewer than `MIN_PER_CLASS` of a kind) are refused: nothing could be shown."""
MIN_PER_CLASS = 3


@dataclass(frozen=True)
class ClipTable:
    """Rated clips of one person; rows of all arrays belong together, in the order of playing.

    Attributes
    ----------
    embedding : ndarray of float64, shape (n_clips, d)
        Mean over the clip's valid windows of the frozen encoder's embedding.
    eeg_logit : ndarray of float64, shape (n_clips, 2)
        Mean log-odds of high valence and arousal by the population head.
    music_logit : ndarray of float64, shape (n_clips, 2)
        Log-odds by the music alone; NaN where the clip has no known music.
    ratings : ndarray of float64, shape (n_clips, 2)
        Self-reported valence and arousal, 1-9; NaN where missing.
    group : ndarray of int64, shape (n_clips,)
        Stimulus: clips that share it are held out together.
    session, block : ndarray of int64, shape (n_clips,)
        Sitting, and block within it (all 0 without blocks): labels are exchangeable only inside.
    quality : ndarray of float64, shape (n_clips,)
        Mean share of good electrodes during the clip, 0 to 1.
    names : tuple of str
        What the clip is called in the report.
    windows : tuple of (embedding (n, d), logit (n, 2)) pairs
        Windows smoothed as a live session smooths them, for the temperature of what is shown live;
        empty where clips are all there is.
    """

    embedding: NDArray[np.float64]
    eeg_logit: NDArray[np.float64]
    music_logit: NDArray[np.float64]
    ratings: NDArray[np.float64]
    group: NDArray[np.int64]
    session: NDArray[np.int64]
    block: NDArray[np.int64]
    quality: NDArray[np.float64]
    names: tuple[str, ...]
    windows: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...] = field(default=())

    def __len__(self) -> int:
        return len(self.embedding)


@dataclass(frozen=True)
class ClipWindows:
    """What the encoder sees of one clip.

    Attributes
    ----------
    bands : ndarray of float32, shape (n, n_steps, n_channels, n_bands)
        Normalised, spread over the clip.
    mask : ndarray of bool, shape (n, n_channels)
    positions : ndarray, shape (n_channels, 3)
    """

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    positions: NDArray[np.float32]


@dataclass(frozen=True)
class Labelled:
    """The clips that say something about one dimension, with a high (1) or low (0) label each.

    Attributes are those of `ClipTable`, reduced to one dimension; `rows` says which clips of the
    table they are.
    """

    dimension: str
    rows: NDArray[np.int64]
    embedding: NDArray[np.float64]
    eeg_logit: NDArray[np.float64]
    music_logit: NDArray[np.float64]
    high: NDArray[np.float64]
    group: NDArray[np.int64]
    session: NDArray[np.int64]
    block: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.high)


def labelled(table: ClipTable, dimension: str) -> Labelled:
    """Reduce a table to the clips rated high or low on one dimension.

    Raises
    ------
    BciAffectError
        With too few clips, or with (nearly) all of them on one side; the sentence says what to do.
    """
    column = DIMENSIONS.index(dimension)
    rows, high = sides(table.ratings[:, column], dimension)
    return Labelled(
        dimension=dimension,
        rows=rows,
        embedding=table.embedding[rows],
        eeg_logit=table.eeg_logit[rows, column],
        music_logit=table.music_logit[rows, column],
        high=high,
        group=table.group[rows],
        session=table.session[rows],
        block=table.block[rows],
    )


def sides(
    rating: NDArray[np.float64], dimension: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which clips are rated high or low on a dimension, and their labels.

    Raises
    ------
    BciAffectError
        As `labelled`.
    """
    rows = np.flatnonzero(np.isfinite(rating) & (rating != MIDPOINT))
    high = (rating[rows] > MIDPOINT).astype(np.float64)
    n_high, n_low = int(high.sum()), int(len(high) - high.sum())
    if len(rows) < MIN_CLIPS:
        raise BciAffectError(
            f"Only {len(rows)} of {len(rating)} clips are rated high or low in {dimension}; "
            f"at least {MIN_CLIPS} are needed (12 to 24 are better): play and rate more clips."
        )
    if min(n_high, n_low) < MIN_PER_CLASS:
        fewer = "high" if n_high < n_low else "low"
        raise BciAffectError(
            f"Of {len(rows)} clips {n_high} are rated high and {n_low} low in {dimension}; at "
            f"least {MIN_PER_CLASS} of each are needed: add clips that are {fewer} in {dimension}."
        )
    return rows, high
