"""Times must be honest from the first second on, and never depend on how samples arrived."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.streams.clock.clock_events import Stretch
from bci_affect.streams.clock.dejitter import Dejitter
from bci_affect.streams.clock.offsets import ClockOffsets

RATE = 250.0


def run(stamps, sizes=None, rate=RATE):
    dejitter = Dejitter(rate)
    parts: list[Stretch] = []
    at = 0
    sizes = iter(sizes or ())
    while at < len(stamps):
        n = next(sizes, len(stamps))
        parts += dejitter.push(stamps[at : at + n])
        at += n
    return dejitter, parts + dejitter.flush()


def times_of(parts):
    return np.concatenate([part.times for part in parts])


def bluetooth(true, seed=0, packet=12, mean_delay=0.03):
    """Stamp packets at their arrival, in order, after a delay that varies."""
    rng = np.random.default_rng(seed)
    stamps = np.empty(true.size)
    before = 0.0
    for start in range(0, true.size, packet):
        stop = min(start + packet, true.size)
        arrival = max(true[stop - 1] + rng.gamma(2, mean_delay / 2), before)
        stamps[start:stop] = arrival + 1e-5 * np.arange(stop - start)
        before = stamps[stop - 1]
    return stamps


TRUE = 1000 + np.arange(int(60 * RATE)) / RATE


def test_perfect_stamps_stay_what_they_are():
    dejitter, parts = run(TRUE)
    assert np.abs(times_of(parts) - TRUE).max() < 1e-9
    assert dejitter.lost == dejitter.late == 0
    assert dejitter.effective_hz == pytest.approx(RATE, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_bluetooth_jitter_is_removed_from_the_first_second_on(seed):
    stamps = bluetooth(TRUE, seed)
    dejitter, parts = run(stamps)
    error = times_of(parts) - TRUE
    raw = stamps - TRUE
    assert dejitter.lost == 0
    assert np.diff(times_of(parts)).min() > 0
    for start, stop, limit in ((0.5, 2, 0.010), (2, 5, 0.007), (5, 60, 0.005)):
        part = slice(int(start * RATE), int(stop * RATE))
        assert error[part].std() < limit
        assert error[part].std() < 0.5 * raw[part].std()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.integers(1, 8), st.integers(1, 400)), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_times_do_not_depend_on_grouping(sizes, kind):
    true = TRUE[:3500]
    stamps = [true, bluetooth(true), np.delete(true, slice(2000, 2300)), true.copy()][kind]
    if kind == 3:
        stamps[1500:] -= 300.0
    _, whole = run(stamps)
    _, parts = run(stamps, sizes)
    assert np.array_equal(times_of(whole), times_of(parts))
    gaps = [part.gap_before for part in parts if part.gap_before]
    assert gaps == [part.gap_before for part in whole if part.gap_before]


def test_lost_samples_are_a_hole_and_counted():
    keep = np.ones(TRUE.size, bool)
    keep[3000:3050] = keep[6000:9000] = False
    dejitter, parts = run(TRUE[keep])
    gaps = [part for part in parts if part.gap_before]
    assert [part.gap_before for part in gaps] == pytest.approx([0.2, 12.0], abs=1e-6)
    assert dejitter.lost == 3050
    assert np.abs(times_of(parts) - TRUE[keep]).max() < 1e-6


def test_a_late_burst_is_no_hole():
    stamps = TRUE.copy()
    stamps[5000:5400] = TRUE[5400] + 1e-5 * np.arange(400)
    dejitter, parts = run(stamps, [10] * 2000)
    assert not any(part.gap_before for part in parts)
    assert dejitter.lost == 0
    assert dejitter.late > 300
    assert np.abs(times_of(parts) - TRUE).max() < 0.005


def test_a_step_back_keeps_times_increasing():
    stamps = TRUE.copy()
    stamps[5000:] -= 0.2
    dejitter, parts = run(stamps, [7] * 3000)
    assert dejitter.steps == 1
    assert np.diff(times_of(parts)).min() > 0
    assert abs(times_of(parts)[-1] - stamps[-1]) < 0.005


@pytest.mark.parametrize("jump", [-500.0, -2e5, 3e5])
def test_a_reset_clock_is_a_hole_of_unknown_length(jump):
    stamps = TRUE.copy()
    stamps[5000:] += jump
    dejitter, parts = run(stamps)
    assert dejitter.resets == 1
    assert [part.gap_before for part in parts] == [0.0, 1.0]
    steps = np.diff(times_of(parts))
    assert steps.min() > 0
    assert steps.max() == pytest.approx(1.0 + 1 / RATE, abs=1e-6)
    assert times_of(parts).size == TRUE.size


@pytest.mark.parametrize("factor", [0.93, 1.07])
def test_a_rate_off_by_seven_percent_is_measured_and_no_hole(factor):
    true = 1000 + np.arange(15000) / (RATE * factor)
    dejitter, parts = run(bluetooth(true))
    assert not any(part.gap_before for part in parts)
    assert dejitter.effective_hz == pytest.approx(RATE * factor, rel=0.002)


def test_stamps_that_are_no_numbers_follow_their_neighbours():
    stamps = TRUE[:2000].copy()
    stamps[[0, 100, 101, 1999]] = np.nan
    _, parts = run(stamps[1:])
    assert np.abs(times_of(parts) - TRUE[1:2000]).max() < 1e-6


def test_offsets_hold_from_their_time_on_and_survive_a_reset():
    offsets = ClockOffsets()
    for time, value in ((10.0, 1.0), (15.0, 1.1), (7000.0, -6000.0)):
        offsets.add(time, value)
    raw = np.concatenate([np.arange(9.0, 20.0, 0.5), np.arange(6999.0, 7002.0, 0.5)])
    whole = offsets.correct(raw)
    assert np.allclose(whole - raw, np.where(raw > 6000, -6000, np.where(raw >= 15, 1.1, 1.0)))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_offsets_do_not_depend_on_grouping(sizes):
    raw = np.concatenate([np.arange(0, 20, 0.1), np.arange(500, 520, 0.1), np.arange(3, 9, 0.1)])

    def fresh():
        offsets = ClockOffsets()
        for time, value in ((0, 0.1), (5, 0.2), (10, 0.3), (501, 7.0), (510, 7.1), (4, -1.0)):
            offsets.add(time, value)
        return offsets

    whole = fresh().correct(raw)
    offsets, parts, at = fresh(), [], 0
    for n in [*sizes, raw.size]:
        parts.append(offsets.correct(raw[at : at + n]))
        at += n
    assert np.array_equal(np.concatenate(parts), whole)
