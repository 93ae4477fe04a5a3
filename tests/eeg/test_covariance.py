"""Covariance per window: causal, whatever the chunks, the reference, and the masked electrodes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.config import WindowSettings
from bci_affect.eeg import CAPS, make_montage
from bci_affect.eeg.covariance import (
    JITTER,
    N_TANGENT,
    BandCovariance,
    ChannelCovariance,
    site_covariance,
    spd_exp,
    spd_log,
    tangent_vector,
)
from bci_affect.eeg.sites import N_SITES, SiteProjector

WINDOW = WindowSettings(window_s=2.0, step_s=0.5, hop_s=0.125)
HOP, N_CHANNELS, N_BANDS = 16, 6, 3
ALL = np.ones(N_CHANNELS, bool)


def signal(n_hops: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(N_CHANNELS, N_CHANNELS))
    return 10 * rng.normal(size=(N_BANDS, n_hops * HOP, N_CHANNELS)) @ mixing


def accumulate(x: np.ndarray, good: np.ndarray = ALL, per_call: int = 1) -> BandCovariance:
    made = BandCovariance(WINDOW, N_BANDS, N_CHANNELS, most_hops=8)
    n_hops = x.shape[1] // HOP
    for first in range(0, n_hops, per_call):
        hops = min(per_call, n_hops - first)
        made.add(x[:, first * HOP : (first + hops) * HOP], (HOP,) * hops, good)
    return made


def test_a_window_is_the_covariance_of_its_samples():
    x = signal(20)
    last = x[:, -16 * HOP :]
    last = last - last.mean(axis=2, keepdims=True)
    expected = np.einsum("bnc,bnd->bcd", last, last) / (16 * HOP)
    np.testing.assert_allclose(accumulate(x).window().matrix(np.arange(N_CHANNELS)), expected)


@settings(max_examples=25, deadline=None)
@given(per_call=st.integers(1, 8), n_hops=st.integers(1, 40), seed=st.integers(0, 9))
def test_how_hops_arrive_has_no_influence(per_call, n_hops, seed):
    x = signal(n_hops, seed)
    one, many = accumulate(x).window(), accumulate(x, per_call=per_call).window()
    np.testing.assert_array_equal(one.sums, many.sums)
    np.testing.assert_array_equal(one.samples, many.samples)


def test_windows_that_ended_before_the_last_hop_can_be_read():
    x = signal(30)
    now = accumulate(x, per_call=5)
    for back in range(5):
        then = accumulate(x[:, : (30 - back) * HOP]).window()
        np.testing.assert_array_equal(now.window(back).sums, then.sums)


@settings(max_examples=25, deadline=None)
@given(size=st.floats(-1e3, 1e3), seed=st.integers(0, 9), row=st.integers(0, N_CHANNELS - 1))
def test_a_common_signal_changes_nothing(size, seed, row):
    x, good = signal(20, seed), ALL.copy()
    good[row] = False
    common = size * np.random.default_rng(seed + 1).normal(size=(N_BANDS, x.shape[1], 1))
    plain, moved = accumulate(x, good).window(), accumulate(x + common, good).window()
    np.testing.assert_allclose(moved.sums, plain.sums, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("worst", [np.nan, np.inf, 1e9])
def test_a_masked_electrode_adds_nothing_whatever_it_holds(worst):
    x, good = signal(20), ALL.copy()
    good[2] = False
    broken = x.copy()
    broken[:, :, 2] = worst
    np.testing.assert_array_equal(accumulate(broken, good).window().sums,
                                  accumulate(x, good).window().sums)  # fmt: skip
    assert accumulate(broken, good).window().samples[2] == 0


def test_an_electrode_that_fails_keeps_the_power_of_its_good_samples():
    x, good = signal(16), ALL.copy()
    made = BandCovariance(WINDOW, N_BANDS, N_CHANNELS)
    for hop in range(16):
        good = ALL.copy()
        good[0] = hop < 8
        made.add(x[:, hop * HOP : (hop + 1) * HOP], (HOP,), good)
    window = made.window()
    assert window.samples[0] == 8 * HOP
    covariance = window.matrix(np.arange(N_CHANNELS))
    assert np.linalg.eigvalsh(covariance).min() > -1e-6


def test_nothing_after_a_window_changes_it():
    x = signal(40)
    made = accumulate(x[:, : 20 * HOP])
    before = made.window()
    kept = before.sums.copy()
    made.add(x[:, 20 * HOP :][:, : HOP * 8], (HOP,) * 8, ALL)
    np.testing.assert_array_equal(before.sums, kept)


def test_a_gap_empties_the_window():
    made = accumulate(signal(20))
    made.reset()
    assert not made.window().samples.any()


def test_cost_does_not_grow_with_the_recording():
    made, x = BandCovariance(WINDOW, N_BANDS, N_CHANNELS), signal(1)

    def spent(n: int) -> float:
        begin = time.perf_counter()
        for _ in range(n):
            made.add(x, (HOP,), ALL)
            made.window()
        return time.perf_counter() - begin

    spent(100)
    early = min(spent(100) for _ in range(3))
    spent(2000)
    assert min(spent(100) for _ in range(3)) < 3 * early + 5e-3


def test_an_unseen_direction_holds_its_prior():
    montage = make_montage(CAPS["muse"])
    projection = SiteProjector(montage).project(np.ones(4, bool))
    scale = np.array([50.0])
    sites = site_covariance(np.zeros((1, 4, 4)), projection, scale, kappa=0.1)
    expected = 0.1 * 50 * (projection.unseen + JITTER * np.eye(N_SITES))
    np.testing.assert_allclose(sites[0], expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_logarithm_and_exponential_are_inverse_and_norms_are_kept(seed):
    root = np.random.default_rng(seed).normal(size=(2, N_SITES, 40))
    matrices = root @ root.transpose(0, 2, 1)
    logs = spd_log(matrices)
    np.testing.assert_allclose(spd_exp(logs), matrices, rtol=1e-6, atol=1e-6)
    vector = tangent_vector(logs)
    assert vector.shape == (2, N_TANGENT)
    np.testing.assert_allclose(np.linalg.norm(vector, axis=-1), np.linalg.norm(logs, axis=(1, 2)))


def test_an_electrode_without_samples_is_finite():
    empty = ChannelCovariance(np.zeros((1, 3, 3)), np.zeros(3, np.int64))
    assert np.isfinite(empty.matrix(np.arange(3))).all()
