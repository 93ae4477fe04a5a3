"""Samples with gaps, other rates, bad stamps, and references."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.config import SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.reference import Reference
from bci_affect.errors import BciAffectError
from tests.eeg.signals import CAP_8, CAP_32, SHORT, chunks_of, pink, run, times_of

# --- rate -----------------------------------------------------------------------------------

RESAMPLED = SHORT.model_copy(update={"resample_hz": 128.0})


@settings(max_examples=10, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(1, 700), max_size=40))
def test_resampling_does_not_depend_on_chunks(sizes):
    eeg = pink(4, 8, 2500) + 60_000
    eeg[1, 900] = np.nan
    whole = run(eeg, 250.0, settings=RESAMPLED)
    cut = run(eeg, 250.0, settings=RESAMPLED, sizes=sizes)
    assert len(whole) == len(cut) == 39  # of 40: half a kernel waits
    for a, b in zip(whole, cut, strict=True):
        assert np.array_equal(a.bands, b.bands)
        assert (a.time, a.state, a.reasons) == (b.time, b.state, b.reasons)


def test_resampled_eeg_is_in_time_and_free_of_aliases():
    rate, n = 250.0, 5000
    t = np.arange(n) / rate
    wave = 20 * np.sin(2 * np.pi * 10 * t) + 20 * np.sin(2 * np.pi * 118 * t)  # aliases to 10 Hz
    eeg = np.float32(np.tile(wave, (8, 1)))
    setting = RESAMPLED.model_copy(update={"reference": "none", "line_hz": "off"})
    pipeline = Pipeline(setting, rate, make_montage(CAP_8))
    windows = pipeline.push(Chunk(eeg, times_of(n, rate)))
    stamps, shown = pipeline.traces(10.0)
    gain = pipeline.design.from_electrode["traces"].response(np.array([10.0]))[0]
    taken = stamps[-640:] + pipeline.delays["traces"] - 100.0  # when each sample was taken
    expected = 20 * abs(gain) * np.sin(2 * np.pi * 10 * taken + np.angle(gain))
    assert np.abs(shown[0, -640:] - expected).max() < 0.05
    ends = np.array([w.time for w in windows]) - 100 + 1 / 128.0
    np.testing.assert_allclose(ends, 0.25 * np.arange(1, len(windows) + 1), atol=1e-6)
    assert times_of(n, rate)[-1] - windows[-1].time < 0.25 + pipeline.delays["resampling"]
    assert pipeline.delays["resampling"] < 0.1


def test_resampled_features_equal_those_of_soxrs_batch_resampling():
    eeg = pink(5, 8, 5000).astype(np.float64)
    whole = soxr.resample(eeg.T - eeg[:, 0], 250.0, 128.0, quality="HQ").T
    a = run(np.float32(eeg), 250.0, settings=RESAMPLED)
    b = run(np.float32(whole), 128.0)
    for x, y in zip(a[8:], b[8:], strict=False):
        np.testing.assert_allclose(x.bands, y.bands, atol=5e-3)


@pytest.mark.parametrize(("really", "said"), [(250.0, False), (251.0, False), (265.0, True)])
def test_a_rate_off_by_more_than_a_percent_is_said_once(really, said):
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    for chunk in chunks_of(pink(6, 8, 6000), times_of(6000, really), [100] * 60):
        pipeline.push(chunk)
    assert pipeline.measured_rate_hz == pytest.approx(really, rel=1e-3)
    assert sum("off its nominal" in m for m in pipeline.messages) == int(said)


def test_a_rate_that_changes_in_mid_stream_ends_the_readings():
    times = np.concatenate([times_of(3000, 250.0), times_of(2000, 125.0, 112.008)])
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    windows = pipeline.push(Chunk(pink(7, 8, 5000), times))
    assert windows[40].state is State.OK
    assert windows[-1].state is State.ARTIFACT
    assert "runs at 125 Hz, not at the 250 Hz" in windows[-1].reasons[0]


# --- stamps ---------------------------------------------------------------------------------


def test_a_short_hole_joins_and_is_named_a_long_one_is_a_gap():
    times = times_of(4000, 250.0)
    times[2000:] += 0.2
    windows = run(pink(8, 8, 4000), 250.0, names=CAP_8, times=times)
    assert not any(w.state is State.GAP for w in windows)
    named = [w for w in windows if any("200 ms of samples missing" in r for r in w.reasons)]
    assert named
    assert named[0].state is State.ARTIFACT
    assert windows[-1].state is State.OK


def test_a_clock_that_jumps_back_is_a_gap():
    times = times_of(4000, 250.0)
    times[2000:] -= 50_000.0
    windows = run(pink(9, 8, 4000), 250.0, names=CAP_8, times=times)
    assert [w.state for w in windows].count(State.GAP) > 0
    assert windows[-1].state is State.OK


def test_samples_without_one_finite_value_are_missing_samples():
    eeg, times = pink(10, 8, 4000), times_of(4000, 250.0)
    dead = eeg.copy()
    dead[:, 2000:2400] = np.nan
    cut = np.r_[:2000, 2400:4000]
    a = run(dead, 250.0, names=CAP_8)
    b = run(eeg[:, cut], 250.0, names=CAP_8, times=times[cut])
    assert all(np.array_equal(x.bands, y.bands) for x, y in zip(a, b, strict=True))
    assert any(w.state is State.GAP for w in a)


def test_an_empty_chunk_and_a_chunk_of_nothing_do_nothing():
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    assert pipeline.push(Chunk(np.zeros((8, 0), np.float32), np.zeros(0))) == []
    nothing = np.full((8, 5), np.nan, np.float32)
    assert pipeline.push(Chunk(nothing, times_of(5, 250.0))) == []


def test_the_gap_that_a_chunk_reports_counts_even_where_stamps_hide_it():
    eeg, times = pink(11, 8, 2000), times_of(2000, 250.0)
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    pipeline.push(Chunk(eeg[:, :1500], times[:1500]))
    windows = pipeline.push(Chunk(eeg[:, 1500:], times[1500:], gap_before=3.0))
    assert windows[0].state is State.GAP
    assert windows[0].reasons == ("gap of 3.00 s",)


# --- mains and reference --------------------------------------------------------------------


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains_hum_is_found_and_taken_out(hz):
    rate = 250.0
    eeg = pink(12, 8, 5000)
    hum = np.float32(300 * np.sin(2 * np.pi * hz * np.arange(5000) / rate))
    auto = Pipeline(SignalSettings(), rate, make_montage(CAP_8))
    auto.push(Chunk(eeg + hum, times_of(5000, rate)))
    assert auto.line_hz == hz
    clean = Pipeline(SignalSettings(), rate, make_montage(CAP_8))
    clean.push(Chunk(eeg, times_of(5000, rate)))
    assert clean.line_hz == 0
    difference = auto.traces(10.0)[1] - clean.traces(10.0)[1]
    assert np.abs(difference).max() < 3.0  # of 300


def test_average_reference_takes_off_the_mean_of_good_electrodes_only():
    reference = Reference("average", make_montage(CAP_32[:10]))
    x = np.random.default_rng(1).standard_normal((50, 10))
    good = ElectrodeSet(np.arange(10) < 9)
    reference.apply(x, [len(x)], good)
    out = reference.apply(x, [len(x)], good)
    np.testing.assert_allclose(out, x - x[:, :9].mean(axis=1, keepdims=True), atol=1e-12)


def test_an_electrode_that_leaves_the_reference_makes_no_step():
    reference = Reference("average", make_montage(CAP_32[:8]))
    x = np.tile(np.r_[200.0, np.zeros(7)], (64, 1))
    every = ElectrodeSet.all_of(8)
    first = reference.apply(x, [len(x)], every)
    then = reference.apply(x, [len(x)], every.changed_to(np.arange(8) > 0))
    joined = np.concatenate([first, then])[:, 5]
    assert np.abs(np.diff(joined)).max() < 25.0 / 60  # 25 uV in all, spread over the hop
    assert joined[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("n_channels", [4, 7])
def test_few_electrodes_keep_their_own_reference(n_channels):
    x = np.random.default_rng(2).standard_normal((10, n_channels))
    reference = Reference("average", make_montage(CAP_32[:n_channels]))
    assert np.array_equal(reference.apply(x, [len(x)], ElectrodeSet.all_of(n_channels)), x)


def test_named_electrodes_and_mastoids():
    names = ["Cz", "M1", "M2", "Pz"]
    x = np.random.default_rng(3).standard_normal((10, 4))
    every = ElectrodeSet.all_of(4)
    expected = x - x[:, 1:3].mean(axis=1, keepdims=True)
    for kind in ("mastoids", ("m1", "M2")):
        np.testing.assert_allclose(
            Reference(kind, make_montage(names)).apply(x, [len(x)], every), expected, atol=1e-12
        )
    with pytest.raises(BciAffectError, match="lacks: A1"):
        Reference(("A1",), make_montage(names))
    with pytest.raises(BciAffectError, match="mastoids"):
        Reference("mastoids", make_montage(CAP_8))


def test_bands_that_the_rate_cannot_hold_are_refused_in_one_sentence():
    with pytest.raises(BciAffectError, match=r"'gamma'.*64 Hz"):
        Pipeline(SHORT, 64.0, make_montage(CAP_8))
    slow = SignalSettings(
        bands={"alpha": (8.0, 13.0)}, window=WindowSettings(window_s=2, step_s=0.5, hop_s=0.5)
    )
    assert Pipeline(slow, 64.0, make_montage(CAP_8)).push(
        Chunk(pink(1, 8, 640), times_of(640, 64.0))
    )
