"""Fine-tuning of the encoder is accepted only if it helps on held-out clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.model import N_PERSON, AffectModel, ModelCard, ModelSettings, Predictor
from bci_affect.training.calibration.clips import ClipTable, ClipWindows
from bci_affect.training.calibration.finetune import compare_encoders, fine_tune, has_enough_data
from bci_affect.training.calibration.simulation import SimulatedListener, simulate_clips
from tests.training.calibration.conftest import ELECTRODES

N_CLIPS, N_SESSIONS, N_WINDOWS, N_STEPS, N_BANDS = 40, 3, 1, 12, 5
FOLDS = 3  # instead of five, to save time


def person(effect: float, seed: int = 0) -> tuple[list[ClipWindows], ClipTable]:
    """Return windows in which an individual pattern of bands follows the emotion, by `effect`.

    Stronger nuisance variation between clips dominates the first components of a frozen encoder's
    embedding.
    """
    rng = np.random.default_rng(seed)
    table = simulate_clips(SimulatedListener(eeg=0.5), N_CLIPS, seed=seed, n_sessions=N_SESSIONS)
    side = np.where(table.ratings > 5, 1.0, -1.0)  # (n, 2)
    size = len(ELECTRODES) * N_BANDS
    directions = np.linalg.qr(rng.standard_normal((size, 8)))[0].T * np.sqrt(size)
    pattern, nuisance = directions[:2], directions[2:]
    positions = make_montage(ELECTRODES).positions
    clips = []
    for row in side:
        clip = effect * row @ pattern + 0.7 * rng.standard_normal(6) @ nuisance
        noise = 0.5 * rng.standard_normal((N_WINDOWS, N_STEPS, size))
        bands = (clip + noise).reshape(N_WINDOWS, N_STEPS, len(ELECTRODES), N_BANDS)
        mask = np.ones((N_WINDOWS, len(ELECTRODES)), np.bool_)
        clips.append(ClipWindows(bands.astype(np.float32), mask, positions))
    return clips, table


@pytest.fixture(scope="module")
def predictor(model_file: Path) -> Predictor:
    """Return a small model, so that dozens of trainings take seconds."""
    torch.manual_seed(5)
    settings = ModelSettings(width=16, n_steps=N_STEPS)
    return Predictor((AffectModel(settings).eval(), Predictor(model_file).card))


def test_individual_pattern_is_learned_and_retrieval_is_unchanged(predictor: Predictor) -> None:
    clips, table = person(0.6)
    trial = compare_encoders(predictor, clips, table, 0, folds=FOLDS)
    assert trial.better
    assert trial.tuned_error < trial.frozen_error - 0.02
    found = fine_tune(predictor, clips, table, np.arange(N_CLIPS), 0)
    assert any(found.kept)
    assert all(name.startswith("encoder.") for name in found.weights)
    tuned = predictor.with_weights(found.weights)
    music = np.random.default_rng(1).standard_normal((4, 128)).astype(np.float32)
    np.testing.assert_array_equal(tuned.project_music(music), predictor.project_music(music))


def test_without_an_effect_the_tuned_encoder_is_rejected(predictor: Predictor) -> None:
    trial = compare_encoders(predictor, *person(0.0, 1), 1, folds=FOLDS)
    assert not trial.better


def test_minimum_clips_and_sessions_of_fine_tuning() -> None:
    assert has_enough_data(simulate_clips(SimulatedListener(), 40, seed=0, n_sessions=3))
    assert not has_enough_data(simulate_clips(SimulatedListener(), 39, seed=0, n_sessions=3))
    assert not has_enough_data(simulate_clips(SimulatedListener(), 48, seed=0, n_sessions=2))


def test_weights_of_another_model_are_refused(predictor: Predictor) -> None:
    with pytest.raises(BciAffectError, match="do not fit"):
        predictor.with_weights({"encoder.nothing": np.zeros(3, np.float32)})


def test_person_features_are_tuned_too() -> None:
    """Only the covariance against rest holds the emotion; bands are noise."""
    rng = np.random.default_rng(3)
    table = simulate_clips(SimulatedListener(eeg=0.5), N_CLIPS, seed=3, n_sessions=N_SESSIONS)
    side = np.where(table.ratings > 5, 1.0, -1.0)
    settings = ModelSettings(encoder="covariance", n_bands=1, n_steps=2, width=8, hidden=8)
    n_features = N_PERSON
    pattern = rng.standard_normal((2, n_features))
    positions = make_montage(ELECTRODES).positions
    n = len(ELECTRODES)
    clips = [
        ClipWindows(
            rng.standard_normal((2, 2, n, 1)).astype(np.float32),
            np.ones((2, n), np.bool_),
            positions,
            (row @ pattern + 0.5 * rng.standard_normal((2, n_features))).astype(np.float32),
        )
        for row in side
    ]
    torch.manual_seed(0)
    card = ModelCard("m", "m", True, {"alpha": (8.0, 13.0)}, 1.0, 0.5, 0.25, (), ())
    predictor = Predictor((AffectModel(settings).eval(), card))
    train, test = np.arange(0, N_CLIPS, 2), np.arange(1, N_CLIPS, 2)
    tuned = predictor.with_weights(fine_tune(predictor, clips, table, train, 0).weights)
    right = {}
    for name, one in (("before", predictor), ("after", tuned)):
        logits = np.array(
            [
                one.predict_many(c.bands, c.mask, c.positions, c.person).logits.mean(axis=0)
                for c in clips
            ]
        )
        right[name] = ((logits[test] > 0) == (side[test] > 0)).mean()
    assert right["after"] > 0.9 > right["before"]
