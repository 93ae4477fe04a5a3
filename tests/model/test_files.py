"""Saving and loading of model files, and the errors for invalid ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from bci_affect.errors import BciAffectError
from bci_affect.model import load_model, save_model
from tests.model.conftest import small_card, small_model, windows


def rewrite(path: Path, drop: str = "", **metadata: str) -> None:
    """Change a saved model's metadata or drop a tensor."""
    with safe_open(path, framework="pt") as file:
        kept = {**file.metadata(), **metadata}
    save_file({k: v for k, v in load_file(path).items() if k != drop}, path, metadata=kept)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "m.safetensors"
    save_model(path, small_model("streaming"), small_card())
    return path


def test_weights_and_card_survive_a_round_trip(encoder: str, tmp_path: Path) -> None:
    path, model = tmp_path / "m.safetensors", small_model(encoder)
    save_model(path, model, small_card())
    loaded, card = load_model(path)
    assert card == small_card()
    assert loaded.settings == model.settings
    torch.testing.assert_close(loaded(*windows()).logits, model(*windows()).logits)
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]  # no partial file is left


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "other"}, "not a model of bci_affect"),
        ({"format_version": "99"}, "version 99"),
        ({"settings": "{"}, "cannot be read"),
        ({"card": json.dumps({"name": "x"})}, "cannot be read"),
        ({"settings": '{"space": 9}'}, "should be"),
        ({"drop": "heads.bias"}, "heads.bias"),
    ],
)
def test_inconsistent_files_are_refused_in_one_line(
    saved: Path, changes: dict[str, str], reason: str
) -> None:
    rewrite(saved, **changes)
    with pytest.raises(BciAffectError, match=reason) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def test_bands_that_do_not_fit_the_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, small_model("streaming"), small_card(bands={"alpha": (8.0, 13.0)}))
    with pytest.raises(BciAffectError, match="names 1 bands"):
        load_model(path)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    model = small_model("streaming")
    with torch.no_grad():
        model.heads.bias.fill_(float("nan"))
    save_model(tmp_path / "m.safetensors", model, small_card())
    with pytest.raises(BciAffectError, match="NaN"):
        load_model(tmp_path / "m.safetensors")


def test_flipped_bit_in_a_weight_is_detected(saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    with pytest.raises(BciAffectError, match="checksum"):
        load_model(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window_s", "x"), ("step_s", [0.5, 0.5]), ("hop_s", 0.3), ("bands", 0.5), ("signal", 3),
        ("bands", {f"b{i}": [i + 2.0, i + 1.0] for i in range(5)}), ("prior_mean", [1.0]),
        ("prior_sd", [0.0] * 5), ("prior_sd", [1e300] * 5), ("prior_mean", {"a": 1}),
        ("name", None), ("hop_s", 1e-320),
    ],
)  # fmt: skip
def test_invalid_card_values_are_refused(saved: Path, key: str, value: object) -> None:
    with safe_open(saved, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
    rewrite(saved, card=json.dumps(card | {key: value}))
    with pytest.raises(BciAffectError) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)
    assert "checksum" not in str(caught.value)  # the message names the actual reason


def test_absent_damaged_and_foreign_files_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="no model file"):
        load_model(tmp_path / "absent.safetensors")
    content = saved.read_bytes()
    for damaged in (b"", b"not a model", content[: len(content) // 2]):
        saved.write_bytes(damaged)
        with pytest.raises(BciAffectError, match="not a readable model file"):
            load_model(saved)


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    with pytest.raises(BciAffectError, match="Cannot write"):
        save_model(blocker / "m.safetensors", small_model("streaming"), small_card())


def test_importing_the_room_does_not_import_torch() -> None:
    code = "import sys, bci_affect.model; assert 'torch' not in sys.modules; "
    code += "bci_affect.model.AffectModel; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_order_of_bands_is_kept(tmp_path: Path) -> None:
    bands = {"delta": (1.0, 4.0), "theta": (4.0, 8.0), "alpha": (8.0, 13.0), "b": (13.0, 30.0)}
    prior = (1.0,) * len(bands)
    card = small_card(bands=bands, signal={"bands": bands}, prior_mean=prior, prior_sd=prior)
    save_model(tmp_path / "m.safetensors", small_model("streaming", n_bands=4), card)
    loaded = load_model(tmp_path / "m.safetensors")[1]
    assert list(loaded.bands) == list(bands)
    assert list(loaded.signal["bands"]) == list(bands)
