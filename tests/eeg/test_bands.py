"""Band power against independent estimates, and at a cost that does not grow with the window."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from bci_affect.config import CLASSIC_BANDS, SignalSettings, WindowSettings
from bci_affect.eeg.bands import GAUSS, BandPower
from tests.eeg.signals import CAP_8, pink, run

LONG = SignalSettings(
    window=WindowSettings(window_s=40.0, step_s=0.5, hop_s=0.5), reference="none", line_hz="off"
)


@pytest.mark.parametrize("how", ["welch", "multitaper"])
def test_stationary_power_agrees_with_mne_within_half_a_decibel(how):
    """Mean power over 40 s in each band, of pink noise: within 0.5 dB of MNE's spectral estimates.

    A Butterworth band leaks at its edges as much as it lets through too little, so that white and
    gently sloping spectra agree; delta, on the steepest part of 1/f, is allowed 1 dB.
    """
    rate = 250.0
    eeg = pink(1, 8, int(50 * rate))
    window = run(eeg, rate, settings=LONG, names=CAP_8)[-1]
    ours = np.exp(2 * (window.bands.astype(np.float64) - GAUSS)).mean(axis=0)  # (channels, bands)
    part = eeg[:, -int(40 * rate) :].astype(np.float64)
    if how == "welch":
        psd, hz = mne.time_frequency.psd_array_welch(
            part, rate, fmin=0.5, fmax=60, n_fft=1000, n_overlap=500, verbose="error"
        )
    else:
        psd, hz = mne.time_frequency.psd_array_multitaper(
            part, rate, fmin=0.5, fmax=60, bandwidth=0.5, normalization="full", verbose="error"
        )
    width = hz[1] - hz[0]
    for k, (name, (low, high)) in enumerate(CLASSIC_BANDS.items()):
        inside = (hz >= low) & (hz < high)
        theirs = psd[:, inside].sum(axis=1) * width
        off_db = 10 * np.log10(ours[:, k] / theirs)
        assert abs(off_db.mean()) < (1.0 if name == "delta" else 0.5), (name, off_db)


def test_a_sine_of_known_amplitude_has_its_entropy():
    t = np.arange(60 * 256) / 256.0
    eeg = np.float32(np.tile(20.0 * np.sin(2 * np.pi * 10.0 * t), (8, 1)))
    window = run(eeg, 256.0, settings=LONG, names=CAP_8)[-1]
    assert window.bands[:, :, 2] == pytest.approx(GAUSS + 0.5 * np.log(200.0), abs=0.02)


def test_a_step_is_the_variance_of_its_own_samples():
    """Running sums give what a direct sum over the step gives, at every hop."""
    setting = WindowSettings(window_s=2.0, step_s=0.5, hop_s=0.125)
    rng = np.random.default_rng(2)
    sizes = [31, 31, 31, 32] * 12
    hops = [rng.standard_normal((2, n, 3)) for n in sizes]
    power = BandPower(setting, 2, 3)
    for k, hop in enumerate(hops, start=1):
        power.add((hop**2).sum(axis=1)[None], [hop.shape[1]])
        if k < 16:
            continue
        whole = power.window()
        for i in range(4):
            part = np.concatenate(hops[k - 16 + 4 * i : k - 12 + 4 * i], axis=1)
            direct = GAUSS + 0.5 * np.log((part**2).mean(axis=1)).T
            np.testing.assert_allclose(whole[i], direct, atol=1e-6)


def test_the_work_of_a_hop_does_not_grow_with_the_window():
    """Entropies are computed for one step a hop, however long the window is: count them."""
    import bci_affect.eeg.bands as bands

    counts = {}
    for window_s in (1.0, 30.0):
        seen = []
        original = bands.entropy
        bands.entropy = lambda v: seen.append(v.size) or original(v)  # noqa: B023
        try:
            power = BandPower(WindowSettings(window_s=window_s, step_s=0.5, hop_s=0.25), 5, 32)
            for _ in range(130):
                power.add(np.full((1, 5, 32), 64.0), [64])
        finally:
            bands.entropy = original
        counts[window_s] = sum(seen)
    assert counts[1.0] == counts[30.0] == 130 * 160


def test_a_dead_signal_has_finite_entropy():
    window = run(np.zeros((8, 1500), np.float32), 250.0, names=CAP_8)[-1]
    assert np.isfinite(window.bands).all()
    assert not window.mask.any()
