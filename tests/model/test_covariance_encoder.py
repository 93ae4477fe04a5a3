"""Covariance encoder: a linear map of person features at first, and what the card makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bci_affect.eeg import covariance as eeg_covariance
from bci_affect.eeg import sites
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor, load_model, save_model
from bci_affect.model.card import RestCalibration, RestScore
from bci_affect.model.covariance import FEW_ELECTRODES, N_PERSON, N_SITES, N_TANGENT
from tests.model.conftest import N_BANDS, small_card, small_model, windows


def person(n: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, N_BANDS * N_PERSON, generator=torch.Generator().manual_seed(seed))


def test_sizes_are_those_of_the_signal_path():
    assert (N_SITES, N_TANGENT) == (sites.N_SITES, eeg_covariance.N_TANGENT)
    assert N_PERSON == N_TANGENT + sites.N_HARMONICS


def test_the_network_begins_as_a_linear_model_of_the_person_features():
    model = small_model("covariance")
    bands, mask, positions = windows(4)
    x, y = person(4), person(4, seed=4)
    out = model(bands, mask, positions, x).logits
    other_bands, _, _ = windows(4, seed=9)
    assert torch.equal(out, model(other_bands, mask, positions, x).logits)
    middle = model(bands, mask, positions, (x + y) / 2).logits
    both = (out + model(bands, mask, positions, y).logits) / 2
    torch.testing.assert_close(middle, both, atol=1e-5, rtol=1e-4)


def test_attention_adds_once_the_gate_opens_and_its_gradient_opens_it():
    model = small_model("covariance")
    bands, mask, positions = windows(4)
    model.train()
    model(bands, mask, positions, person(4)).logits.square().sum().backward()
    assert model.encoder.gate.grad.abs() > 0
    model.eval()
    before = model(bands, mask, positions, person(4)).logits
    with torch.no_grad():
        model.encoder.gate.fill_(1.0)
    assert not torch.allclose(before, model(bands, mask, positions, person(4)).logits)


def test_few_and_many_electrodes_have_their_own_weights():
    model = small_model("covariance")
    bands, mask, positions = (
        torch.cat([x, x], dim=i) for i, x in zip((2, 1, 1), windows(2), strict=True)
    )
    x = person(2)
    for n, layer in ((FEW_ELECTRODES, model.encoder.few), (FEW_ELECTRODES + 1, model.encoder.many)):
        some = torch.arange(mask.shape[1])[None] < torch.full((2, 1), n)
        before = model(bands, some, positions, x).logits
        with torch.no_grad():
            layer.weight.add_(1.0)
        assert not torch.allclose(before, model(bands, some, positions, x).logits)


@pytest.mark.parametrize("gate", [0.0, 0.7])
def test_numpy_inference_equals_torch(gate):
    model = small_model("covariance")
    with torch.no_grad():
        model.encoder.gate.fill_(gate)
        model.encoder.feature_scale.fill_(2.5)
    bands, mask, positions = windows(5)
    x = person(5)
    expected = model(bands, mask, positions, x)
    got = Predictor((model, small_card())).predict_many(
        bands.numpy(), mask.numpy(), positions[0].numpy(), x.numpy()
    )
    np.testing.assert_allclose(got.logits, expected.logits.detach(), atol=1e-5)
    np.testing.assert_allclose(got.embedding, expected.embedding.detach(), atol=1e-5)
    np.testing.assert_allclose(got.attention, expected.attention.detach(), atol=1e-6)


def test_weights_of_the_person_features_give_the_logits():
    model = small_model("covariance")
    predictor = Predictor((model, small_card()))
    bands, mask, positions = (x.numpy() for x in windows(1))
    x = person(1).numpy()[0]
    zero = predictor.predict(bands[0], mask[0], positions[0]).logits
    got = predictor.predict(bands[0], mask[0], positions[0], x).logits
    weights = predictor.person_weights(int(mask.sum()))
    np.testing.assert_allclose(got - zero, weights @ x, atol=1e-4)
    with pytest.raises(BciAffectError, match="not linear"):
        Predictor((small_model("streaming"), small_card())).person_weights(8)


def test_a_file_keeps_prior_and_calibration_and_version_1_still_loads(tmp_path: Path):
    model = small_model("covariance")
    with torch.no_grad():
        model.encoder.population.mul_(3.0)
    rows = (RestCalibration(4, (0.1, 0.2), (1.0, 2.0)), RestCalibration(19, (0.3, 0.4), (1.0, 1.0)))
    save_model(tmp_path / "new.safetensors", model, small_card(rest_calibration=rows))
    predictor = Predictor(tmp_path / "new.safetensors")
    assert predictor.card.rest_calibration == rows
    np.testing.assert_array_equal(
        predictor.population, np.tile(3 * np.eye(N_SITES), (N_BANDS, 1, 1))
    )
    old = tmp_path / "old.safetensors"
    save_model(old, small_model("streaming"), small_card())
    data = old.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["format_version"] = "1"
    text = json.dumps(header).encode()
    old.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    assert load_model(old)[1].rest_calibration == ()
    assert not Predictor(old).needs_person


def test_the_nearest_number_of_electrodes_sets_the_threshold():
    rows = (RestCalibration(4, (1.0, 0.0), (2.0, 1.0)), RestCalibration(19, (0.0, 3.0), (1.0, 1.0)))
    card, none = small_card(rest_calibration=rows), RestScore(np.zeros(2), np.ones(2))
    logits = np.array([[1.5, 3.5]])
    np.testing.assert_allclose(card.log_odds(logits, none, 4), [[1.0, 3.5]])
    np.testing.assert_allclose(card.log_odds(logits, none, 32), [[1.5, 0.5]])


def test_a_score_is_measured_from_rest_which_shrinks_with_its_length():
    rest = np.array([[1.0, 0.0]] * 6)
    score = RestScore.from_rest(rest)
    np.testing.assert_allclose(score.centre, [0.5, 0.0])
    np.testing.assert_allclose(score.spread, 0.3 / np.sqrt(2))
