"""A board's samples arrive over LSL once each, with even times, through all faults of a headset."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams import ConnectionState, LslSource, find_streams, local_clock
from bci_affect.streams.bridge.board import AUXILIARY, DEFAULT, BoardSettings, load_brainflow
from bci_affect.streams.bridge.causes import BoardRefusal, Cause
from bci_affect.streams.bridge.service import Bridge, BridgeOptions
from tests.streams.bridge.stand_in import Headset, StandInMachine
from tests.streams.lsl.live import ROOT, Reader

QUICK = BridgeOptions(silent_s=0.6, first_retry_s=0.1, longest_retry_s=0.3)
NUMBERED = iter(range(1000))


class Running:
    """A bridge on a thread, with every status it has reported."""

    def __init__(self, settings, options=QUICK, **more):
        self.statuses = []
        self.bridge = Bridge(settings, options, notify=self.statuses.append, **more)
        self.stop, self.error, self.sent = threading.Event(), None, 0
        self._thread = threading.Thread(target=self._run)

    def start(self, *, wait=False):
        self._wait = wait
        self._thread.start()
        return self

    def _run(self):
        try:
            self.sent = self.bridge.run(self.stop, wait=self._wait)
        except Exception as error:
            self.error = error

    def end(self):
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def until(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not condition(self.bridge.status):
            time.sleep(0.01)
        assert condition(self.bridge.status), self.bridge.status

    def streams(self):
        self.until(lambda status: status.state is ConnectionState.STREAMING)

    def causes(self):
        """Causes in order, each once in a row."""
        found = [status.cause for status in self.statuses]
        return [c for i, c in enumerate(found) if c and (i == 0 or found[i - 1] != c)]


@contextmanager
def running(headset, options=QUICK, machine=None, **more):
    settings = BoardSettings("cyton", serial_port=f"/dev/ttyUSB{next(NUMBERED)}", **more)
    made = Running(
        settings,
        options,
        make_board=headset.board,
        surroundings=machine or StandInMachine(group="dialout"),
    )
    try:
        yield made
    finally:
        made.end()


@contextmanager
def other_process(bridge):
    """Receive the bridge's EEG in another process; the result is filled in at the end."""
    header = bridge.header
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.streams.bridge.inlet", header.source_id, header.type],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    received = {"is open": lambda: process.stdout.readline().strip() == "open"}
    try:
        yield received
        out, _ = process.communicate(timeout=30)
        names = ("numbers", "times", "states", "rate_hz", "labels")
        received |= dict(zip(names, json.loads(out.splitlines()[-1]), strict=True))
    finally:
        process.kill()
        process.communicate()


def test_no_fault_of_a_headset_loses_or_doubles_a_sample():
    headset = Headset(burst=12, jitter_s=0.01)
    with running(headset) as made, other_process(made.bridge) as received:
        made.start(wait=True)
        assert received["is open"]()
        made.streams()
        time.sleep(0.8)
        headset.silent = True  # stays connected and sends nothing
        made.until(lambda status: status.cause is Cause.SILENT)
        headset.refuses = "BOARD_NOT_READY_ERROR"  # and then does not answer
        made.until(lambda status: status.tries >= 2)
        headset.refuses, headset.silent = "", False
        made.streams()
        time.sleep(0.6)
        headset.refuses, headset.breaks = "SYNC_TIMEOUT_ERROR", "STREAM_THREAD_IS_NOT_RUNNING"
        made.until(lambda status: status.tries >= 2)
        headset.refuses = ""
        made.streams()
        time.sleep(0.8)
        made.end()
    assert made.sent == headset.made[DEFAULT]
    assert received["numbers"] == list(range(made.sent)), "each sample once, in order"
    times = np.array(received["times"])
    assert abs(times[-1] - local_clock()) < 30, "on LSL's clock"
    steps = np.diff(times)
    assert steps.min() > 0
    assert np.sum(steps > 0.1) == 2, "two holes, as long as the headset was away"
    assert np.percentile(np.abs(steps - 1 / 250), 90) < 0.001, "without the jitter of the radio"
    states = [state for state, _ in received["states"]]
    assert "stalled" in states
    assert states[-1] in ("streaming", "lost", "stalled")
    assert made.causes() == [Cause.SILENT, Cause.NOT_READY, Cause.READ, Cause.TIMEOUT]
    released = [board.calls[-1] for board in headset.connections[1:]]
    assert set(released) == {"release"}, "every connection is given back"


def test_retries_wait_longer_each_time_and_end_with_success():
    headset = Headset()
    headset.refuses = "BOARD_NOT_READY_ERROR"
    options = BridgeOptions(keep_trying=True, first_retry_s=0.1, longest_retry_s=0.4)
    with running(headset, options) as made:
        began = time.monotonic()
        made.start()
        made.until(lambda status: status.tries == 4)
        assert 0.7 <= time.monotonic() - began < 3.0  # 0.1 + 0.2 + 0.4
        assert headset.refused == 4
        pauses = {s.tries: s.retry_s for s in reversed(made.statuses) if s.retry_s}
        assert pauses == {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.4}
        headset.refuses = ""
        made.streams()
        assert (made.bridge.status.reason, made.bridge.status.tries) == ("", 0)


def test_the_first_refusal_ends_the_bridge_with_its_cause():
    headset = Headset()
    headset.refuses = "UNABLE_TO_OPEN_PORT_ERROR"
    with running(headset, machine=StandInMachine(group="dialout", openable=False)) as made:
        made.start()
        made.until(lambda status: status.state is ConnectionState.STOPPED)
    assert isinstance(made.error, BoardRefusal)
    assert made.error.cause is Cause.NO_PERMISSION
    assert made.bridge.status.reason == str(made.error)


def test_a_headset_that_connects_but_never_sends_is_reported_and_retried():
    headset = Headset()
    headset.silent = True
    with running(headset, BridgeOptions(silent_s=0.5, first_retry_s=0.1)) as made:
        made.start()
        made.until(lambda status: status.cause is Cause.SILENT and status.tries == 2)
        headset.silent = False
        made.streams()


def test_a_refusal_at_the_start_of_sending_is_one_of_the_connection():
    headset = Headset()
    headset.at_start = "SYNC_TIMEOUT_ERROR"
    with running(headset) as made:
        made.start()
        made.until(lambda status: status.state is ConnectionState.STOPPED)
    assert made.error.cause is Cause.TIMEOUT
    assert headset.connections[-1].calls == ["prepare", "start", "release"]


def test_other_sensors_are_streams_and_rates_are_those_of_the_connected_device():
    headset = Headset(rate_hz=500.0)
    with running(headset) as made:
        assert made.bridge.header.rate_hz == 250, "as described before it is connected"
        made.start()
        made.streams()
        source = LslSource(name=made.bridge.header.name, source_id=made.bridge.header.source_id)
        source.open(20.0)
        found = {
            s.type: s for s in find_streams(2.0) if s.source_id.startswith(source.info.source_id)
        }
        assert set(found) == {"EEG", "ACC", "Battery"}
        assert (found["ACC"].rate_hz, found["ACC"].n_channels) == (50, 3)
        assert found["EEG"].rate_hz == 500
        accelerometer = LslSource(source_id=found["ACC"].source_id, type="ACC")
        accelerometer.open(20.0)
        reader = Reader(accelerometer)
        assert reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 20, 20.0)
        reader.finish()
        source.close()
        assert np.all(np.diff(reader.numbers) == 1)
        assert reader.numbers.max() < headset.made[AUXILIARY]
        assert made.bridge.status.battery == 87
        made.until(lambda status: status.missed == 0)


def test_synthetic_board_status_and_signal_to_end(tmp_path):
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    process = subprocess.Popen(
        [sys.executable, "-m", "bci_affect", "bridge", "--board", "synthetic", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["state"] == "streaming" and lines[-1]["missed"] is not None:
            break
    process.terminate()
    out, err = process.communicate(timeout=20)
    lines += [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0
    assert lines[-1]["state"] == "stopped"
    assert lines[-1]["cause"] == ""
    assert 50 < lines[-1]["battery"] <= 100
    assert "samples sent" in err


# --- BrainFlow's own boards -------------------------------------------------------------------


def bridged(settings, seconds=2.0, options=None):
    bridge = Bridge(settings, options)
    stop = threading.Event()
    sent = []
    thread = threading.Thread(target=lambda: sent.append(bridge.run(stop, wait=True)))
    thread.start()
    source = LslSource(name=bridge.header.name)
    try:
        source.open(60.0)
        reader = Reader(source)
        want = seconds * bridge.header.rate_hz
        reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > want, 60.0)
    finally:
        stop.set()
        thread.join()
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) >= sent[0], 60.0)
    reader.finish()
    return bridge.header, reader, sent[0]


def test_without_brainflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "brainflow.board_shim", None)
    with pytest.raises(BciAffectError, match=r"bci_affect\[headset\]"):
        Bridge(BoardSettings("synthetic"))


def test_the_synthetic_board_arrives_whole():
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    header, reader, sent = bridged(BoardSettings("synthetic"))
    assert header.rate_hz == 250
    assert header.labels[:2] == ("Fz", "C3")
    assert set(header.units) == {"microvolts"}
    assert header.simulated
    assert sum(c.times.size for c in reader.chunks) == sent
    assert np.isfinite(np.concatenate([c.samples for c in reader.chunks], axis=1)).all()
    assert np.diff(reader.times).min() > 0


def recorded(path, n):
    """Write a file of the playback board with `n` numbered samples."""
    flow = load_brainflow()
    BoardIds, BoardShim = flow.BoardIds, flow.BoardShim
    rows = BoardShim.get_num_rows(BoardIds.SYNTHETIC_BOARD.value)
    data = np.zeros((rows, n))
    eeg = BoardShim.get_eeg_channels(BoardIds.SYNTHETIC_BOARD.value)
    data[eeg] = np.arange(n)
    data[BoardShim.get_timestamp_channel(BoardIds.SYNTHETIC_BOARD.value)] = 1e9 + np.arange(n) / 250
    np.savetxt(path, data.T, fmt="%.6f", delimiter="\t")  # as BrainFlow's own files are
    return BoardSettings("playback_file", file=str(path), master="synthetic")


def test_a_playback_board_gives_the_recorded_samples_and_again_after_its_end(tmp_path):
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    settings = recorded(tmp_path / "short.csv", 250)
    _, reader, sent = bridged(settings, 1.5, BridgeOptions(silent_s=0.5))
    values = np.concatenate([c.samples[0] for c in reader.chunks]).tolist()
    assert sent >= 375
    assert values == [*range(250), *range(250)][:sent], "played again, nothing lost or doubled"


def test_unknown_boards_and_wrong_names_are_refused():
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    with pytest.raises(BciAffectError, match=r"knows no board 'toaster'; it knows .*cyton"):
        Bridge(BoardSettings("toaster"))
    with pytest.raises(BciAffectError, match="16 EEG channels, but 2 names"):
        Bridge(BoardSettings("synthetic", labels=("Fz", "Cz")))
