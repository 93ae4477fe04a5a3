"""Streams that lie about themselves cost themselves only; the rest is received and recorded."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams import FoundStream, Recorder, build_header, read_xdf, record_streams
from bci_affect.streams.lsl.validation import buffer_length, check_agreement, check_limits
from tests.streams.lsl.live import ROOT, end, now, opened, publisher, spawn


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def hostile(name: str, kind: str) -> subprocess.Popen:
    return spawn("tests.streams.lsl.hostile_publisher", name, kind, 60.0)


READ = """
import sys, time
from bci_affect.errors import BciAffectError
from bci_affect.streams import LslSource
source = LslSource(name=sys.argv[1])
try:
    source.open(2.0)
except BciAffectError as error:
    print(error)
    sys.exit(1)
end = time.monotonic() + 5
while time.monotonic() < end:
    source.read(0.1)
"""


def test_a_stream_with_two_descriptions_is_refused_before_it_writes_beyond_the_buffer():
    """64 values of 8 bytes were written where 64 of one byte had room: a crash."""
    hostile("two-faced", "bytes")
    for _ in range(20):  # until it is visible
        reader = subprocess.run(
            [sys.executable, "-c", READ, "two-faced"], cwd=ROOT, capture_output=True, text=True
        )
        if "was found in" not in reader.stdout:
            break
    assert reader.returncode == 1, reader.stderr
    assert "64 channels of double64 and 64 of int8" in reader.stdout


def test_streams_that_lie_cost_themselves_only(tmp_path):
    """One of them ended the recording of all others."""
    lies = ("bytes", "channels", "not-text", "not-numbers", "long-text")
    for kind in lies:
        hostile(f"lie-{kind}", kind)
    hostile("good", "honest")
    names = ("good", *(f"lie-{kind}" for kind in lies))
    result = record_streams(tmp_path / "a.xdf", wanted=names, duration_s=3.0, timeout_s=60.0)
    recording = read_xdf(tmp_path / "a.xdf")
    assert not recording.damage
    streams = {stream.header.name: stream for stream in recording.streams}
    good = streams.pop("good")
    assert sum(len(stream) for stream in streams.values()) == 0
    assert len(good) == result["samples"]["good"] > 250
    assert np.all(good.samples() == 1)


def test_data_that_does_not_fit_its_header_costs_its_stream_only(tmp_path):
    recorder = Recorder(tmp_path / "a.xdf")
    for key, header in (
        ("eeg", build_header("Cap", "EEG", ["a"], rate_hz=100)),
        ("wide", build_header("Wide", "EEG", ["a", "b"], rate_hz=100)),
        ("text", build_header("Text", "Markers", ["a"], fmt="string")),
        ("numbers", build_header("Numbers", "Misc", ["a"])),
    ):
        recorder.open_stream(key, header)
    stamps = np.arange(10) / 10
    for second in range(3):
        recorder.samples("wide", np.ones((10, 3), "f4"), stamps + second)
        recorder.samples("text", np.ones((10, 1), "f4"), stamps + second)
        recorder.samples("unknown", np.ones((10, 1), "f4"), stamps + second)
        recorder.samples("numbers", np.full((10, 1), "no number"), stamps + second)
        recorder.samples("eeg", np.ones((10, 1), "f4"), stamps + second)
    assert recorder.stop().error == ""
    recording = read_xdf(tmp_path / "a.xdf")
    assert not recording.damage
    assert {stream.header.name: len(stream) for stream in recording.streams} == {
        "Cap": 30,
        "Wide": 0,
        "Text": 0,
        "Numbers": 0,
    }


def test_a_stream_that_floods_the_disk_is_dropped_and_the_eeg_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("bci_affect.streams.xdf.recorder.MAX_STREAM_BYTES", 1 << 20)
    monkeypatch.setattr("bci_affect.streams.xdf.recorder.FLUSH_S", 3600.0)
    recorder = Recorder(tmp_path / "a.xdf")
    for key in ("eeg", "flood"):
        recorder.open_stream(key, build_header(key, "EEG", ["a"] * 8, rate_hz=100))
    block = np.zeros((1000, 8), "f4")
    stamps = np.arange(1000) / 100
    for turn in range(100):
        recorder.samples("flood", block, stamps + 10 * turn)
    recorder.samples("eeg", block, stamps)
    assert recorder.stop().error == ""
    streams = {stream.header.name: stream for stream in read_xdf(tmp_path / "a.xdf").streams}
    assert len(streams["eeg"]) == 1000
    assert "flood" not in streams or len(streams["flood"]) < 100_000


def test_a_flood_of_texts_costs_its_stream_and_no_sample_of_the_eeg(caplog):
    caplog.set_level(logging.WARNING)
    publisher("Calm", "calm-1", now())
    hostile("Flood", "many-texts")
    reader = opened("Calm")
    words = "sends more than 2,000 texts a second"
    assert reader.wait_for(lambda: any(words in r.message for r in caplog.records), 30)
    count = reader.numbers.size
    assert reader.wait_for(lambda: reader.numbers.size > count + 100, 10)
    reader.finish()
    assert (np.diff(reader.numbers) == 1).all()
    assert "Flood" not in {side.name for side in reader.source.side_streams()}


def found(n_channels: int, rate_hz: float, fmt: str) -> FoundStream:
    return FoundStream("Cap", "EEG", "id", n_channels, rate_hz, fmt, "host", "uid", 0.0)


@pytest.mark.parametrize(
    ("n_channels", "rate_hz", "fmt", "named"),
    [
        (65_536, 250.0, "float32", "65536 channels"),
        (0, 250.0, "float32", "0 channels"),
        (8, 1e9, "float32", "1e\\+09 Hz"),
        (8, float("nan"), "float32", "nan Hz"),
        (8, -1.0, "float32", "-1 Hz"),
        (4096, 10_000.0, "double64", "328 MB per second"),
        (8, 250.0, "undefined", "unknown format"),
    ],
)
def test_limits_of_live_streams(n_channels, rate_hz, fmt, named):
    with pytest.raises(BciAffectError, match=named):
        check_limits(found(n_channels, rate_hz, fmt))


@pytest.mark.parametrize(
    ("n_channels", "rate_hz", "fmt"),
    [(4, 256.0, "float32"), (256, 2048.0, "double64"), (2, 48_000.0, "int16"), (1, 0.0, "string")],
)
def test_real_streams_are_within_the_limits(n_channels, rate_hz, fmt):
    stream = found(n_channels, rate_hz, fmt)
    check_limits(stream)
    assert buffer_length(stream) >= 30
    labels = [f"c{i}" for i in range(n_channels)]
    check_agreement(stream, build_header("Cap", "EEG", labels, rate_hz=rate_hz, fmt=fmt))
