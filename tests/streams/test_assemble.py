"""Chunks hold EEG in microvolts, whatever the stream sends and however it is grouped."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, FeatureWindow, Pipeline, State
from bci_affect.streams import build_header
from bci_affect.streams.assemble import Assembler
from tests.eeg.signals import CAP_8, SHORT, pink, times_of

RATE = 250.0


def assembled(samples, units, labels=CAP_8, step=100) -> tuple[Assembler, list[Chunk]]:
    """Push samples (n, n_channels) in parts."""
    header = build_header("Amp", "EEG", labels, units=units, rate_hz=RATE)
    assembler = Assembler(header)
    stamps, chunks = 10 + times_of(len(samples), RATE), []
    for at in range(0, len(samples), step):
        chunks += assembler.push(samples[at : at + step], stamps[at : at + step])
    return assembler, chunks + assembler.flush()


def joined(chunks: list[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks], axis=1)


def windows(
    assembler: Assembler, chunks: list[Chunk], settings: SignalSettings = SHORT
) -> list[FeatureWindow]:
    pipeline = Pipeline(settings, RATE, assembler.info.montage)
    return [window for chunk in chunks for window in pipeline.push(chunk)]


@pytest.mark.parametrize(
    ("factor", "name"),
    [(1, "microvolts"), (1e3, "millivolts"), (1e6, "volts"), (1e-3, "nanovolts")],
)
def test_a_stream_without_units_gives_the_windows_of_one_in_microvolts(factor, name):
    eeg = pink(2, 8, 3000).T + 30_000
    known = windows(*assembled(eeg, ["uV"] * 8))
    inferred, chunks = assembled((eeg / factor).astype(np.float64), [""] * 8)
    assert inferred.info.units == ("microvolts",) * 8
    assert name in inferred.unit_note
    for a, b in zip(known, windows(inferred, chunks), strict=True):
        assert a.state is b.state
        if a.state is State.OK:
            np.testing.assert_allclose(b.bands, a.bands, atol=1e-3)  # float32


def test_units_declared_per_channel_are_converted_per_channel():
    eeg = pink(3, 8, 1000).T
    mixed = eeg.copy()
    mixed[:, ::2] /= 1000
    assembler, chunks = assembled(mixed, ["mV", "uV"] * 4)
    np.testing.assert_allclose(joined(chunks), eeg.T, rtol=1e-6)
    assert not assembler.unit_note


def test_other_channels_keep_their_units():
    samples = pink(3, 2, 1000).T
    assembler, chunks = assembled(samples / 1e6, ["V", "g"], labels=["C3", "ACC_X"])
    assert assembler.info.units == ("microvolts", "g")
    np.testing.assert_allclose(joined(chunks), (samples / [1, 1e6]).T, rtol=1e-6)


def test_an_inferred_unit_does_not_depend_on_grouping():
    volts = pink(5, 8, 700).T / 1e6
    (_, whole), (_, parts) = (assembled(volts, [], step=step) for step in (700, 33))
    np.testing.assert_array_equal(joined(whole), joined(parts))
    _, short = assembled(volts[:100], [])  # the stream ends before its first second
    np.testing.assert_array_equal(joined(short), joined(whole)[:, :100])


def test_numbers_beyond_any_unit_are_missing_samples():
    volts = pink(4, 8, 2500).T.astype(np.float64) / 1e6
    volts[7, 0], volts[500, 1], volts[900, 2], volts[1200, 3] = 1e200, np.nan, np.inf, 1e35
    made = windows(*assembled(volts, ["V"] * 8), SignalSettings())
    assert all(np.isfinite(window.bands).all() for window in made)
    assert made[-1].state is State.OK
