"""Loudness (EBU R128, ITU-R BS.1770), true peak, and playback gain."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.music.loudness import (
    SILENCE_LUFS,
    LoudnessMeter,
    integrated_lufs,
    normalise_loudness,
    playback_gain_db,
)


def music(rate_hz: int, seconds: float, seed: int = 0) -> np.ndarray:
    """Noise bursts over a tone, with loud and quiet passages to exercise the gate."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    level = np.where((t % 4) < 1.5, 0.5, 0.01)[:, None]
    tone = np.sin(2 * np.pi * 440 * t)[:, None]
    return (level * (0.4 * rng.standard_normal((len(t), 2)) + 0.5 * tone)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_agrees_with_pyloudnorm(rate_hz: int) -> None:
    import pyloudnorm

    audio = music(rate_hz, 12.0)
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(audio)
    assert integrated_lufs(audio, rate_hz) == pytest.approx(expected, abs=0.001)


def test_a_constant_offset_does_not_change_loudness() -> None:
    """The filters run in float32, and the offset is several hundred times the music."""
    import pyloudnorm

    audio = 0.001 * music(44_100, 12.0) + np.float32(0.3)
    expected = pyloudnorm.Meter(44_100).integrated_loudness(audio.astype(np.float64))
    assert integrated_lufs(audio, 44_100) == pytest.approx(expected, abs=0.01)


def test_loudness_of_a_full_scale_sine() -> None:
    """ITU-R BS.1770: a 997 Hz sine at 0 dBFS in one channel measures -3.01 LKFS."""
    t = np.arange(10 * 48_000) / 48_000
    sine = np.sin(2 * np.pi * 997 * t).astype(np.float32)
    assert integrated_lufs(sine, 48_000) == pytest.approx(-3.01, abs=0.1)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(cuts=st.lists(st.integers(0, 64_000), max_size=6))
def test_loudness_does_not_depend_on_block_size(cuts: list[int]) -> None:
    audio = music(16_000, 4.0)
    meter = LoudnessMeter(16_000, 2)
    edges = [0, *sorted(cuts), len(audio)]
    for first, last in itertools.pairwise(edges):
        meter.push(audio[first:last])
    assert meter.lufs() == pytest.approx(integrated_lufs(audio, 16_000), abs=1e-5)  # float32


def test_true_peak_between_samples_is_found() -> None:
    """A sine at a quarter of the sampling rate with phase pi/4 peaks 3 dB above its samples."""
    n = np.arange(48_000)
    sine = np.sin(2 * np.pi * 0.25 * n + np.pi / 4).astype(np.float32)[:, None]
    meter = LoudnessMeter(48_000, 1)
    meter.push(sine)
    assert 20 * np.log10(np.abs(sine).max()) == pytest.approx(-3.01, abs=0.01)
    assert meter.peak_dbfs() == pytest.approx(0.0, abs=0.3)


def test_silence_and_very_short_audio() -> None:
    assert integrated_lufs(np.zeros(48_000, np.float32), 48_000) == SILENCE_LUFS
    assert integrated_lufs(np.zeros(0, np.float32), 48_000) == SILENCE_LUFS
    assert -30 < integrated_lufs(np.full(100, 0.5, np.float32), 48_000) < 0
    quiet = np.zeros(1600, np.float32)
    np.testing.assert_array_equal(normalise_loudness(quiet, 16_000), quiet)


@given(st.floats(-69, 0), st.floats(-60, 3))
def test_playback_gain_keeps_the_peak_below_the_ceiling(lufs: float, peak: float) -> None:
    gain = playback_gain_db(lufs, peak)
    assert peak + gain <= -1.0 + 1e-9
    assert gain <= 12.0


@given(st.floats(-40, 0))
def test_normalised_audio_has_the_target_loudness(level_db: float) -> None:
    audio = music(16_000, 3.0)[:, 0] * np.float32(10 ** (level_db / 20))
    assert integrated_lufs(normalise_loudness(audio, 16_000), 16_000) == pytest.approx(
        -14.0, abs=0.2
    )
