"""Filters do what SciPy's and MNE's do, sample for sample; delays are what a pulse shows."""

from __future__ import annotations

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, make_montage
from bci_affect.eeg.design import Design
from bci_affect.eeg.filters import NOTCH_Q, FilterBank, band_pass, notches
from bci_affect.eeg.mains import WIDE_Q
from bci_affect.eeg.pipeline import Pipeline
from tests.eeg.signals import CAP_8, pink, times_of


def design(rate: float = 250.0, **more) -> Design:
    given = SignalSettings(**more)
    return Design(
        given, rate, notches((50.0,), rate, 90, NOTCH_Q), notches((50.0,), rate, 130, WIDE_Q)
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=30),
    rate=st.sampled_from([128.0, 250.0, 1000.0]),
)
def test_the_bank_equals_scipys_sosfilt_in_blocks_of_any_size(sizes, rate):
    d = design(rate)
    cascades = [d.high_pass.sos, *(c.sos for c in d.bands), d.high.sos]
    x = np.random.default_rng(1).standard_normal((sum(sizes), 3)) * 50
    bank = FilterBank(cascades, 3)
    out, at = [], 0
    for size in sizes:
        out.append(bank.run(x[at : at + size]).copy())
        at += size
    got = np.concatenate(out, axis=1)
    for filtered, sos in zip(got, cascades, strict=True):
        np.testing.assert_allclose(filtered, signal.sosfilt(sos, x, axis=0), atol=1e-9)


@pytest.mark.parametrize("name", ["delta", "theta", "alpha", "beta", "gamma", "traces"])
def test_every_band_equals_mnes_forward_iir_to_a_millionth_of_a_microvolt(name):
    """From a warm start at 60,000 uV, in blocks, against MNE's causal filter on all samples."""
    d, n = design(), 3000
    x = pink(5, 4, n).astype(np.float64) + 60_000
    x -= x[:, :1]
    bank = FilterBank([d.from_electrode[name].sos], 4)
    ours = np.concatenate([bank.run(x[:, at : at + 31].T)[0].copy() for at in range(0, n, 31)])
    iir = {"sos": d.from_electrode[name].sos, "output": "sos", "order": 2, "padlen": 0}
    theirs = mne.filter.filter_data(
        x, 250.0, None, 40.0, method="iir", iir_params=iir, phase="forward", verbose="error"
    )
    assert np.abs(ours.T - theirs).max() < 1e-6
    assert np.abs(theirs).max() > 1


def test_a_look_ahead_leaves_the_filters_where_they_were():
    d = design()
    a, b = (FilterBank([d.high_pass.sos], 2) for _ in range(2))
    x = np.random.default_rng(2).standard_normal((200, 2))
    a.run(x[:100])
    a.peek(x[100:150] * 1e6)
    b.run(x[:100])
    assert np.array_equal(a.run(x[100:]), b.run(x[100:]))


def test_displayed_eeg_equals_a_forward_iir_by_mne_from_a_warm_start():
    """60,000 uV of offset and all: what the screen shows is MNE's causal filter, in float32."""
    rate, n = 250.0, 5000
    eeg = (pink(3, 8, n) + 60_000).astype(np.float32)
    settings_ = SignalSettings(reference="none", line_hz=50)
    pipeline = Pipeline(settings_, rate, make_montage(CAP_8))
    pipeline.push(Chunk(eeg, times_of(n, rate)))
    shown = pipeline.traces(n / rate)[1]
    hop = int(0.125 * rate)
    x = eeg.astype(np.float64)
    x -= x[:, :hop].mean(axis=1, keepdims=True)
    for sos in (
        signal.butter(2, 0.5, "highpass", fs=rate, output="sos"),
        np.concatenate([np.r_[signal.iirnotch(50, 30, rate)]])[None],
        signal.butter(4, 45.0, "lowpass", fs=rate, output="sos"),
    ):
        iir = {"sos": sos, "output": "sos", "order": 2, "padlen": 0}
        x = mne.filter.filter_data(
            x, rate, None, 40.0, method="iir", iir_params=iir, phase="forward", verbose="error"
        )
    assert np.abs(shown.astype(np.float64) - x.astype(np.float32)).max() < 1e-5


def test_no_start_up_transient_from_an_offset():
    flat_start = np.full((8, 2500), 60_000, np.float32) + pink(4, 8, 2500)
    pipeline = Pipeline(SignalSettings(), 250.0, make_montage(CAP_8))
    pipeline.push(Chunk(flat_start, times_of(2500, 250.0)))
    shown = pipeline.traces(10.0)[1]
    assert np.abs(shown[:, :250]).max() < 3 * np.abs(shown[:, 1000:]).max()


@pytest.mark.parametrize("rate", [128.0, 250.0, 1000.0])
@pytest.mark.parametrize("name", ["delta", "theta", "alpha", "beta", "gamma"])
def test_the_stated_delay_is_when_a_pulse_in_the_band_arrives(rate, name):
    d = design(rate)
    low, high = SignalSettings().bands[name]
    centre = np.sqrt(low * high)
    t = np.arange(int(16 * rate)) / rate
    envelope = np.exp(-0.5 * ((t - 8) / 1.0) ** 2)  # narrow in frequency, so group delay applies
    out = signal.sosfilt(d.from_electrode[name].sos, envelope * np.sin(2 * np.pi * centre * t))
    power = np.abs(signal.hilbert(out)) ** 2
    arrives = (t * power).sum() / power.sum() - 8
    assert arrives == pytest.approx(d.delays[name], abs=0.1 * d.delays[name] + 0.002)


def test_bands_pass_their_own_and_stop_the_others():
    d = design()
    bands = SignalSettings().bands
    for name, (low, high) in bands.items():
        gain = np.abs(d.from_electrode[name].response(np.array([np.sqrt(low * high)])))[0]
        assert 20 * np.log10(gain) > -0.5
        for other, (a, b) in bands.items():
            if a >= 2 * high or b <= low / 2:
                centre = np.array([np.sqrt(a * b)])
                leak = np.abs(d.from_electrode[name].response(centre))[0]
                assert 20 * np.log10(leak) < -30, (name, other)


def test_notches_take_harmonics_too_and_all_with_one_width():
    sos = notches((50.0,), 500.0, 200.0, NOTCH_Q)
    for hz in (50.0, 100.0, 150.0):
        h = np.abs(signal.sosfreqz(sos, [hz, hz - 0.84, hz - 5], fs=500.0)[1])
        assert h[0] < 1e-6
        assert h[1] == pytest.approx(2**-0.5, abs=0.03)
        assert h[2] > 0.97


def test_a_band_up_to_nyquist_stays_stable():
    sos = band_pass(30.0, 45.0, 90.0)
    out = signal.sosfilt(sos, np.random.default_rng(0).standard_normal(20_000))
    assert np.abs(out).max() < 10
