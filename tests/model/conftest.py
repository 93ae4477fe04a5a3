"""Small models and windows shared by the tests of the model room."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bci_affect.model import ENCODERS, AffectModel, ModelCard, ModelSettings

N_CHANNELS, N_STEPS, N_BANDS = 8, 12, 5


def small_settings(encoder: str, **changes: object) -> ModelSettings:
    fixed = 0 if ENCODERS[encoder].any_montage else N_CHANNELS
    values = {"encoder": encoder, "width": 16, "hidden": 12, "space": 8, "music_dim": 6}
    return ModelSettings(**{**values, "n_channels": fixed, **changes})  # type: ignore[arg-type]


def small_card(**changes: object) -> ModelCard:
    values: dict[str, object] = {
        "name": "small",
        "summary": "A test.",
        "simulated": True,
        "bands": {f"b{i}": (float(i + 1), float(i + 2)) for i in range(N_BANDS)},
        "window_s": 6.0,
        "step_s": 0.5,
        "hop_s": 0.125,
        "prior_mean": (1.0,) * N_BANDS,
        "prior_sd": (0.5,) * N_BANDS,
        "metrics": {"valence": {"balanced_accuracy": 0.7, "trials": 40}},
    }
    return ModelCard(**{**values, **changes})  # type: ignore[arg-type]


def small_model(encoder: str, seed: int = 0, **changes: object) -> AffectModel:
    torch.manual_seed(seed)
    return AffectModel(small_settings(encoder, **changes)).eval()


def windows(n: int = 6, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Return bands, mask (some electrodes masked) and positions of `n` windows."""
    g = torch.Generator().manual_seed(seed)
    bands = torch.randn(n, N_STEPS, N_CHANNELS, N_BANDS, generator=g)
    mask = torch.rand(n, N_CHANNELS, generator=g) < 0.8
    mask[:, 0] = True
    directions = torch.randn(N_CHANNELS, 3, generator=g)
    positions = 0.09 * torch.nn.functional.normalize(directions, dim=-1)
    return bands, mask, positions[None]


@pytest.fixture(params=sorted(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> str:
    """Return each registered encoder's name in turn."""
    return str(request.param)
