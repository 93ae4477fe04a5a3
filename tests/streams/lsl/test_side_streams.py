"""The recording of a session keeps the other streams of the device."""

from __future__ import annotations

import time

import pytest

from bci_affect.streams.xdf.inspection import inspect_xdf
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import end, now, opened, publisher


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


@pytest.mark.parametrize("kept", [True, False])
def test_side_streams_are_recorded_unless_unwanted(tmp_path, kept):
    base = now()
    publisher("Sided", "sided-1", base)
    publisher("Sided", "sided-1", base, "--type", "ACC", "--rate", 52, "--channels", 3)
    publisher("Other", "other-1", base)
    reader = opened("Sided", side_streams=kept)
    reader.source.tap = recorder = Recorder(tmp_path / "s.xdf")
    if kept:
        wait = reader.source._markers
        assert reader.wait_for(lambda: sum(wait.counts.values()) > 52, 30)
    else:
        time.sleep(3.0)
    reader.finish()
    recorder.stop()
    found = [(s["name"], s["type"]) for s in inspect_xdf(tmp_path / "s.xdf")["streams"]]
    assert sorted(found) == [("Sided", "ACC"), ("Sided", "EEG")][not kept :]
    assert read_xdf(tmp_path / "s.xdf").find_eeg("Sided").header.type == "EEG"
