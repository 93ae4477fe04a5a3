"""Common space of EEG and music: linear start, centring per modality, and the probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bci_affect.model import AffectModel, ModelSettings
from bci_affect.training.common_space import centre_modalities, start_aligned
from bci_affect.training.corpus import build_catalogue
from bci_affect.training.interpretability import domain_separability
from bci_affect.training.settings import ObjectiveSettings, TrainSettings
from bci_affect.training.trainer import fit, predict
from tests.training.synthetic import make_data

SETTINGS = TrainSettings(
    model=ModelSettings(music_dim=6, width=16, hidden=8, space=8), epochs=4, batch_size=32
)


def probe(settings: TrainSettings) -> float:
    """Train on some people and probe the common space with others."""
    train, test = make_data(seed=0), make_data(seed=1)
    model = fit(train, make_data(seed=2, n_trials=16), settings, seed=0).model
    found = domain_separability(
        model, test, predict(model, test).embedding, build_catalogue(test), seed=0
    )
    return found["after"]


def test_eeg_and_music_share_the_space_after_training() -> None:
    assert probe(SETTINGS) <= 0.7
    assert probe(SETTINGS.model_copy(update={"aligned_start": False})) >= 0.9


def test_the_music_branch_starts_as_log_odds_of_its_emotion() -> None:
    data = make_data()
    model = AffectModel(SETTINGS.model).eval()
    assert start_aligned(model, data)
    catalogue = build_catalogue(data)
    with torch.inference_mode():
        out = model.project_music(torch.from_numpy(catalogue.embeddings))
    assert ((out.common[:, :2].numpy() > 0) == (catalogue.labels > 0.5)).mean() > 0.95
    np.testing.assert_array_equal(out.common[:, 2:], 0)


def test_no_start_without_labels_of_the_music_or_with_an_activation() -> None:
    data = make_data()
    unlabelled = replace(data, music_labels=np.full_like(data.music_labels, np.nan))
    curved = SETTINGS.model.model_copy(update={"shared_activation": True})
    for settings, given in ((SETTINGS.model, unlabelled), (curved, data)):
        model = AffectModel(settings)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert not start_aligned(model, given)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_centring_moves_both_modalities_and_no_log_odds() -> None:
    torch.manual_seed(0)
    data = make_data(n_trials=8)
    model = AffectModel(SETTINGS.model).eval()
    bands, mask = torch.from_numpy(data.bands), torch.from_numpy(data.mask)
    inputs = (bands, mask, torch.from_numpy(data.positions))
    music = torch.from_numpy(data.music)
    with torch.inference_mode():
        before = model(*inputs), model.project_music(music)
    centre_modalities(model, before[0].common, before[1].common)
    with torch.inference_mode():
        after = model(*inputs), model.project_music(music)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new.logits, old.logits, atol=1e-4, rtol=0)
        assert new.common.mean(dim=0).norm() < 0.7 * old.common.mean(dim=0).norm()
    gap = [(eeg.common - tune.common).mean(dim=0).norm() for eeg, tune in (before, after)]
    assert gap[1] < 0.5 * gap[0]


@pytest.mark.parametrize("centre", ["rest", "past"])
def test_predictions_depend_on_earlier_trials_only(centre: str) -> None:
    data = make_data(n_trials=16)
    model = fit(data, None, SETTINGS.model_copy(update={"epochs": 1}), seed=0).model
    late = data.trial >= 8
    changed = replace(data, bands=np.where(late[:, None, None, None], 5.0, data.bands))
    one, other = (predict(model, given, centre=centre) for given in (data, changed))
    np.testing.assert_allclose(one.logits[~late], other.logits[~late], atol=1e-5)
    assert not np.allclose(one.logits[late], other.logits[late])


def test_past_predictions_lose_what_all_trials_of_a_person_share() -> None:
    """A person whose EEG is shifted for good is read as well as others, once trials have passed."""
    train = make_data(seed=0, n_trials=80)
    objective = ObjectiveSettings(emotion_music=0, contrastive=0)
    settings = SETTINGS.model_copy(update={"epochs": 1, "objective": objective})
    model = fit(train, None, settings, seed=0).model
    test = make_data(seed=1, n_trials=80)
    shifted = replace(
        test,
        bands=test.bands + np.float32([0, 0, 1.5, 0, 0]),
        subject=np.zeros_like(test.subject),  # one person with all moods
    )
    late = test.trial >= 40
    high = test.labels[late] > 0.5
    right = {
        centre: (predict(model, shifted, centre=centre).logits[late] > 0) == high
        for centre in ("rest", "past")
    }
    assert right["past"].mean() > 0.85
    assert right["past"].mean() > right["rest"].mean() + 0.1
