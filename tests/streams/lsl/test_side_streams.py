"""The recording of a session keeps the other streams of the device."""

from __future__ import annotations

import time

import pytest

from bci_affect.streams.lsl import collector
from bci_affect.streams.record import record_streams
from bci_affect.streams.xdf.inspection import inspect_xdf
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import end, now, opened, publisher


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


@pytest.mark.parametrize(
    ("kept", "left_out"), [(True, ()), (False, ()), (True, ("sided/acc",)), (True, ("ppg",))]
)
def test_side_streams_are_recorded_unless_unwanted(tmp_path, kept, left_out):
    base = now()
    publisher("Sided", "sided-1", base)
    publisher("Sided", "sided-1", base, "--type", "ACC", "--rate", 52, "--channels", 3)
    publisher("Other", "other-1", base)
    reader = opened("Sided", side_streams=kept, left_out=left_out)
    kept = kept and left_out != ("sided/acc",)
    reader.source.tap = recorder = Recorder(tmp_path / "s.xdf")
    if kept:
        wait = reader.source._markers
        assert reader.wait_for(lambda: sum(wait.counts.values()) > 52, 30)
        (side,) = reader.source.side_streams()
        assert (side.name, side.type, side.n_channels, side.nominal_hz) == ("Sided", "ACC", 3, 52)
        assert side.effective_hz == pytest.approx(52, rel=0.1)
        assert 0 <= side.age_s < 1
    else:
        time.sleep(1.5)
    reader.finish()
    recorder.stop()
    streams = inspect_xdf(tmp_path / "s.xdf")["streams"]
    found = [(s["name"], s["type"], s["role"]) for s in streams]
    wanted = [("Sided", "ACC", "side stream"), ("Sided", "EEG", "EEG")]
    assert sorted(found) == wanted[not kept :]
    assert read_xdf(tmp_path / "s.xdf").find_eeg("Sided").header.type == "EEG"


def test_streams_beyond_the_limit_are_not_received(tmp_path, monkeypatch, caplog):
    base = now()
    names = ["Many-1", "Many-2", "Many-3"]
    for name in names:
        publisher(name, name, base)
    monkeypatch.setattr(collector, "MAX_STREAMS", 2)
    done = record_streams(tmp_path / "m.xdf", wanted=names, duration_s=2, timeout_s=30)
    assert len(done["samples"]) == 2
    assert caplog.text.count("2 streams are the most") == 1
