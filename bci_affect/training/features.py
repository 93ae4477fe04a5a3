"""Feature windows of many trials in memory, the input of the trainer."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from bci_affect.training.person import PersonWindows


@dataclass(frozen=True)
class FeatureSet:
    """Feature windows with labels and metadata, as arrays with one row per window.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_windows, n_steps, n_channels, n_bands)
        Causally normalised band features. In sets of several montages, missing channels are padded,
        with `mask` False.
    mask : ndarray of bool, shape (n_windows, n_channels)
        Valid electrodes.
    positions : ndarray of float32, shape (n_montages, n_channels, 3)
        Electrode positions of each montage, in metres.
    montage : ndarray of int64, shape (n_windows,)
        Index of the window's montage in `positions`.
    labels : ndarray of float32, shape (n_windows, 2)
        High (1) or low (0) valence and arousal rated by the subject; NaN if missing.
    music : ndarray of float32, shape (n_windows, n_dim)
        Tagger embedding of the music during the window, corrected for the EEG delay; NaN if there
        is none.
    music_labels : ndarray of float32, shape (n_windows, 2)
        High or low valence and arousal of the music itself (mean rating); NaN if missing.
    trial, subject, session, stimulus : ndarray of int64, shape (n_windows,)
        Index of each; -1 for an unknown stimulus. `trial` is unique over subjects and sessions.
    time_s : ndarray of float32, shape (n_windows,)
        End of the window in seconds from the stimulus onset.
    person : PersonWindows or None
        Covariances of the windows and of the people's rest, for models that need them.
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
    person: PersonWindows | None = None

    def __repr__(self) -> str:
        n_subjects = len(np.unique(self.subject))
        return f"FeatureSet({len(self)} windows of {self.bands.shape[1:]}, {n_subjects} subjects)"

    def __len__(self) -> int:
        return len(self.bands)

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> FeatureSet:
        """Return a subset of the windows, given by indices or by a boolean mask."""
        values = {
            field.name: getattr(self, field.name)
            if field.name == "positions"
            else getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name != "person"
        }
        person = None if self.person is None else self.person.select(rows)
        return FeatureSet(**values, person=person)
