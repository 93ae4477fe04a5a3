"""The pace of a device's blocks is estimated; without one there is no prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bci_affect.streams.lsl.arrivals import (
    AHEAD_S,
    APART_S,
    BEHIND_S,
    LEAST,
    Arrivals,
    time_to_rest,
)


def blocks(rate_hz: float, block_s: float, n: int, seed: int, late_s: float) -> np.ndarray:
    """Return arrivals and newest samples of a device that sends what it has every `block_s`."""
    rng = np.random.default_rng(seed)
    begin = rng.uniform(100, 1e6)
    sent = begin + block_s * np.arange(1, n + 1)
    newest = begin + np.floor((sent - begin) * rate_hz + 1e-6) / rate_hz
    return np.stack([sent + 0.0005 + rng.exponential(late_s, n), newest])


@given(
    st.sampled_from([128.0, 250.0, 256.0, 500.0]),
    st.one_of(st.none(), st.floats(0.024, 0.1)),  # sample by sample, or three and more at a time
    st.integers(0, 1000),
    st.floats(0.0, 0.003),
)
def test_a_steady_device_is_expected_when_it_comes(rate_hz, block_s, seed, late_s):
    arrivals = Arrivals()
    came, newest = blocks(rate_hz, block_s or 1 / rate_hz, 120, seed, late_s)
    early, missed = [], 0
    for i in range(60, 119):
        if i == 60:
            for pair in zip(came[:60], newest[:60], strict=True):
                arrivals.note(*pair)
        due = arrivals.expect(float(newest[i]))  # of the next block: its newest sample
        assert math.isfinite(due)
        block = 0.0 if block_s else 1 / rate_hz  # sample by sample it may be off by one of them
        missed += abs(due - came[i]) > 0.003 + 3 * late_s + 1 / rate_hz
        early.append(due > came[i] + 0.001 + late_s + block)
        arrivals.note(came[i], newest[i])
    assert missed <= 6
    assert sum(early) <= 9, "who comes before it is expected finds its reader asleep"


@given(st.integers(1, 6), st.integers(0, 1000))
def test_a_sample_some_blocks_ahead_is_expected_with_its_block(ahead, seed):
    arrivals = Arrivals()
    came, newest = blocks(256.0, 5 / 256, 80, seed, 0.0)
    for pair in zip(came[:70], newest[:70], strict=True):
        arrivals.note(*pair)
    for sample in (newest[69 + ahead], newest[68 + ahead] + 1 / 256):  # its last one and its first
        due = arrivals.expect(float(sample))
        assert due == pytest.approx(came[69 + ahead], abs=0.002)


def test_what_was_not_in_the_block_that_came_is_expected_with_the_next():
    arrivals = Arrivals()
    came, newest = blocks(256.0, 5 / 256, 70, 1, 0.0)
    for pair in zip(came, newest, strict=True):
        arrivals.note(*pair)
    assert arrivals.expect(float(newest[-1])) == pytest.approx(came[-1] + 5 / 256, abs=0.001)


def test_samples_of_one_block_count_once():
    whole, split = Arrivals(), Arrivals()
    for arrival, newest in blocks(256.0, 0.02, 60, 2, 0.0).T:
        whole.note(arrival, newest)
        split.note(arrival, newest - 2 / 256)
        split.note(arrival + APART_S / 3, newest)
    sample = float(newest) + 0.1
    assert split.expect(sample) == pytest.approx(whole.expect(sample), abs=1e-6)


def test_nothing_is_foretold_without_a_pace():
    arrivals = Arrivals()
    assert math.isnan(arrivals.expect(1.0))
    came, newest = blocks(256.0, 0.02, 100, 3, 0.0)
    for pair in zip(came[: LEAST - 1], newest[: LEAST - 1], strict=True):
        arrivals.note(*pair)
    assert math.isnan(arrivals.expect(float(newest[LEAST])))
    for pair in zip(came[LEAST : 2 * LEAST], newest[LEAST : 2 * LEAST], strict=True):
        arrivals.note(*pair)
    assert math.isfinite(arrivals.expect(float(newest[2 * LEAST])))
    assert math.isnan(arrivals.expect(math.nan))
    assert math.isnan(arrivals.expect(math.inf))
    for pair in zip(came + np.random.default_rng(4).uniform(0, 0.04, 100), newest, strict=True):
        arrivals.note(*pair)  # the stamps restart; then blocks come at random
    assert math.isnan(arrivals.expect(float(newest[-1]) + 0.1))


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats()), min_size=20, max_size=80), st.floats())
def test_no_stamps_break_it(pairs, sample):
    arrivals = Arrivals()
    for arrival, newest in pairs:
        arrivals.note(arrival, newest)
        due = arrivals.expect(sample)
        assert isinstance(due, float)
        rest = time_to_rest(due, arrival)
        assert rest >= 0
        assert math.isinf(rest) or arrival + rest <= due or rest == 0


def test_a_clock_that_is_set_begins_anew():
    arrivals = Arrivals()
    came, newest = blocks(256.0, 0.02, 60, 5, 0.0)
    for pair in zip(came, newest, strict=True):
        arrivals.note(*pair)
    for pair in zip(came[:LEAST] + 2.0, newest[:LEAST] - 500.0, strict=True):
        arrivals.note(*pair)
    due = arrivals.expect(float(newest[LEAST] - 500.0))
    assert due == pytest.approx(came[LEAST] + 2.0, abs=0.004)


def test_a_reader_rests_until_shortly_before_its_sample():
    assert time_to_rest(10.0, 9.0) == pytest.approx(1.0 - AHEAD_S)
    assert time_to_rest(10.0, 10.0 - 0.9 * AHEAD_S) == 0.0
    assert time_to_rest(10.0, 10.0 + 0.9 * BEHIND_S) == 0.0
    assert time_to_rest(10.0, 10.0 + 1.1 * BEHIND_S) == math.inf
    assert time_to_rest(math.nan, 10.0) == math.inf
