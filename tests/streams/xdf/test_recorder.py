"""Recorded data survive ``kill -9``, with at most one second lost."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import pyxdf

from bci_affect.errors import BciAffectError
from bci_affect.streams import Recorder, build_header, read_xdf
from tests.streams.lsl.live import ROOT


def test_kill_at_any_moment_loses_at_most_a_second(tmp_path):
    delays = (0.0, 0.31, 0.77)
    paths = [tmp_path / f"{i}.xdf" for i in range(len(delays))]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.streams.xdf.recorder_process", path],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for path in paths
    ]
    for process, path, delay in zip(running, paths, delays, strict=True):
        assert process.stdout is not None
        process.stdout.readline()  # it is running
        time.sleep(1.0 + delay)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        handed_over = int(said[-1])
        recording = read_xdf(path)
        assert not recording.damage
        cap = recording.streams[0]
        numbers = cap.samples()[:, 0].astype(int)
        assert np.array_equal(numbers, np.arange(numbers.size))
        assert handed_over - numbers.size <= 250
        theirs, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
        found = {stream["info"]["name"][0]: stream for stream in theirs}
        assert np.array_equal(found["Cap"]["time_series"], cap.samples())
        assert found["Events"]["time_series"][-1][0].startswith("at ")


def test_a_file_is_readable_as_soon_as_its_stream_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr("bci_affect.streams.xdf.recorder.FLUSH_S", 3600.0)
    path = tmp_path / "s.xdf"
    recorder = Recorder(path)
    recorder.open_stream("eeg", build_header("Cap", "EEG", ["a"], rate_hz=100))
    began = time.monotonic()
    names = []
    while names != ["Cap"]:
        assert time.monotonic() - began < 60
        time.sleep(0.01)
        with contextlib.suppress(BciAffectError):  # its header is not yet there
            names = [stream.header.name for stream in read_xdf(path).streams]
    recorder.stop()


def test_footers_hold_counts_offsets_and_health(tmp_path):
    path = tmp_path / "sub" / "s.xdf"
    recorder = Recorder(path)
    recorder.open_stream("far", build_header("Far", "EEG", ["a"], rate_hz=100))
    recorder.open_stream("own", build_header("Own", "Affect", ["v"]))
    recorder.clock_offset("far", 10.0, -0.5)
    for second in range(12):
        recorder.samples("far", np.ones((100, 1), "f4"), 10 + second + np.arange(100) / 100)
        recorder.push("own", [0.5], 9.5 + second)
    status = recorder.stop()
    assert status.error == ""
    assert status.size_bytes == path.stat().st_size
    far, own = read_xdf(path).streams
    assert far.offsets == [(10.0, -0.5)]
    assert [time for time, _ in own.offsets] == [9.5, 14.5, 19.5]
    assert "<sample_count>1200</sample_count>" in far.footer
    theirs, _ = pyxdf.load_xdf(path)
    footers = {s["info"]["name"][0]: s["footer"]["info"] for s in theirs}
    assert footers["Far"]["sample_count"] == ["1200"]


def test_calls_never_wait_for_the_disk(tmp_path):
    recorder = Recorder(tmp_path / "s.xdf")
    recorder.open_stream("k", build_header("Cap", "EEG", ["a"] * 64, rate_hz=1000))
    block = np.zeros((100, 64), "f4")
    with contextlib.closing(_Pause(recorder)):
        for n in range(200):  # 20 s of 64 channels while the writer is blocked
            recorder.samples("k", block, n / 10 + np.arange(100) / 1000)
    recorder.stop()
    assert len(read_xdf(tmp_path / "s.xdf").streams[0]) == 20_000


class _Pause:
    """Holds the writer's file as a slow disk would."""

    def __init__(self, recorder):
        self._writer = recorder._writer
        self._flush = self._writer.flush
        self._closed = False
        self._writer.flush = self._wait

    def _wait(self):
        while not self._closed:
            time.sleep(0.01)
        self._flush()

    def close(self):
        self._closed = True
