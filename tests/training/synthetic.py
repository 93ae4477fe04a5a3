"""Synthetic feature sets with a known effect, shared by the tests of training."""

from __future__ import annotations

import numpy as np

from bci_affect.eeg import make_montage
from bci_affect.training.features import FeatureSet

NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "T7", "T8")


def make_data(
    *,
    n_trials: int = 40,
    per_trial: int = 6,
    effect: float = 1.0,
    music_dim: int = 6,
    n_tracks: int = 8,
    seed: int = 0,
) -> FeatureSet:
    """Return windows whose frontal asymmetry and posterior power depend on the track's mood.

    Valence is encoded in band 2 at F4 against F3, arousal in band 2 at the posterior electrodes,
    and both in the first two columns of the music.
    """
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99)
    positions = make_montage(NAMES).positions
    mood = np.array([[i % 2, (i // 2) % 2] for i in range(n_tracks)], np.float64)
    signature = shared.standard_normal((n_tracks, music_dim))
    n = n_trials * per_trial
    trial = np.repeat(np.arange(n_trials), per_trial)
    stimulus = (trial + seed) % n_tracks
    emotion = mood[stimulus] * 2 - 1
    bands = rng.standard_normal((n, 12, len(NAMES), 5))
    bands[:, :, 3, 2] += effect * emotion[:, :1]
    bands[:, :, 2, 2] -= effect * emotion[:, :1]
    bands[:, :, 6:10, 2] -= effect * emotion[:, 1:, None]
    music = 0.5 * signature[stimulus] + 0.2 * rng.standard_normal((n, music_dim))
    music[:, :2] += emotion
    labels = mood[stimulus].astype(np.float32)
    return FeatureSet(
        bands=bands.astype(np.float32),
        mask=np.ones((n, len(NAMES)), np.bool_),
        positions=positions[None],
        montage=np.zeros(n, np.int64),
        labels=labels,
        music=music.astype(np.float32),
        music_labels=labels.copy(),
        trial=trial.astype(np.int64),
        subject=(trial % 4).astype(np.int64),
        session=(trial % 4).astype(np.int64),
        stimulus=stimulus.astype(np.int64),
        time_s=np.tile(np.arange(per_trial) + 6.0, n_trials).astype(np.float32),
    )
