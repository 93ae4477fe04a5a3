"""Model of real people: its card and page, and what it claims of a person without calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.eeg import CAPS, make_montage
from bci_affect.model import Predictor
from bci_affect.resources import shipped
from bci_affect.session.build import model_path
from bci_affect.training.person_fit import ElectrodeSetRows, noise_gram
from studies.base_model_page import page


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(shipped("models/base.safetensors"))


def test_card_and_page_match_the_model_file(predictor: Predictor) -> None:
    card = predictor.card
    assert not card.simulated
    assert predictor.needs_person
    for name in ("all", "epoc", "cyton", "muse"):
        assert card.metrics[name]["p"] < 0.01  # people held out
        assert card.metrics[name]["trials"] == 144
    text = shipped("models/base.md").read_text(encoding="utf-8")
    assert text == page(card)
    for licence in ("ODC-BY 1.0", "CC BY 4.0"):
        assert licence in text
    assert shipped("models/base.safetensors").stat().st_size < 1_000_000


def test_the_model_is_chosen_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_path(Path("base")) == shipped("models/base.safetensors")
    assert model_path(Path("other")) == Path("other")
    Path("base").touch()
    assert model_path(Path("base")) == Path("base")


@pytest.mark.parametrize("headset", ["muse", "cyton", "epoc", "cap32"])
def test_valence_is_left_open_and_music_is_not_preferred(
    predictor: Predictor, headset: str
) -> None:
    names = CAPS[headset]
    rng = np.random.default_rng(0)
    features = rng.standard_normal(7 * 316).astype(np.float32)
    prediction = predictor.predict(
        np.zeros((12, len(names), 7), np.float32),
        np.ones(len(names), np.bool_),
        make_montage(names).positions,
        features,
    )
    assert prediction.logits[0] == 0
    assert prediction.logits[1] != 0
    music = predictor.project_music(rng.standard_normal((3, 128)).astype(np.float32))
    np.testing.assert_allclose(music - music[0], 0, atol=1e-6)
    assert np.linalg.norm(music[0]) == pytest.approx(1)


def test_what_differs_between_electrode_sets_is_noise() -> None:
    rng = np.random.default_rng(0)
    n, trial = 7 * 316, np.repeat(np.arange(6), 2)
    state = rng.standard_normal((6, n))[trial]  # the same in both electrode sets
    rows = []
    for number in range(2):
        x = state.copy()
        x[:, 0] += 3.0 * number  # an artifact of the electrode set
        labels = np.full((len(x), 2), np.nan, np.float32)
        none = np.zeros((0, n), np.float32)
        x = x.astype(np.float32)
        chosen = np.ones(4, np.bool_)
        rows.append(ElectrodeSetRows(0, 4, number == 0, x, none, labels, trial, chosen))
    noise = np.diag(noise_gram(rows, np.ones(n)))
    assert noise[0] > 1
    assert noise[1:].max() < 1e-6
