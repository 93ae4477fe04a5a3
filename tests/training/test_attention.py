"""Attention must be real (invariant 6): it finds what matters, and what it finds does matter."""

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
from tests.training.made import NAMES, planted

N_STEPS = 6


def bursts(n: int, seed: int) -> tuple[FeatureSet, NDArray[np.bool_], NDArray[np.bool_]]:
    """Windows with two bursts, each at one random electrode for two steps; one holds the label.

    That one is strong in band 4 whatever the label; band 1 (valence) and band 2 (arousal) rise or
    fall in it by the label. The other is as strong in band 3, and its bands 1 and 2 rise or fall by
    chance: whoever looks at what is large sees both, and only who knows the one from the other can
    know the label.

    Returns
    -------
    features : FeatureSet
    where, decoy : ndarray of bool, shape (n, n_channels, n_steps)
        Where the burst is that holds the label, and the other.
    """
    rng = np.random.default_rng(seed)
    blank = planted(n_trials=n, per_trial=1, effect=0.0)
    labels = rng.integers(0, 2, (n, 2)).astype(np.float32)
    bands = 0.5 * rng.standard_normal((n, N_STEPS, len(NAMES), 5))
    where, decoy = np.zeros((2, n, len(NAMES), N_STEPS), np.bool_)
    for window in range(n):
        electrode, elsewhere = rng.permutation(len(NAMES))[:2]
        step, other = rng.integers(N_STEPS - 1, size=2)
        where[window, electrode, step : step + 2] = True
        bands[window, step : step + 2, electrode, 4] += 3.0
        bands[window, step : step + 2, electrode, 1:3] += 4.0 * labels[window] - 2.0
        decoy[window, elsewhere, other : other + 2] = True
        bands[window, other : other + 2, elsewhere, 3] += 3.0
        bands[window, other : other + 2, elsewhere, 1:3] += rng.choice([-2.0, 2.0], 2)
    nothing = np.full((n, 2), np.nan, np.float32)
    made = replace(blank, bands=bands.astype(np.float32), labels=labels, music_labels=nothing)
    return made, where, decoy


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
def test_attention_finds_the_electrode_and_the_moment(encoder: str) -> None:
    features, where, decoy = bursts(200, 1)
    said = predict(trained(encoder), features)
    right = ((said.logits > 0) == (features.labels > 0.5)).mean()
    assert right > 0.9
    assert auc(where.ravel(), said.attention.ravel()) > 0.9
    # An untrained model's attention can point at whatever is large, but tells the two by chance.
    either = where | decoy
    assert auc(where[either], said.attention[either]) > 0.9


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_what_attention_points_to_matters_more_than_the_rest(encoder: str) -> None:
    """Blank the cells with most and with least attention, and as many random ones."""
    features, _, _ = bursts(200, 2)
    model = trained(encoder)
    said = predict(model, features)
    n = round(0.1 * said.attention[0].size)
    order = said.attention.reshape(len(features), -1).argsort(axis=1)
    rng = np.random.default_rng(0)
    anywhere = np.stack([rng.permutation(row) for row in order])

    def change(cells: NDArray[np.int64]) -> float:
        gone = np.zeros((len(features), said.attention[0].size), np.bool_)
        np.put_along_axis(gone, cells, True, axis=1)
        shape = (len(features), len(NAMES), N_STEPS)
        bands = np.where(gone.reshape(shape).transpose(0, 2, 1)[..., None], 0.0, features.bands)
        without = predict(model, replace(features, bands=bands.astype(np.float32)))
        return float(np.abs(without.logits - said.logits).mean())

    most, least, some = change(order[:, -n:]), change(order[:, :n]), change(anywhere[:, :n])
    assert most > 2 * some
    assert most > 4 * least
