"""Small feature sets with known labels, shared by the tests of training."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.training.features import FeatureSet


def make_features(
    n_subjects: int = 4,
    n_sessions: int = 1,
    n_trials: int = 6,
    n_windows: int = 3,
    *,
    n_channels: int = 4,
    seed: int = 0,
) -> FeatureSet:
    """Return noise of several subjects with the same stimuli, divided over their sessions."""
    rng = np.random.default_rng(seed)
    rows = [
        (subject, session, stimulus, window)
        for subject in range(n_subjects)
        for session in range(n_sessions)
        for stimulus in range(n_trials)
        if stimulus % n_sessions == session
        for window in range(n_windows)
    ]
    subject, session, stimulus, window = np.array(rows).T
    n = len(rows)
    mood = rng.permutation(np.arange(n_trials) % 2).astype(np.float32)
    labels = np.stack([mood[stimulus], 1 - mood[stimulus]], axis=1)
    return FeatureSet(
        bands=rng.standard_normal((n, 2, n_channels, 3)).astype(np.float32),
        mask=np.ones((n, n_channels), np.bool_),
        positions=rng.standard_normal((1, n_channels, 3)).astype(np.float32) * 0.08,
        montage=np.zeros(n, np.int64),
        labels=labels,
        music=rng.standard_normal((n, 8)).astype(np.float32),
        music_labels=labels.copy(),
        trial=(subject * n_trials + stimulus).astype(np.int64),
        subject=subject.astype(np.int64),
        session=(subject * n_sessions + session).astype(np.int64),
        stimulus=stimulus.astype(np.int64),
        time_s=(6.0 + window).astype(np.float32),
    )


@pytest.fixture
def features() -> FeatureSet:
    return make_features()
