"""Conditions of real recordings: gains that drift, states that last, coupling without power.

Effects are measured by linear probes on simulated people, with people held out: log power, the same
relative to the electrode's mean over bands, and the logarithm of the covariance matrix of each band
(tangent space), each minus the person's mean.
"""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bci_affect.eeg import make_montage
from bci_affect.simulation.person import CLEAN, Artifacts, SimulatedPerson
from bci_affect.simulation.simulator import EegSimulator, electrode_gain

RATE_HZ = 128.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "Fz", "T7", "T8", "C3", "C4", "P3", "P4", "Pz", "O1", "O2")
PLACES = make_montage(NAMES).positions
BANDS = ((4, 8), (8, 13), (13, 30), (30, 45))
Floats = NDArray[np.float64]


def simulator(seed: int = 0, *, gain_drift_db: float = 0.0, **person: float) -> EegSimulator:
    artifacts = dataclasses.replace(CLEAN, gain_drift_db=gain_drift_db)
    return EegSimulator(
        NAMES,
        PLACES,
        RATE_HZ,
        SimulatedPerson.draw(100 + seed, **person),
        seed,
        artifacts,
    )


def band_covariance(eeg: NDArray[np.floating]) -> Floats:
    """Covariance by band against the average reference, (n_bands, n_channels, n_channels)."""
    eeg = eeg - eeg.mean(axis=-2, keepdims=True)
    found = []
    for band in BANDS:
        sos = butter(4, band, "bandpass", fs=RATE_HZ, output="sos")
        x = sosfilt(sos, eeg, axis=-1)[..., round(RATE_HZ / 2) :]
        found.append(x @ np.swapaxes(x, -1, -2) / x.shape[-1])
    return np.stack(found, axis=-3)


@cache
def accuracies(**condition: float) -> dict[str, float]:
    """Balanced accuracy of each probe, mean of valence and arousal, on eight people held out."""
    features: dict[str, list[Floats]] = {"power": [], "relative": [], "tangent": []}
    labels = []
    for person in range(8):
        rng = np.random.default_rng([person, 7])
        high = rng.permuted(np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (6, 1)), axis=0)
        one = simulator(person, **condition)
        eeg = np.stack([one.block(round(8 * RATE_HZ), *mood) for mood in 0.7 * (2.0 * high - 1)])
        covariance = band_covariance(eeg)
        power = np.log(np.einsum("tbcc->tcb", covariance))
        scale = np.trace(covariance, axis1=2, axis2=3)[..., None, None] / len(NAMES)
        values, vectors = np.linalg.eigh(covariance + 1e-3 * scale * np.eye(len(NAMES)))
        logarithm = (vectors * np.log(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
        upper = np.triu_indices(len(NAMES))
        found = {
            "power": power,
            "relative": power - power.mean(axis=-1, keepdims=True),
            "tangent": logarithm[..., upper[0], upper[1]],
        }
        for name, value in found.items():
            flat = value.reshape(len(value), -1)
            features[name].append(flat - flat.mean(axis=0))
        labels.append(high)
    return {name: _held_out(people, labels) for name, people in features.items()}


def _held_out(people: list[Floats], labels: list[NDArray[np.int64]]) -> float:
    found = []
    for test in range(len(people)):
        train = [person for person in range(len(people)) if person != test]
        x = np.concatenate([people[person] for person in train])
        for column in range(2):
            y = np.concatenate([labels[person][:, column] for person in train])
            probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
            said = probe.fit(x, y).predict(people[test])
            true = labels[test][:, column]
            found.append((said[true == 1].mean() + 1 - said[true == 0].mean()) / 2)
    return float(np.mean(found))


def test_without_conditions_the_numbers_are_those_of_earlier_versions() -> None:
    names = ("F3", "F4", "T7", "T8", "P3", "P4", "O1", "O2")
    places = make_montage(names).positions
    artifacts = Artifacts(offset_uv=50.0)
    one = EegSimulator(names, places, 128.0, SimulatedPerson.draw(7), 3, artifacts)
    known = [[-12.698, -16.19, 12.025], [16.535, -1.378, 3.811], [12.401, 28.193, 14.017]]
    eeg = one.block(1280, 0.5, -0.5)
    np.testing.assert_allclose(eeg[::3][:, [0, 400, 1279]], known, atol=0.002)


@pytest.mark.parametrize("condition", [{"coupling": 3.0}, {"gain_drift_db": 3.0}])
def test_block_sizes_do_not_matter(condition: dict[str, float]) -> None:
    mood = np.linspace(-1, 1, 900)
    complete = simulator(**condition).block(900, mood, -mood)
    one = simulator(**condition)
    parts = [
        one.block(n, mood[a : a + n], -mood[a : a + n]) for a, n in ((0, 1), (1, 500), (501, 399))
    ]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), complete, rtol=1e-5, atol=1e-4)


def test_gain_drift_is_common_to_all_bands_and_cancels_in_relative_power() -> None:
    seconds, trials = 12, 30
    fixed, drifting = simulator(1), simulator(1, gain_drift_db=3.0)
    change, gains = [], []
    for _ in range(trials):
        n = round(seconds * RATE_HZ)
        before, after = fixed.block(n), drifting.block(n)
        # Without a reference: the average would mix the gains of all electrodes.
        powers = [
            np.log((sosfilt(butter(4, band, "bandpass", fs=RATE_HZ, output="sos"), x) ** 2).mean(1))
            for x in (before, after)
            for band in BANDS
        ]
        change.append(np.stack(powers[len(BANDS) :], 1) - np.stack(powers[: len(BANDS)], 1))
        gains.append(drifting.gain_db)
    power = np.array(change)  # (n_trials, n_channels, n_bands)
    expected = np.array(gains) * np.log(10) / 10
    np.testing.assert_allclose(power.mean(axis=-1), expected, atol=0.1)
    relative = power - power.mean(axis=-1, keepdims=True)
    assert np.abs(relative).max() < 0.15
    assert 0.4 < power.std() < 1.0  # 3 dB are 0.69 nats of power
    step = np.diff(np.array(gains), axis=0)
    assert 0.3 < step.std() < 3.0, "a walk: successive trials are alike"


def test_gain_drift_hides_an_effect_from_power_and_not_from_relative_power() -> None:
    steady = accuracies(effect=1.5)
    drifting = accuracies(effect=1.5, gain_drift_db=5.0)
    assert steady["power"] > 0.8
    assert drifting["power"] < steady["power"] - 0.1
    assert drifting["relative"] > 0.75
    assert drifting["relative"] > drifting["power"] + 0.05


def test_coupling_is_seen_by_covariance_and_not_by_power() -> None:
    found = accuracies(effect=0.0, coupling=2.0)
    assert found["tangent"] > 0.7
    assert found["tangent"] > found["power"] + 0.15
    assert 0.4 < found["power"] < 0.6, "at chance, as in the null"
    assert 0.4 < found["relative"] < 0.6


def test_coupling_leaves_the_power_of_every_electrode() -> None:
    def power(mood: float) -> Floats:
        one = simulator(2, effect=0.0, coupling=10.0)
        return np.log(one.block(round(240 * RATE_HZ), mood, mood).var(axis=1))

    assert np.abs(power(1.0) - power(-1.0)).max() < 0.05

    def correlation(mood: float) -> Floats:
        one = simulator(2, effect=0.0, coupling=10.0)
        x = one.block(round(240 * RATE_HZ), mood, mood)
        sos = butter(4, (8, 13), "bandpass", fs=RATE_HZ, output="sos")
        return np.corrcoef(sosfilt(sos, x, axis=-1))

    assert np.abs(correlation(1.0) - correlation(-1.0)).max() > 0.25


@pytest.mark.parametrize(
    "condition",
    [
        {"effect": 0.0},
        {"effect": 0.0, "gain_drift_db": 5.0},
    ],
)
def test_null_is_at_chance(condition: dict[str, float]) -> None:
    # 192 trials of eight people in two dimensions: three standard errors are about .1.
    for probe, accuracy in accuracies(**condition).items():
        assert 0.4 < accuracy < 0.6, probe


def test_without_effect_mood_changes_nothing_under_drift() -> None:
    condition = {"effect": 0.0, "gain_drift_db": 3.0}
    np.testing.assert_array_equal(
        simulator(**condition).block(1000, 1.0, 1.0), simulator(**condition).block(1000, -1.0, -1.0)
    )


def test_gain_of_the_ground_truth_is_the_gain_of_the_eeg() -> None:
    one = simulator(4, gain_drift_db=3.0)
    walk = electrode_gain(len(NAMES), RATE_HZ, one.person, 4, one.artifacts)
    assert walk is not None
    for size in (100, 1000, 333):
        one.block(size)
        np.testing.assert_allclose(walk.block(size).mean(axis=1), one.gain_db)
    assert electrode_gain(len(NAMES), RATE_HZ, one.person, 4, CLEAN) is None


def test_a_session_of_other_seed_has_other_gains() -> None:
    first, second = simulator(1, gain_drift_db=3.0), simulator(2, gain_drift_db=3.0)
    first.block(10), second.block(10)
    assert np.abs(first.gain_db - second.gain_db).max() > 1.0
