"""Contract of every registered encoder; a newly registered one is tested automatically."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.errors import BciAffectError
from bci_affect.model import ENCODERS, AffectModel, ModelSettings
from tests.model.conftest import N_CHANNELS, N_STEPS, small_model, small_settings, windows


def test_shapes_and_unit_length(encoder: str) -> None:
    out = small_model(encoder)(*windows(5))
    assert out.embedding.shape == (5, 8)
    assert out.logits.shape == (5, 2)
    assert out.attention.shape == (5, N_CHANNELS, N_STEPS)
    torch.testing.assert_close(out.embedding.norm(dim=1), torch.ones(5))


def test_attention_sums_to_one_over_valid_electrodes_and_varies(encoder: str) -> None:
    bands, mask, positions = windows(5)
    attention = small_model(encoder)(bands, mask, positions).attention
    torch.testing.assert_close(attention.sum(dim=(1, 2)), torch.ones(5))
    assert (attention >= 0).all()
    assert (attention[~mask] == 0).all()
    assert attention[0][mask[0]].std() > 1e-5


def test_attention_carries_gradient(encoder: str) -> None:
    model = small_model(encoder)
    model(*windows(5)).attention[:, 0, 0].sum().backward()
    largest = [p.grad.abs().max() for p in model.parameters() if p.grad is not None]
    assert max(largest) > 1e-6  # a softmax over one score, as in the paper's code, gives exactly 0


def test_masked_electrodes_have_no_effect_even_if_nan(encoder: str) -> None:
    bands, mask, positions = windows(5)
    model = small_model(encoder)
    with_nan = bands.masked_fill(~mask[:, None, :, None], float("nan"))
    for a, b in zip(model(bands, mask, positions), model(with_nan, mask, positions), strict=True):
        torch.testing.assert_close(a, b)


def test_output_without_valid_electrodes_is_finite(encoder: str) -> None:
    bands, mask, positions = windows(3)
    out = small_model(encoder)(bands, torch.zeros_like(mask), positions)
    assert all(bool(part.isfinite().all()) for part in out)
    assert (out.attention == 0).all()


def test_output_does_not_depend_on_the_batch(encoder: str) -> None:
    bands, mask, positions = windows(6)
    model = small_model(encoder)
    batch, single = model(bands, mask, positions), model(bands[2:3], mask[2:3], positions)
    torch.testing.assert_close(batch.embedding[2:3], single.embedding, atol=1e-5, rtol=1e-4)


def test_seed_fixes_the_weights(encoder: str) -> None:
    same = small_model(encoder, 4)(*windows()).logits
    assert torch.equal(same, small_model(encoder, 4)(*windows()).logits)
    assert not torch.allclose(same, small_model(encoder, 5)(*windows()).logits)


def test_settings_round_trip_builds_the_same_shapes(encoder: str) -> None:
    original = small_settings(encoder)
    loaded = ModelSettings.model_validate_json(original.model_dump_json())
    assert loaded == original
    first, second = AffectModel(original).state_dict(), AffectModel(loaded).state_dict()
    assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in second.items()}


# Tracing torch's LSTM raises this warning.
@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")
def test_exported_graph_gives_the_same_output(encoder: str) -> None:
    model, example = small_model(encoder), windows(4)
    exported = torch.export.export(model, example)
    torch.testing.assert_close(exported.module()(*example).logits, model(*example).logits)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(order=st.permutations(range(N_CHANNELS)))
@pytest.mark.parametrize("name", [n for n in sorted(ENCODERS) if ENCODERS[n].any_montage])
def test_order_of_channels_does_not_matter(name: str, order: list[int]) -> None:
    bands, mask, positions = windows(4)
    model = small_model(name)
    plain = model(bands, mask, positions)
    permuted = model(bands[:, :, order], mask[:, order], positions[:, order])
    torch.testing.assert_close(permuted.embedding, plain.embedding, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(permuted.attention, plain.attention[:, order], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_one_montage_equals_the_same_montage_per_window(encoder: str, training: bool) -> None:
    bands, mask, positions = windows(4)
    model = small_model(encoder).train(training)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        once = model(bands, mask, positions[:1])
        torch.manual_seed(0)
        each = model(bands, mask, positions[:1].repeat(4, 1, 1))
    for a, b in zip(once, each, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    assert model(bands[:0], mask[:0], positions[:1]).logits.shape == (0, 2)


@pytest.mark.parametrize("name", [n for n in sorted(ENCODERS) if ENCODERS[n].any_montage])
def test_any_number_of_electrodes_and_padding(name: str) -> None:
    bands, _, positions = windows(3)
    model = small_model(name)
    few = model(bands[:, :, :4], torch.ones(3, 4, dtype=torch.bool), positions[:, :4])
    mask = torch.arange(N_CHANNELS).expand(3, -1) < 4
    torch.testing.assert_close(model(bands, mask, positions).logits, few.logits)
    nowhere = positions.clone()
    nowhere[:, 4:] = np.nan  # padding has no place
    torch.testing.assert_close(model(bands, torch.ones_like(mask), nowhere).logits, few.logits)


def test_unknown_encoder_and_missing_montage_are_refused() -> None:
    with pytest.raises(BciAffectError, match="streaming"):
        AffectModel(ModelSettings(encoder="transformer"))
    with pytest.raises(BciAffectError, match="n_channels"):
        AffectModel(ModelSettings(encoder="paper"))
