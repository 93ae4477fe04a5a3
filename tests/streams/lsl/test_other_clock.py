"""Devices with a wrong clock or unit, over real LSL."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from bci_affect.streams import LslSource
from bci_affect.streams.lsl.receiver import SETTLE_S
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import Reader, end, now, opened, publisher

UNIX = 1_788_000_000.0


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def test_unix_time_is_shifted_once_from_the_first_sample_on(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    base = now()
    device = publisher("Muse-U", "muse-u", base, "--clock", UNIX)
    reader = opened("Muse-U")
    reader.source.tap = recorder = Recorder(tmp_path / "s.xdf")
    assert reader.wait_for(lambda: reader.chunks, SETTLE_S + 20)
    first = reader.times[0]
    assert reader.wait_for(lambda: reader.times[-1] - first > 4, 20)
    assert now() - reader.times[-1] < 1.0
    assert np.abs(reader.times - (base + reader.numbers / 250)).max() < 0.1
    end(device)
    publisher("Muse-U", "muse-u", base, "--clock", UNIX)
    moment = reader.times[-1]
    assert reader.wait_for(lambda: reader.times[-1] > moment + 3, 30), "it is found again"
    assert np.abs(reader.times - (base + reader.numbers / 250)).max() < 0.2
    time.sleep(0.2)
    reader.finish()
    recorder.stop()
    said = [r.message for r in caplog.records if "not on LSL's clock" in r.message]
    assert len(said) == 1
    assert "muselsl stream --lsltime" in said[0]
    eeg = read_xdf(tmp_path / "s.xdf").find_eeg()
    assert eeg.stamps.min() > UNIX, "raw stamps are recorded as received"
    assert np.abs(eeg.corrected() - (base + eeg.samples()[:, 0] / 250)).max() < 0.2


def test_wrong_unit_is_said(caplog):
    caplog.set_level(logging.WARNING)
    publisher("Unit", "unit-1", now(), "--units", "nanovolts")
    reader = opened("Unit", channels=["Cz", "Pz", "Oz"])
    words = "it may be in microvolts"
    assert reader.wait_for(lambda: words in reader.source.health.reason, 20)
    reader.finish()
    assert any(words in record.message for record in caplog.records)


@pytest.mark.parametrize("closed", [True, False])
def test_samples_that_wait_for_the_clock_survive_the_end_of_the_device(tmp_path, closed):
    """The clock is estimated over two seconds; a device may break off before."""
    base = now()
    device = publisher("Brief", "brief-1", base, "--clock", UNIX)
    source = LslSource(name="Brief")
    source.tap = recorder = Recorder(tmp_path / "s.xdf")
    source.open(60.0)
    reader = Reader(source)
    assert not reader.chunks, "samples are held"
    if not closed:
        end(device)
        assert reader.wait_for(lambda: reader.chunks, 20)
    reader.finish()
    recorder.stop()
    eeg = read_xdf(tmp_path / "s.xdf").find_eeg()
    numbers = eeg.samples()[:, 0]
    assert len(eeg) > 50
    assert (np.diff(numbers) == 1).all()
    assert np.abs(eeg.corrected() - (base + numbers / 250)).max() < 0.5
