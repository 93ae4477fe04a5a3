"""Music emotion head fitted to rated stimuli."""

from __future__ import annotations

import numpy as np

from bci_affect.datasets.simulated import SimulatedDataset, SimulationSettings
from bci_affect.training.music_head import fit_music_head

SETTINGS = SimulationSettings(subjects=1, trials=24, seconds=12, seed=2)


def test_head_predicts_the_ratings_of_tracks() -> None:
    dataset = SimulatedDataset(SETTINGS)
    head = fit_music_head(dataset)
    assert head is not None
    assert "24 simulated stimuli" in head.provenance
    trials = dataset.trials("s01")
    predicted = np.array([head.predict(trial.music, None, None)[:2] for trial in trials])
    rated = np.array([[t.ratings["music_valence"], t.ratings["music_arousal"]] for t in trials])
    for column in range(2):
        assert np.corrcoef(predicted[:, column], rated[:, column])[0, 1] > 0.7
    assert all(0 < sd < 1 for sd in head.sd)
    other = fit_music_head(SimulatedDataset(SETTINGS.model_copy(update={"seed": 3})))
    assert other is not None
    assert other.id != head.id


def test_too_few_tracks_give_none() -> None:
    assert fit_music_head(SimulatedDataset(SETTINGS.model_copy(update={"trials": 7}))) is None
