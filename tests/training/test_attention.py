"""Invariant 6: attention points at the informative cells, and these determine the output."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from bci_affect.model import ENCODERS, ModelSettings
from bci_affect.model.affect import AffectModel
from bci_affect.training.features import FeatureSet
from bci_affect.training.metrics import auc
from bci_affect.training.settings import ObjectiveSettings, TrainSettings
from bci_affect.training.trainer import fit, predict
from tests.training.synthetic import NAMES, make_data

N_STEPS = 6


def bursts(n: int, seed: int) -> tuple[FeatureSet, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return windows with two bursts, each at one random electrode for two steps.

    The informative burst has high band 4, and bands 1 (valence) and 2 (arousal) that depend on the
    label. The decoy has high band 3, and bands 1 and 2 of random sign. Both have the same size, so
    only a model that distinguishes them can predict the label.

    Returns
    -------
    features : FeatureSet
    target, decoy : ndarray of bool, shape (n, n_channels, n_steps)
        Cells of the informative burst and of the decoy.
    """
    rng = np.random.default_rng(seed)
    blank = make_data(n_trials=n, per_trial=1, effect=0.0)
    labels = rng.integers(0, 2, (n, 2)).astype(np.float32)
    bands = 0.5 * rng.standard_normal((n, N_STEPS, len(NAMES), 5))
    target, decoy = np.zeros((2, n, len(NAMES), N_STEPS), np.bool_)
    for window in range(n):
        electrode, elsewhere = rng.permutation(len(NAMES))[:2]
        step, other = rng.integers(N_STEPS - 1, size=2)
        target[window, electrode, step : step + 2] = True
        bands[window, step : step + 2, electrode, 4] += 3.0
        bands[window, step : step + 2, electrode, 1:3] += 4.0 * labels[window] - 2.0
        decoy[window, elsewhere, other : other + 2] = True
        bands[window, other : other + 2, elsewhere, 3] += 3.0
        bands[window, other : other + 2, elsewhere, 1:3] += rng.choice([-2.0, 2.0], 2)
    missing = np.full((n, 2), np.nan, np.float32)
    features = replace(blank, bands=bands.astype(np.float32), labels=labels, music_labels=missing)
    return features, target, decoy


@cache
def trained(encoder: str) -> AffectModel:
    fixed = 0 if ENCODERS[encoder].any_montage else len(NAMES)
    model = ModelSettings(
        encoder=encoder,
        n_channels=fixed,
        n_steps=N_STEPS,
        width=16,
        hidden=16,
        space=8,
        music_dim=6,
        linear_path=False,
        dropout=0.0,
    )
    settings = TrainSettings(
        model=model,
        objective=ObjectiveSettings(emotion_eeg=1, emotion_music=0, contrastive=0),
        epochs=12,
        batch_size=64,
        learning_rate=5e-3,
        electrode_dropout=0.0,
    )
    return fit(bursts(1200, 0)[0], None, settings, seed=0).model


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_attention_finds_the_electrode_and_the_step(encoder: str) -> None:
    features, target, decoy = bursts(200, 1)
    prediction = predict(trained(encoder), features)
    right = ((prediction.logits > 0) == (features.labels > 0.5)).mean()
    assert right > 0.9
    assert auc(target.ravel(), prediction.attention.ravel()) > 0.9
    # Attention of an untrained model may follow amplitude, but cannot distinguish the two bursts.
    either = target | decoy
    assert auc(target[either], prediction.attention[either]) > 0.9


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_most_attended_cells_have_the_largest_effect(encoder: str) -> None:
    """Set the cells with most attention, with least attention and random ones to 0."""
    features, _, _ = bursts(200, 2)
    model = trained(encoder)
    prediction = predict(model, features)
    n = round(0.1 * prediction.attention[0].size)
    order = prediction.attention.reshape(len(features), -1).argsort(axis=1)
    rng = np.random.default_rng(0)
    random_order = np.stack([rng.permutation(row) for row in order])

    def change(cells: NDArray[np.int64]) -> float:
        removed = np.zeros((len(features), prediction.attention[0].size), np.bool_)
        np.put_along_axis(removed, cells, True, axis=1)
        shape = (len(features), len(NAMES), N_STEPS)
        bands = np.where(removed.reshape(shape).transpose(0, 2, 1)[..., None], 0.0, features.bands)
        without = predict(model, replace(features, bands=bands.astype(np.float32)))
        return float(np.abs(without.logits - prediction.logits).mean())

    most, least = change(order[:, -n:]), change(order[:, :n])
    random = change(random_order[:, :n])
    assert most > 2 * random
    assert most > 4 * least
