"""Table of a person's rated clips, the input of calibration, with one row per clip."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import DIMENSIONS
from bci_affect.errors import BciAffectError

MIDPOINT = 5.0
"""Ratings above are high, below low; clips rated exactly at the midpoint are left out."""
MIN_CLIPS = 8
"""Minimum number of labelled clips, of which at least `MIN_PER_CLASS` of each class."""
MIN_PER_CLASS = 3


@dataclass(frozen=True)
class ClipTable:
    """Rated clips of one person in the order of presentation, one row per clip.

    Attributes
    ----------
    embedding : ndarray of float64, shape (n_clips, d)
        Embedding of the frozen encoder, averaged over the valid windows of the clip.
    eeg_logit : ndarray of float64, shape (n_clips, 2)
        Mean log-odds of high valence and arousal by the population head.
    music_logit : ndarray of float64, shape (n_clips, 2)
        Log-odds by the music alone; NaN if the music is unknown.
    ratings : ndarray of float64, shape (n_clips, 2)
        Self-reported valence and arousal, 1-9; NaN if missing.
    group : ndarray of int64, shape (n_clips,)
        Stimulus; clips of the same stimulus are held out together.
    session, block : ndarray of int64, shape (n_clips,)
        Session, and block within it (all 0 without blocks); labels are exchangeable only within.
    quality : ndarray of float64, shape (n_clips,)
        Mean share of good electrodes during the clip, 0 to 1.
    names : tuple of str
        Names of the clips in the report.
    windows : tuple of (embedding (n, d), logit (n, 2)) pairs
        Windows smoothed as in a live session, for the fit of the gain of live estimates; empty if
        not available.
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
    """Encoder input of windows of one clip.

    Attributes
    ----------
    bands : ndarray of float32, shape (n, n_steps, n_channels, n_bands)
        Normalised band features of windows spread over the clip.
    mask : ndarray of bool, shape (n, n_channels)
        Valid electrodes.
    positions : ndarray, shape (n_channels, 3)
        Electrode positions in metres.
    person : ndarray of float32, shape (n, n_bands * 316), or None
        Covariance and power against the person's rest, for models that need them.
    """

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    positions: NDArray[np.float32]
    person: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class LabelledClips:
    """Clips with a high (1) or low (0) label on one dimension.

    Attributes are those of `ClipTable`, reduced to one dimension; `rows` are the indices of the
    clips in the table.
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


def select_labelled(table: ClipTable, dimension: str) -> LabelledClips:
    """Select the clips rated high or low on one dimension.

    Raises
    ------
    BciAffectError
        If there are too few clips, in total or of one class; the message advises what to do.
    """
    column = DIMENSIONS.index(dimension)
    rows, high = binary_labels(table.ratings[:, column], dimension)
    return LabelledClips(
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


def binary_labels(
    rating: NDArray[np.float64], dimension: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the indices of the clips rated high or low, and their labels (1 or 0).

    Raises
    ------
    BciAffectError
        See `select_labelled`.
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
