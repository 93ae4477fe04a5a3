"""An exported encoder gives torch's numbers in onnxruntime, and carries its card."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from bci_affect.errors import BciAffectError
from bci_affect.model import AffectModel, ModelCard, export_onnx, load_model
from bci_affect.resources import shipped
from tests.model.conftest import small_card, small_model


def check(path: Path, model: AffectModel, card: ModelCard, montages: tuple[int, ...]) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta["card"])["bands"] == {k: list(v) for k, v in card.bands.items()}
    assert json.loads(meta["settings"])["encoder"] == model.settings.encoder
    rng = np.random.default_rng(0)
    settings = model.settings
    for n, n_channels in enumerate(montages, start=1):
        shape = (n, settings.n_steps, n_channels, settings.n_bands)
        given = {
            "bands": rng.normal(size=shape).astype(np.float32),
            "mask": rng.random((n, n_channels)) > 0.2,
            "positions": rng.normal(0, 0.08, (1, n_channels, 3)).astype(np.float32),
        }
        with torch.inference_mode():
            expected = model.eval()(*map(torch.from_numpy, given.values()))
        used = {node.name: given[node.name] for node in session.get_inputs()}
        got = dict(zip(("embedding", "attention", "logits"), session.run(None, used), strict=True))
        for name, value in got.items():
            np.testing.assert_allclose(value, getattr(expected, name).numpy(), atol=1e-5)


def test_an_encoder_with_a_fixed_montage_is_equal_to_1e_5(tmp_path: Path) -> None:
    model, path = small_model("paper"), tmp_path / "paper.onnx"
    export_onnx(path, model, small_card())
    check(path, model, small_card(), (model.settings.n_channels,) * 3)
    with pytest.raises(BciAffectError, match="exists"):
        export_onnx(path, model, small_card())


@pytest.mark.skipif(
    not os.environ.get("BCI_AFFECT_SLOW_TESTS"), reason="20 s; set BCI_AFFECT_SLOW_TESTS=1"
)
def test_the_shipped_encoder_is_equal_to_1e_5_for_any_montage(tmp_path: Path) -> None:
    model, card = load_model(shipped("models/demo.safetensors"))
    path = tmp_path / "encoder.onnx"
    export_onnx(path, model, card)
    check(path, model, card, (4, 8, 32))
