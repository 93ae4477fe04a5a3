"""Windows of many trials, held in RAM, as the trainer takes them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeatureSet:
    """Feature windows with what is known of each; rows of all arrays belong together.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_windows, n_steps, n_channels, n_bands)
        Causally normalised band features. Sets of several montages pad channels that a window has
        not, with `mask` False there.
    mask : ndarray of bool, shape (n_windows, n_channels)
        Electrodes that may be used.
    positions : ndarray of float32, shape (n_montages, n_channels, 3)
        Electrode positions of each montage.
    montage : ndarray of int64, shape (n_windows,)
        Row of `positions` that a window belongs to.
    labels : ndarray of float32, shape (n_windows, 2)
        High (1) or low (0) valence and arousal as the person rated; NaN where missing.
    music : ndarray of float32, shape (n_windows, n_dim)
        Tagger row heard in the window (after the EEG-music delay); NaN rows where there is none.
    music_labels : ndarray of float32, shape (n_windows, 2)
        High or low valence and arousal of the music itself (mean rating of all), NaN where missing.
    trial, subject, session, stimulus : ndarray of int64, shape (n_windows,)
        Which; -1 for an unknown stimulus. `trial` is unique over subjects and sessions.
    time_s : ndarray of float32, shape (n_windows,)
        End of the window in seconds from the stimulus' onset.
    """

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    positions: NDArray[np.float32]
    montage: NDArray[np.int64]
    labels: NDArray[np.float32]
    music: NDArray[np.float32]
    music_labels: NDArray[np.float32]
    trial: NDArray[np.int64]
    subject: NDArray[np.int64]
    session: NDArray[np.int64]
    stimulus: NDArray[np.int64]
    time_s: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.bands)

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> FeatureSet:
        """Return the windows of these rows (numbers, or a bool each); montages stay as they are."""
        values = {
            field.name: getattr(self, field.name)
            if field.name == "positions"
            else getattr(self, field.name)[rows]
            for field in fields(self)
        }
        return FeatureSet(**values)
