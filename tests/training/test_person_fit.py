"""Covariance encoder on people with a known effect: people held out, few electrodes, no effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_affect.eeg import CAPS, PopulationPrior, make_montage
from bci_affect.model import N_TANGENT, ModelSettings
from bci_affect.training.features import FeatureSet
from bci_affect.training.person import PersonWindows, draw_electrodes, pack, unpack
from bci_affect.training.person_fit import (
    draw_electrode_sets,
    grouped_vectors,
    windows_by_set,
)
from bci_affect.training.settings import ObjectiveSettings, TrainSettings
from bci_affect.training.trainer import fit, predict

CAP = make_montage(CAPS["epoc"])
N, N_BANDS, SAMPLES, TRIALS, REST = len(CAP), 2, 200, 12, 8
SETTINGS = TrainSettings(
    model=ModelSettings(
        encoder="covariance", n_bands=N_BANDS, n_steps=2, width=8, hidden=8, space=8, music_dim=4
    ),
    objective=ObjectiveSettings(emotion_eeg=1, emotion_music=0, contrastive=0),
    linear_only=True,
    electrode_sets=4,
    rest_low=("arousal",),
)


def people(n_people: int, seed: int, effect: float = 0.5) -> FeatureSet:
    """Each person has a mixing and an alpha of their own; arousal lowers alpha by `effect` nats.

    Rest lies between the two states, nearer to low arousal.
    """
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(7).normal(size=(N, N)) + 3 * np.eye(N)

    def window(mixing: np.ndarray, level: float) -> np.ndarray:
        x = rng.normal(size=(N_BANDS, SAMPLES, N))
        x[1, :, 6:] *= np.exp(-level)  # the second band, sources at the back
        x = x @ mixing
        x -= x.mean(axis=2, keepdims=True)
        return x.transpose(0, 2, 1) @ x

    sums, rest, labels = [], [], []
    for _ in range(n_people):
        mixing = 5 * np.exp(0.3 * rng.normal()) * (common + 0.5 * rng.normal(size=(N, N)))
        rest.append(pack(np.stack([window(mixing, 0.2 * effect) for _ in range(REST)])))
        high = rng.permutation(TRIALS) % 2
        sums += [window(mixing, effect * one + 0.05 * rng.normal()) for one in high]
        labels += list(high)
    n = n_people * TRIALS
    subject = np.repeat(np.arange(n_people), TRIALS)
    both = np.full((n, 2), np.nan, np.float32)
    both[:, 1] = labels
    counts = np.full((REST, N), SAMPLES)
    return FeatureSet(
        bands=np.zeros((n, 2, N, N_BANDS), np.float32),
        mask=np.ones((n, N), np.bool_),
        positions=CAP.positions[None],
        montage=np.zeros(n, np.int64),
        labels=both,
        music=np.zeros((n, 0), np.float32),
        music_labels=np.full((n, 2), np.nan, np.float32),
        trial=np.arange(n),
        subject=subject,
        session=subject,
        stimulus=np.full(n, -1),
        time_s=np.zeros(n, np.float32),
        person=PersonWindows(
            pack(np.stack(sums)), np.full((n, N), SAMPLES), tuple(rest), (counts,) * n_people
        ),
    )


def balanced(logits: np.ndarray, labels: np.ndarray) -> float:
    high = labels[:, 1] == 1
    return float(((logits[high, 1] > 0).mean() + (logits[~high, 1] <= 0).mean()) / 2)


@pytest.fixture(scope="module")
def fitted():
    return fit(people(10, seed=0), None, SETTINGS, seed=0)


def test_people_that_the_model_has_never_seen(fitted):
    test = people(5, seed=1)
    prediction = predict(fitted.model, test, fitted.rest_calibration)
    assert balanced(prediction.logits, test.labels) > 0.85


def test_few_electrodes_have_a_threshold_of_their_own(fitted):
    assert [one.electrodes for one in fitted.rest_calibration] == [4, 8, 14]
    test = people(5, seed=1)
    few = test.mask.copy()
    few[:, [i for i in range(N) if i not in (1, 5, 6, 7, 8)]] = False
    prediction = predict(fitted.model, replace(test, mask=few), fitted.rest_calibration)
    assert balanced(prediction.logits, test.labels) > 0.7


def test_nothing_is_found_where_there_is_nothing():
    none = fit(people(8, seed=2, effect=0.0), None, SETTINGS, seed=0)
    test = people(10, seed=3, effect=0.0)
    assert (
        0.3 < balanced(predict(none.model, test, none.rest_calibration).logits, test.labels) < 0.7
    )


def test_electrode_sets_are_real_headsets_or_of_any_size():
    positions = make_montage(CAPS["cap32"]).positions
    rng = np.random.default_rng(0)
    drawn = [draw_electrodes(positions, 4, rng) for _ in range(200)]
    sizes = np.array([one.sum() for one in drawn])
    assert sizes.min() >= 3
    assert sizes.max() > 25
    distinct, counts = np.unique(np.stack(drawn), axis=0, return_counts=True)
    assert (counts > 20).sum() >= 2  # Muse, Cyton, EPOC come again and again
    assert len(distinct) > 50


def test_packed_sums_are_those_that_were_packed():
    sums = np.random.default_rng(0).normal(size=(3, 2, 5, 5))
    sums = sums + sums.swapaxes(-1, -2)
    np.testing.assert_allclose(unpack(pack(sums)), sums, rtol=1e-6)


def test_ablations_share_the_electrode_sets_of_the_complete_fit():
    train, test = people(8, seed=4), people(4, seed=5)
    sets = draw_electrode_sets(train, SETTINGS, seed=0)
    complete = fit(train, None, SETTINGS, seed=0)
    shared = fit(train, None, SETTINGS, seed=0, sets=sets)
    for one, other in zip(complete.model.parameters(), shared.model.parameters(), strict=True):
        np.testing.assert_array_equal(one.detach(), other.detach())
    half = N_BANDS * N_TANGENT
    for block, unused in (("covariance", slice(half, None)), ("power", slice(half))):
        settings = SETTINGS.model_copy(update={"person_blocks": (block,)})
        result = fit(train, None, settings, seed=0, sets=sets)
        assert not result.model.encoder.many.weight[:2, unused].any()
        prediction = predict(result.model, test, result.rest_calibration)
        assert balanced(prediction.logits, test.labels) > 0.75
    assert len(sets.complete().rows) == 8
    turned = replace(train, labels=1 - train.labels)
    result = fit(turned, None, SETTINGS, seed=0, sets=sets.with_labels(turned))
    prediction = predict(result.model, test, result.rest_calibration)
    assert balanced(prediction.logits, 1 - test.labels) > 0.75


def test_the_joint_fit_sees_the_features_of_the_electrodes_it_masks():
    """Every window is trained with the electrodes of a set, and with features of these alone."""
    train = people(3, seed=6)
    sets = draw_electrode_sets(train, SETTINGS, seed=0)
    vectors, chosen = windows_by_set(sets, train)
    prior = PopulationPrior(sets.population)
    for number, electrodes in enumerate(chosen):
        only = replace(train, mask=train.mask & electrodes)
        np.testing.assert_allclose(vectors[number], grouped_vectors(only, prior)[0], atol=1e-5)
    assert chosen[0].all()
    assert not chosen[1:].all()


def test_the_joint_fit_is_kept_only_if_it_is_better_on_validation_people():
    train, valid, test = people(8, seed=4), people(3, seed=7), people(5, seed=5)
    settings = SETTINGS.model_copy(update={"linear_only": False, "epochs": 3})
    linear = fit(train, valid, SETTINGS, seed=0)
    joint = fit(train, valid, settings, seed=0)
    assert len(joint.history) == 3
    assert all(np.isfinite(record.valid_loss) for record in joint.history)
    logits = {
        name: predict(one.model, test, one.rest_calibration).logits
        for name, one in (("linear", linear), ("joint", joint))
    }
    found = {name: balanced(value, test.labels) for name, value in logits.items()}
    assert found["joint"] > 0.85
    if joint.best_epoch == 0:
        np.testing.assert_allclose(logits["joint"], logits["linear"], atol=1e-5)
