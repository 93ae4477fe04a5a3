"""Rest of a person: fixed, computed again for other electrodes, and blind to gain of contacts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.eeg import CAPS, make_montage
from bci_affect.eeg.attribution import electrode_contributions
from bci_affect.eeg.covariance import ChannelCovariance
from bci_affect.eeg.person_reference import (
    MAX_WINDOWS,
    SCORED_WINDOWS,
    PersonReference,
    PopulationPrior,
    remove_gain,
)
from bci_affect.eeg.sites import N_SITES
from bci_affect.errors import BciAffectError

MONTAGE = make_montage(CAPS["epoc"])
N, N_BANDS, SAMPLES = len(MONTAGE), 3, 768
ALL = np.ones(N, bool)


def window(seed: int, gain: np.ndarray | float = 1.0, bands: np.ndarray | float = 1.0):
    """EEG of one sitting: the same mixing, other samples."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(77).normal(size=(N, N)) + 2 * np.eye(N)
    x = 5 * rng.normal(size=(N_BANDS, SAMPLES, N)) @ mixing * gain
    x *= np.broadcast_to(np.asarray(bands, float), (N_BANDS,))[:, None, None]
    x -= x.mean(axis=2, keepdims=True)
    return ChannelCovariance(x.transpose(0, 2, 1) @ x, np.full(N, SAMPLES))


def rested(n: int = 20, **options) -> PersonReference:
    made = PersonReference(MONTAGE, N_BANDS, **options)
    for seed in range(n):
        made.add_rest(window(seed))
    return made


def size(features) -> float:
    return float(np.linalg.norm(features.covariance))


def test_rest_is_near_zero_and_another_state_is_not():
    reference = rested()
    calm = np.mean([size(reference.features(window(s), ALL)) for s in range(100, 105)])
    other = reference.features(window(200, bands=[1.0, 2.0, 0.5]), ALL)
    assert size(other) > 2 * calm
    assert other.power[1, 0] > 0.2 > -0.2 > other.power[2, 0]


def test_a_state_that_lasts_stays_visible():
    reference = rested()
    state = [window(s, bands=[1.0, 1.6, 1.0]) for s in range(300, 310)]
    first = reference.features(state[0], ALL).vector
    for one in state * 30:  # far more than five minutes
        reference.observe(one, ALL)
        reference.features(one, ALL)
    np.testing.assert_array_equal(reference.features(state[0], ALL).vector, first)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_gain_of_single_contacts_is_removed(seed):
    reference = rested()
    gain = np.exp(0.35 * np.random.default_rng(seed).normal(size=N))  # 3 dB
    plain = window(400)
    moved = ChannelCovariance(plain.sums * gain[:, None] * gain, plain.samples)
    before, after = (reference.features(w, ALL) for w in (plain, moved))
    assert np.linalg.norm(after.power - before.power) < 0.35 * np.linalg.norm(np.log(gain))
    found = after.gain - before.gain
    assert np.corrcoef(found, np.log(gain))[0, 1] > 0.9


def test_what_all_electrodes_share_is_no_gain_of_a_contact():
    covariance = window(0).matrix(np.arange(N))
    rest_power = np.log(np.diagonal(covariance, axis1=1, axis2=2))
    _, gain = remove_gain(4 * covariance, rest_power, np.eye(N))
    np.testing.assert_allclose(gain, 0, atol=1e-9)


def test_a_smooth_change_of_the_eeg_is_not_removed_as_gain():
    """Power that rises in all bands over the back of the head is EEG, drift of contacts is not."""
    reference = rested()
    rest = reference.statistics(ALL)
    back = np.exp(0.1 * rest.projection.field[2] / np.abs(rest.projection.field[2]).max())
    drift = np.exp(0.35 * np.random.default_rng(3).normal(size=N))
    shares = {}
    for name, gain in (("none", np.ones(N)), ("back", back), ("drift", drift)):
        removed = []
        for seed in range(700, 712):
            plain = window(seed)
            moved = ChannelCovariance(plain.sums * gain[:, None] * gain, plain.samples)
            away = reference.features(moved, ALL).gain
            removed.append(np.abs(away).mean())
        shares[name] = np.mean(removed)
    assert shares["back"] < 0.05
    assert shares["drift"] > 0.2
    assert shares["none"] < 0.02


@settings(max_examples=15, deadline=None)
@given(bad=st.sets(st.integers(0, N - 1), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_masked_electrodes_change_nothing(bad, seed):
    mask = ~np.isin(np.arange(N), sorted(bad))
    reference = rested()
    plain = window(500 + seed)
    sums = plain.sums.copy()
    sums[:, ~mask] *= 1e4
    sums[:, :, ~mask] *= 1e4
    broken = ChannelCovariance(sums, plain.samples)
    np.testing.assert_allclose(
        reference.features(broken, mask).vector,
        reference.features(plain, mask).vector, atol=1e-6,
    )  # fmt: skip


def test_the_reference_of_fewer_electrodes_is_that_of_a_smaller_headset():
    """Five electrodes that fail after rest leave what a headset without them would have had."""
    reference, keep = rested(), np.arange(5, N)
    small = PersonReference(make_montage([CAPS["epoc"][i] for i in keep]), N_BANDS)
    cut = np.ix_(range(N_BANDS), keep, keep)
    for seed in range(20):
        whole = window(seed)
        small.add_rest(ChannelCovariance(whole.sums[cut], whole.samples[keep]))
    now = window(600)
    np.testing.assert_allclose(
        reference.features(now, np.arange(N) >= 5).vector,
        small.features(
            ChannelCovariance(now.sums[cut], now.samples[keep]), np.ones(N - 5, bool)
        ).vector,
        atol=1e-6,
    )


def test_without_any_rest_the_prior_stands_at_the_scale_of_the_eeg():
    reference = PersonReference(MONTAGE, N_BANDS)
    for seed in range(50):
        reference.observe(window(seed), ALL)
    assert not reference.has_rest
    louder = PersonReference(MONTAGE, N_BANDS)
    for seed in range(50):
        louder.observe(window(seed, gain=10.0), ALL)
    np.testing.assert_allclose(
        reference.features(window(99), ALL).vector,
        louder.features(window(99, gain=10.0), ALL).vector, atol=1e-6,
    )  # fmt: skip


def test_the_prior_gives_way_to_rest():
    people = np.stack([rested(5).normalised_log()] * 3)
    prior = PopulationPrior.from_people(people)
    little, much = (rested(n, prior=prior, prior_windows=6.0) for n in (3, 60))
    plain = rested(60, prior_windows=0.0).statistics(ALL).log_mean
    far = [np.linalg.norm(r.statistics(ALL).log_mean - plain) for r in (little, much)]
    assert far[1] < far[0]


def test_rest_goes_on_in_another_sitting():
    first, second = rested(), PersonReference(MONTAGE, N_BANDS)
    second.restore(first.state())
    np.testing.assert_allclose(
        second.features(window(700), ALL).vector, first.features(window(700), ALL).vector, atol=1e-4
    )


def test_damaged_or_foreign_rest_is_refused():
    state = rested(4).state()
    other = PersonReference(make_montage(CAPS["muse"]), N_BANDS)
    with pytest.raises(BciAffectError, match="another montage"):
        other.restore(state)
    state["rest_sums"][0, 0, 0] = np.nan
    with pytest.raises(BciAffectError, match="damaged"):
        rested(4).restore(state)


def test_rest_is_bounded_and_so_is_the_cost():
    reference = rested(MAX_WINDOWS)
    assert reference.n_rest == MAX_WINDOWS
    now = window(1)
    reference.features(now, ALL)
    begin = time.perf_counter()
    for _ in range(20):
        reference.features(now, ALL)
    assert (time.perf_counter() - begin) / 20 < 0.02


def test_an_electrode_that_was_absent_from_the_window_is_not_used():
    reference = rested()
    now = window(2)
    sums, samples = now.sums.copy(), now.samples.copy()
    sums[:, 3], sums[:, :, 3], samples[3] = 0, 0, 0
    mask = ALL.copy()
    mask[3] = False
    np.testing.assert_allclose(
        reference.features(ChannelCovariance(sums, samples), ALL).vector,
        reference.features(ChannelCovariance(sums, samples), mask).vector,
    )


def test_wrong_shapes_are_refused():
    with pytest.raises(BciAffectError, match="bands"):
        PersonReference(MONTAGE, 2, prior=PopulationPrior.isotropic(3))
    small = ChannelCovariance(np.zeros((N_BANDS, 4, 4)), np.full(4, 10))
    with pytest.raises(BciAffectError, match="channels"):
        rested(4).features(small, ALL)
    assert PopulationPrior.isotropic(1).covariance.shape == (1, N_SITES, N_SITES)


def test_contributions_of_electrodes_add_up_to_a_linear_score():
    mask = ALL.copy()
    mask[3] = False
    features = rested().features(window(200, bands=[1.0, 2.0, 0.5]), mask)
    weights = np.random.default_rng(1).normal(size=(2, features.vector.size))
    contributions = electrode_contributions(features, weights, N)
    np.testing.assert_allclose(contributions.sum(axis=1), weights @ features.vector)
    assert not contributions[:, 3].any()


def test_the_features_of_rest_itself_lie_around_zero():
    reference = rested(prior_windows=1e-9)
    rest = reference.rest_features(ALL)
    assert rest.shape == (SCORED_WINDOWS, N_BANDS * 316)
    assert np.linalg.norm(rest.mean(axis=0)) < 0.5 * np.linalg.norm(rest, axis=1).mean()
    assert len(PersonReference(MONTAGE, N_BANDS).rest_features(ALL)) == 0


def test_a_long_rest_is_covered_from_its_beginning_to_its_end():
    reference = PersonReference(MONTAGE, N_BANDS)
    windows = [window(seed) for seed in range(4 * MAX_WINDOWS + 3)]
    for one in windows:
        reference.add_rest(one)
    assert MAX_WINDOWS // 2 <= reference.n_rest <= MAX_WINDOWS
    numbers = [
        next(i for i, one in enumerate(windows) if one is kept) for kept in reference.windows
    ]
    steps = np.diff(numbers)
    assert numbers[0] == 0
    assert numbers[-1] >= len(windows) - 2 * steps[0]
    assert set(steps) == {steps[0]}  # evenly spread


def test_features_of_many_windows_are_those_of_each():
    reference = rested()
    windows = [window(300 + seed) for seed in range(4)]
    sums, samples = np.stack([w.sums for w in windows]), np.stack([w.samples for w in windows])
    mask = np.tile(ALL, (4, 1))
    mask[1, 3] = mask[3] = False  # one electrode fails; too few are left
    samples[2, 0] = 0
    many = reference.vectors(sums, samples, mask)
    for i in range(3):
        one = reference.features(ChannelCovariance(sums[i], samples[i]), mask[i])
        np.testing.assert_allclose(many[i], one.vector, atol=1e-5)
    assert not many[3].any()
