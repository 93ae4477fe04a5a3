"""NumPy interface of the model, and its errors for features that do not match."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from tests.model.conftest import N_CHANNELS, N_STEPS, small_card, small_model, windows


def predictor(encoder: str = "streaming") -> Predictor:
    return Predictor((small_model(encoder), small_card()))


def test_predictions_equal_the_model_output(encoder: str) -> None:
    bands, mask, positions = windows(5)
    expected = small_model(encoder)(bands, mask, positions)
    one = predictor(encoder)
    many = one.predict_many(bands.numpy(), mask.numpy(), positions[0].numpy())
    np.testing.assert_allclose(many.logits, expected.logits.detach(), atol=1e-6)
    single = one.predict(bands[2].numpy(), mask[2].numpy(), positions[0].numpy())
    np.testing.assert_allclose(single.logits, many.logits[2], atol=1e-5)
    np.testing.assert_allclose(single.attention, many.attention[2], atol=1e-6)
    np.testing.assert_allclose(single.embedding, many.embedding[2], atol=1e-5)
    assert single.attention.shape == (N_CHANNELS, N_STEPS)
    assert single.attention.dtype == np.float32


def test_change_of_mask_or_montage_is_not_served_from_the_cache(encoder: str) -> None:
    """Terms that depend on mask and positions are cached; the key must include both."""
    model, cached = small_model(encoder), predictor(encoder)
    for seed in (1, 1, 2, 3, 1):
        bands, mask, positions = windows(3, seed)
        for b, m in zip(bands, mask, strict=True):
            expected = model(b[None], m[None], positions)
            got = cached.predict(b.numpy(), m.numpy(), positions[0].numpy())
            np.testing.assert_allclose(got.logits, expected.logits.detach()[0], atol=1e-5)
            np.testing.assert_allclose(got.attention, expected.attention.detach()[0], atol=1e-6)


def test_music_is_projected_into_the_same_space() -> None:
    one = predictor()
    music = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    projected = one.project_music(music)
    assert projected.shape == (4, one.space)
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, atol=1e-5)
    expected = small_model("streaming").project_music(torch.from_numpy(music)).logits
    np.testing.assert_allclose(one.music_logits(music), expected.detach(), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "encoder", "reason"),
    [
        ((N_STEPS, N_CHANNELS, 4), "streaming", "5 bands"),
        ((N_STEPS - 1, N_CHANNELS, 5), "streaming", "12 steps"),
        ((N_STEPS, 4, 5), "paper", "8 electrodes"),
    ],
)
def test_features_that_do_not_fit_are_refused(
    shape: tuple[int, int, int], encoder: str, reason: str
) -> None:
    with pytest.raises(BciAffectError, match=reason):
        predictor(encoder).predict(
            np.zeros(shape, np.float32), np.ones(shape[1], np.bool_), np.zeros((shape[1], 3))
        )


def test_music_features_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BciAffectError, match="tagger"):
        predictor().project_music(np.zeros((3, 5), np.float32))
