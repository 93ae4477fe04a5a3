"""Optional cleaning: it takes blinks down, leaves quiet EEG, and stays causal and chunk-proof."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from bci_affect.config import AsrSettings, SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.simulation.simulator import CLEAN, EegSimulator, SimulatedPerson
from tests.eeg.signals import CAP_32, times_of

NAMES = CAP_32[::2]
RATE = 128.0


def simulate(blinks: bool) -> np.ndarray:
    montage = make_montage(NAMES)
    person = replace(SimulatedPerson.draw(3), blinks_per_min=25.0)
    given = replace(CLEAN, blinks=blinks, noise_uv=0.5)
    simulator = EegSimulator(NAMES, montage.positions, RATE, person, 3, given)
    return np.float32(simulator.block(int(40 * RATE)))


def settings(enabled: bool) -> SignalSettings:
    window = WindowSettings(window_s=2.0, step_s=0.5, hop_s=0.5)
    asr = AsrSettings(enabled=enabled, calibration_s=14.0, cutoff=10.0)
    return SignalSettings(window=window, reference="none", asr=asr)


def run(eeg: np.ndarray, *, enabled: bool, size: int = 10**6):
    pipeline = Pipeline(settings(enabled), RATE, make_montage(NAMES))
    windows, times = [], times_of(eeg.shape[1], RATE)
    for at in range(0, len(times), size):
        windows += pipeline.push(Chunk(eeg[:, at : at + size], times[at : at + size]))
    return windows, pipeline.traces(24.0)[1], pipeline


def test_blinks_shrink_and_quiet_eeg_stays():
    raw, truth = simulate(True), simulate(False)
    windows, cleaned, pipeline = run(raw, enabled=True)
    uncleaned = run(raw, enabled=False)[1]
    clean = run(truth, enabled=False)[1]
    front = NAMES.index("Fp1")
    blink = np.abs(uncleaned - clean)[front] > 30

    def error(shown, where):
        return np.sqrt(np.square((shown - clean)[front, where]).mean())

    assert blink.sum() > 100
    assert error(cleaned, blink) < 0.75 * error(uncleaned, blink)
    assert error(cleaned, ~blink) < 0.6 * clean[front].std()
    assert pipeline.warm_up_s == pipeline.settle_s + 2.0 + 14.0
    first = next(w for w in windows if w.state is not State.WARMING)
    assert first.time - 100.0 == pytest.approx(pipeline.warm_up_s, abs=0.51)
    in_chunks = run(raw, enabled=True, size=37)[0]
    assert all(np.array_equal(a.bands, b.bands) for a, b in zip(windows, in_chunks, strict=True))


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mne_denoise", None)
    with pytest.raises(BciAffectError, match=r"bci_affect\[asr\]"):
        Pipeline(settings(True), RATE, make_montage(NAMES))
