"""Trainer: learning, reproducibility, early stopping, and validation of its input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bci_affect.errors import BciAffectError
from bci_affect.model import ModelSettings
from bci_affect.model.streaming import StreamingEncoder
from bci_affect.training.features import FeatureSet
from bci_affect.training.settings import ObjectiveSettings, TrainSettings
from bci_affect.training.trainer import fit, predict
from bci_affect.training.windows import WindowTensors, augment
from tests.training.synthetic import NAMES, make_data

SMALL = ModelSettings(width=16, hidden=12, space=8, music_dim=6)


def small(**changes: Any) -> TrainSettings:
    values: dict[str, Any] = {"model": SMALL, "epochs": 8, "batch_size": 32, "learning_rate": 1e-2}
    return TrainSettings(**{**values, **changes})


def accuracy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray(((logits > 0) == (labels > 0.5)).mean(axis=0))


@pytest.mark.parametrize(("encoder", "least"), [("streaming", 0.9), ("paper", 0.7)])
def test_accuracy_with_and_without_an_effect(encoder: str, least: float) -> None:
    model = SMALL.model_copy(
        update={"encoder": encoder, "n_channels": len(NAMES) if encoder == "paper" else 0}
    )
    settings = small(model=model, epochs=12, electrode_dropout=0.5 if not model.n_channels else 0)
    held_out = make_data(seed=5)
    found = fit(make_data(n_trials=80), None, settings, seed=0)
    assert (accuracy(predict(found.model, held_out).logits, held_out.labels) > least).all()

    no_effect = replace(make_data(effect=0.0), music=np.full((240, 6), np.nan, np.float32))
    test = make_data(effect=0.0, seed=5)
    chance = accuracy(
        predict(fit(no_effect, None, settings, seed=0).model, test).logits, test.labels
    )
    assert (np.abs(chance - 0.5) < 0.15).all()


def test_eeg_embeddings_are_similar_to_the_music_played() -> None:
    settings = small(epochs=15, objective=ObjectiveSettings(contrastive=1.0))
    found = fit(make_data(effect=2.0), None, settings, seed=0).model
    held_out = make_data(effect=2.0, seed=5)
    eeg = predict(found, held_out).embedding
    with torch.inference_mode():
        music = found.project_music(torch.from_numpy(held_out.music)).embedding.numpy()
    similarity = eeg @ music.T
    equal = (held_out.labels[:, None] == held_out.labels[None]).all(axis=-1)
    assert similarity[equal].mean() > similarity[~equal].mean() + 0.5


def test_seed_determines_the_model_and_global_random_state_is_kept() -> None:
    before = torch.random.get_rng_state()
    one, two = (fit(make_data(), make_data(seed=2), small(epochs=2), seed=3) for _ in range(2))
    other = fit(make_data(), make_data(seed=2), small(epochs=2), seed=4)
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, two.model.state_dict()[name])
    assert [r.train for r in one.history] == [r.train for r in two.history]
    assert one.history[0].train != other.history[0].train
    assert torch.equal(before, torch.random.get_rng_state())


def inverted_labels() -> FeatureSet:
    data = make_data(seed=2)
    return replace(data, labels=1 - data.labels, music_labels=1 - data.music_labels)


def test_the_epoch_is_chosen_on_validation_data() -> None:
    settings = small(
        epochs=10,
        patience=2,
        objective=ObjectiveSettings(contrastive=0.0),
        electrode_dropout=0.0,
        linear_start=False,
    )
    stopped = fit(make_data(), inverted_labels(), settings, seed=0)
    assert (
        len(stopped.history) == stopped.best_epoch + 2
    )  # training only raises the validation loss
    assert stopped.history[stopped.best_epoch - 1].best
    losses = [record.valid_loss for record in stopped.history]
    assert min(losses) == losses[stopped.best_epoch - 1]
    assert len(fit(make_data(), None, settings, seed=0).history) == 10


def test_linear_initialisation_is_kept_if_training_does_not_improve_it() -> None:
    """The initial model is as accurate as a converged logistic regression."""
    eeg = ObjectiveSettings(emotion_eeg=1, emotion_music=0, contrastive=0)
    settings = small(epochs=2, patience=1, objective=eeg, learning_rate=1.0)
    train, valid, held_out = (
        make_data(effect=0.3),
        make_data(seed=2),
        make_data(seed=5, effect=0.3),
    )
    kept = fit(train, valid, settings, seed=0)
    assert kept.best_epoch == 0  # a rate of 1 destroys the weights, so the initial model is best
    encoder = kept.model.encoder
    assert isinstance(encoder, StreamingEncoder)
    assert not encoder.out.weight.any()

    def fields(data: FeatureSet) -> np.ndarray:
        positions = torch.from_numpy(data.positions)
        field = encoder.field(torch.from_numpy(data.bands), torch.from_numpy(data.mask), positions)
        return encoder.scale_field(field).detach().numpy()

    from sklearn.linear_model import LogisticRegression

    logits = predict(kept.model, held_out).logits
    for target in range(2):
        y = held_out.labels[:, target] > 0.5
        reference = LogisticRegression(C=0.1).fit(fields(train), train.labels[:, target] > 0.5)
        assert ((logits[:, target] > 0) == y).mean() > reference.score(fields(held_out), y) - 0.03


def test_training_continues_from_a_given_model() -> None:
    first = fit(make_data(), None, small(epochs=12), seed=0)
    before = {k: v.clone() for k, v in first.model.state_dict().items()}
    further = fit(make_data(seed=1), None, small(epochs=1), seed=1, start=first.model)
    fresh = fit(make_data(seed=1), None, small(epochs=1, linear_start=False), seed=1)
    assert further.history[0].train["emotion_eeg"] < fresh.history[0].train["emotion_eeg"] - 0.2
    assert all(torch.equal(v, first.model.state_dict()[k]) for k, v in before.items())


@pytest.mark.parametrize(
    ("objective", "terms"),
    [
        ({"emotion_music": 0.0, "contrastive": 0.0}, {"emotion_eeg"}),
        ({"contrastive": 0.0}, {"emotion_eeg", "emotion_music"}),
        ({"domain": 0.1}, {"emotion_eeg", "emotion_music", "contrastive", "domain"}),
        ({"emotion_eeg": 0.0, "emotion_music": 0.0}, {"contrastive"}),
    ],
)
def test_terms_of_weight_zero_are_not_computed(
    objective: dict[str, float], terms: set[str]
) -> None:
    settings = small(epochs=1, objective=ObjectiveSettings(**objective))  # type: ignore[arg-type]
    record = fit(make_data(n_trials=8), None, settings, seed=0).history[0]
    assert set(record.train) == terms | {"total"}


def test_bfloat16_autocast_learns_and_keeps_float32_weights() -> None:
    objective = ObjectiveSettings(domain=0.1)
    settings = small(epochs=4, bf16="on", objective=objective, linear_start=False)
    found = fit(make_data(), make_data(seed=2), settings, seed=0)
    held_out = make_data(seed=5)
    assert (accuracy(predict(found.model, held_out).logits, held_out.labels) > 0.85).all()
    assert {p.dtype for p in found.model.parameters()} == {torch.float32}


def test_missing_labels_and_music_are_ignored() -> None:
    part = make_data()
    labels, music = part.labels.copy(), part.music.copy()
    labels[::2, 0] = np.nan
    labels[::3] = np.nan
    music[1::2] = np.nan
    found = fit(replace(part, labels=labels, music=music), None, small(), seed=0)
    held_out = make_data(seed=5)
    assert (accuracy(predict(found.model, held_out).logits, held_out.labels) > 0.85).all()


def test_last_batch_of_one_window_is_skipped() -> None:
    data = make_data(n_trials=6, per_trial=6).select(np.arange(33))
    history = fit(data, None, small(epochs=1, batch_size=32), seed=0).history
    assert np.isfinite(history[0].train["total"])


def test_electrode_dropout_keeps_the_minimum() -> None:
    data = WindowTensors(make_data(), torch.device("cpu"))
    settings = small(electrode_dropout=0.9, min_electrodes=3)
    mask = data.mask.clone()
    mask[:, :5] = False
    mask[0] = False
    mask[0, 7] = True
    bands, _, _ = data.eeg(torch.arange(len(data)))
    _, left = augment(bands, mask, settings, torch.Generator().manual_seed(0))
    assert not (left & ~mask).any()
    kept = left.sum(dim=1)
    assert kept[0] == 1
    assert kept[1:].min() == 3
    assert kept[1:].max() == 7


def test_predictions_of_an_empty_set_are_empty() -> None:
    found = fit(make_data(n_trials=4), None, small(epochs=1), seed=0)
    full = make_data(n_trials=4)
    empty = full.select(np.zeros(0, np.int64))
    assert predict(found.model, empty).logits.shape == (0, 2)
    assert predict(found.model, empty).attention.shape == (0, len(NAMES), 12)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bands": np.zeros((240, 11, 12, 5), np.float32)}, "11 steps"),
        ({"bands": np.full((240, 12, 12, 5), np.nan, np.float32)}, "NaN"),
        ({"music": np.zeros((240, 5), np.float32)}, "5 dimensions"),
        (
            {
                "labels": np.full((240, 2), np.nan, np.float32),
                "music": np.full((240, 6), np.nan, np.float32),
            },
            "Nothing can be learned",
        ),
    ],
)
def test_invalid_data_are_refused_before_training(
    change: dict[str, np.ndarray], reason: str
) -> None:
    with pytest.raises(BciAffectError, match=reason):
        fit(replace(make_data(), **change), None, small(), seed=0)  # type: ignore[arg-type]


def test_initial_model_of_another_shape_and_missing_device_are_refused() -> None:
    other = fit(make_data(n_trials=4), None, small(epochs=1), seed=0).model
    with pytest.raises(BciAffectError, match="another shape"):
        fit(
            make_data(),
            None,
            small(model=SMALL.model_copy(update={"space": 4})),
            seed=0,
            start=other,
        )
    if not torch.cuda.is_available():
        with pytest.raises(BciAffectError, match="CUDA"):
            fit(make_data(), None, small(device="cuda"), seed=0)
