"""The simulated listener is reproducible and matches its stated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import welch

from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.simulation.simulator import CLEAN, Artifacts, EegSimulator, SimulatedPerson

NAMES = ("F3", "F4", "T7", "T8", "P3", "P4", "O1", "O2")
PLACES = make_montage(NAMES).positions


def simulator(
    seed: int = 0, artifacts: Artifacts = CLEAN, rate_hz: float = 128.0, **person: float
) -> EegSimulator:
    return EegSimulator(
        NAMES,
        PLACES,
        rate_hz,
        SimulatedPerson(seed=3, **person),
        seed,
        artifacts,  # type: ignore[arg-type]
    )


def log_power(
    eeg: NDArray[np.float32], low: float, high: float, rate: float
) -> NDArray[np.float64]:
    hz, power = welch(eeg, rate, nperseg=int(2 * rate))
    result: NDArray[np.float64] = np.log(power[:, (hz >= low) & (hz < high)].mean(axis=1))
    return result


@settings(max_examples=15, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_block_sizes_do_not_matter(sizes: list[int]) -> None:
    everything = Artifacts(offset_uv=20_000.0)
    total = sum(sizes)
    mood = np.linspace(-1, 1, max(total, 1))[:total]
    whole = simulator(artifacts=everything).block(total, mood, -mood)
    one, at, parts = simulator(artifacts=everything), 0, []
    for size in sizes:
        parts.append(one.block(size, mood[at : at + size], -mood[at : at + size]))
        at += size
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_seed_and_person_fix_the_signal() -> None:
    assert np.array_equal(simulator(1).block(500), simulator(1).block(500))
    assert not np.allclose(simulator(1).block(500), simulator(2).block(500))


def test_a_headset_sees_the_same_brain() -> None:
    person = SimulatedPerson.draw(5)
    both = EegSimulator(NAMES, PLACES, 128, person, 0, CLEAN).block(1000)
    few = EegSimulator(NAMES[2:4], PLACES[2:4], 128, person, 0, CLEAN).block(1000)
    np.testing.assert_allclose(few, both[2:4], atol=1e-4)


def test_neighbours_correlate_more_than_far_electrodes() -> None:
    r = np.corrcoef(simulator().block(128 * 60))
    assert r[4, 6] > r[0, 7] + 0.2  # P3-O1 against F3-O2


def test_the_background_falls_with_frequency_as_stated() -> None:
    quiet = {"theta_uv": 0.0, "alpha_uv": 0.0, "beta_uv": 0.0, "gamma_uv": 0.0}
    eeg = simulator(rate_hz=256.0, slope=1.2, **quiet).block(256 * 120)
    hz, power = welch(eeg, 256.0, nperseg=1024)
    inside = (hz >= 2) & (hz <= 40)
    slope = np.polyfit(np.log(hz[inside]), np.log(power[:, inside]).mean(axis=0), 1)[0]
    assert slope == pytest.approx(-1.2, abs=0.15)


def test_without_effect_mood_changes_nothing() -> None:
    np.testing.assert_array_equal(
        simulator(effect=0.0).block(1000, 1.0, 1.0), simulator(effect=0.0).block(1000, -1.0, -1.0)
    )


def test_mood_changes_the_rhythms_as_published() -> None:
    rate = 128.0

    def power(valence: float, arousal: float, low: float, high: float) -> NDArray[np.float64]:
        one = simulator(effect=2.0, individuality=0.0)
        one.block(int(5 * rate), valence, arousal)
        return log_power(one.block(int(60 * rate), valence, arousal), low, high, rate)

    alpha = power(1, 0, 9, 11) - power(-1, 0, 9, 11)
    assert alpha[1] - alpha[0] > 0.5  # F4 over F3 with positive valence
    calm = power(0, 1, 9, 11) - power(0, -1, 9, 11)
    assert (calm[4:] < -0.5).all()  # posterior alpha falls with arousal
    fast = power(0, 1, 32, 44) - power(0, -1, 32, 44)
    assert (fast[2:4] > 0.3).all()  # temporal gamma rises with arousal


def test_closed_eyes_raise_posterior_alpha() -> None:
    one = simulator()
    opened = log_power(one.block(128 * 40), 9, 11, 128.0)
    one.block(128 * 5, activity="eyes_closed")
    closed = log_power(one.block(128 * 40, activity="eyes_closed"), 9, 11, 128.0)
    assert (closed - opened)[6:].min() > 0.7


def test_artifacts_are_there_when_switched_on_and_absent_when_off() -> None:
    quiet = {"blinks": False, "jaw": False, "line_uv": 0.0, "drift_uv": 0.0, "noise_uv": 0.0}
    clean = simulator().block(128 * 30, activity="blinks")
    assert np.array_equal(clean, simulator().block(128 * 30))

    blinking = Artifacts(**{**quiet, "blinks": True})  # type: ignore[arg-type]
    added = simulator(artifacts=blinking).block(128 * 30, activity="blinks") - clean
    assert 20 < added[0].max() < 300  # over F3
    assert added[0].max() > 5 * added[6].max()  # hardly at O1

    clenching = Artifacts(**{**quiet, "jaw": True})  # type: ignore[arg-type]
    added = simulator(artifacts=clenching).block(128 * 30, activity="jaw") - clean
    assert added[2].std() > 4 * added[6].std()  # T7 against O1

    hum = Artifacts(**{**quiet, "line_uv": 3.0})  # type: ignore[arg-type]
    hz, power = welch(simulator(artifacts=hum).block(128 * 20) - clean[:, : 128 * 20], 128.0)
    assert abs(hz[power.mean(axis=0).argmax()] - 50.0) < 1.0

    offset = Artifacts(**{**quiet, "offset_uv": 30_000.0})  # type: ignore[arg-type]
    assert np.abs(simulator(artifacts=offset).block(128).mean(axis=1)).max() > 5_000


def test_what_cannot_be_simulated_is_refused() -> None:
    person = SimulatedPerson(seed=0)
    with pytest.raises(BciAffectError, match="at least 100 Hz"):
        EegSimulator(NAMES, PLACES, 50.0, person)
    places = PLACES.copy()
    places[2] = np.nan
    with pytest.raises(BciAffectError, match="'T7'"):
        EegSimulator(NAMES, places, 128.0, person)
    with pytest.raises(BciAffectError, match="positions of shape"):
        EegSimulator(NAMES[:3], PLACES, 128.0, person)
