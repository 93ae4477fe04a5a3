"""NumPy inference against the torch implementation of the streaming encoder."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bci_affect.model.streaming_inference import StreamingInference
from tests.model.conftest import N_BANDS, small_model


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 5),
    n_channels=st.integers(1, 12),
    n_steps=st.integers(1, 13),
    heads=st.integers(1, 4),
    paths=st.sampled_from([(True, True), (True, False), (False, True)]),
    activation=st.booleans(),
    montage_per_window=st.booleans(),
)
def test_it_equals_the_torch_implementation(
    seed: int,
    n: int,
    n_channels: int,
    n_steps: int,
    heads: int,
    paths: tuple[bool, bool],
    activation: bool,
    montage_per_window: bool,
) -> None:
    linear, attention = paths
    model = small_model(
        "streaming",
        seed,
        attention_heads=heads,
        linear_path=linear,
        attention_path=attention,
        shared_activation=activation,
    )
    g = torch.Generator().manual_seed(seed)
    for part in model.modules():  # random statistics, as after training
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean.normal_(generator=g)
            part.running_var.uniform_(0.01, 4.0, generator=g)
    bands = 2 * torch.randn(n, n_steps, n_channels, N_BANDS, generator=g)
    mask = torch.rand(n, n_channels, generator=g) < 0.6  # sometimes no electrode is valid
    positions = 0.1 * torch.randn(n if montage_per_window else 1, n_channels, 3, generator=g)
    positions[torch.rand(positions.shape[:2], generator=g) < 0.1] = torch.nan
    with torch.no_grad():
        expected = model(bands, mask, positions)
    got = StreamingInference(model).predict(bands.numpy(), mask.numpy(), positions.numpy())
    np.testing.assert_allclose(got.logits, expected.logits, atol=2e-5)
    np.testing.assert_allclose(got.embedding, expected.embedding, atol=2e-5)
    np.testing.assert_allclose(got.attention, expected.attention, atol=2e-6)


def test_a_batch_equals_single_windows() -> None:
    model = small_model("streaming")
    rng = np.random.default_rng(0)
    bands = rng.standard_normal((150, 12, 8, N_BANDS)).astype(np.float32)
    mask = np.ones((150, 8), np.bool_)
    mask[40:90, 3] = False
    positions = 0.1 * rng.standard_normal((1, 8, 3)).astype(np.float32)
    inference = StreamingInference(model)
    many = inference.predict(bands, mask, positions)
    for i in (0, 39, 40, 89, 90, 149):
        one = inference.predict(bands[i : i + 1], mask[i : i + 1], positions)
        np.testing.assert_allclose(one.logits[0], many.logits[i], atol=1e-6)
        np.testing.assert_allclose(one.attention[0], many.attention[i], atol=1e-7)
