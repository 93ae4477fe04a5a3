"""Over real LSL: nothing is lost, live equals replay, and the outside finds what it expects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bci_affect.config import SignalSettings
from bci_affect.eeg import Pipeline
from bci_affect.errors import BciAffectError
from bci_affect.events import RestStop, TrackStart
from bci_affect.streams import (
    EndOfStream,
    FloatOutlet,
    LslSource,
    Recorder,
    XdfSource,
    find_streams,
    read_xdf,
)
from tests.streams.lsl.live import ROOT, Reader, end, now, opened, publisher, spawn


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def replayed(path, **more):
    source = XdfSource(path, offline=True, **more)
    source.open()
    chunks = []
    while True:
        try:
            chunk = source.read(0.0)
        except EndOfStream:
            return source, chunks
        if chunk is not None:
            chunks.append(chunk)


def windows(source_info, chunks):
    pipeline = Pipeline(SignalSettings(), source_info.rate_hz, source_info.montage)
    return [window for chunk in chunks for window in pipeline.push(chunk)]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play the demonstration in another process, at three times its speed; read, record it here."""
    tmp_path = tmp_path_factory.mktemp("played")
    file = ROOT / "recordings" / "demo.xdf"
    player = spawn("bci_affect", "play", file, "--start", "18", "--speed", "3")
    source = LslSource(name="Simulated EEG")
    recorder = Recorder(tmp_path / "live.xdf")
    source.tap = recorder
    info = source.open(90.0)
    reader = Reader(source)
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 250 * 12, 60.0)
    reader.finish()
    end(player)
    recorder.stop()
    return file, info, reader, tmp_path / "live.xdf"


def test_a_live_reader_gets_the_first_sample_and_every_one_after_it(played):
    file, info, reader, _ = played
    _, chunks = replayed(file, start_s=18.0)
    live = np.concatenate([chunk.samples for chunk in reader.chunks], axis=1)
    whole = np.concatenate([chunk.samples for chunk in chunks], axis=1)
    assert np.array_equal(live, whole[:, : live.shape[1]])
    assert info.simulated
    assert info.units == ("microvolts",) * 8


def test_live_windows_are_those_of_the_recording_and_of_our_own_record(played):
    file, info, reader, record = played
    live = windows(info, reader.chunks)
    source, chunks = replayed(file, start_s=18.0)
    again, recorded_chunks = replayed(record)
    for source_info, others in ((source.info, chunks), (again.info, recorded_chunks)):
        other = windows(source_info, others)
        assert len(live) > 80
        for mine, theirs in zip(live, other, strict=False):
            assert np.abs(mine.bands - theirs.bands).max() < 1e-5
            assert (mine.state, mine.index) == (theirs.state, theirs.index)
    ours = np.concatenate([chunk.times for chunk in recorded_chunks])
    assert np.abs(reader.times - ours[: reader.times.size]).max() < 1e-9


def test_markers_keep_their_place_in_the_eeg(played):
    file, _, reader, record = played
    shift = reader.times[0] - replayed(file, start_s=18.0)[1][0].times[0]
    wanted = {m.text: m.time for m in read_xdf(file).markers()}
    got = [m for m in reader.markers if m.stream == "bci_affect.events"]
    assert {RestStop, TrackStart} <= {type(m.event) for m in got}
    assert all(m.event is None for m in reader.markers if m.stream != "bci_affect.events")
    for marker in got:
        assert marker.time - shift == pytest.approx(wanted[marker.text], abs=0.002)
    recorded = {m.text for m in read_xdf(record).markers()}
    assert {m.text for m in got} <= recorded


def test_a_loop_has_no_seam():
    """The recording's first sample follows its last one after one period."""
    file = ROOT / "recordings" / "demo.xdf"
    spawn("bci_affect", "play", file, "--start", "129", "--speed", "3", "--loop")
    reader = opened("Simulated EEG")
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 250 * 6, 60.0)
    reader.finish()
    rounds = [*replayed(file, start_s=129.0)[1], *replayed(file)[1]]
    whole = np.concatenate([chunk.samples for chunk in rounds], axis=1)
    live = np.concatenate([chunk.samples for chunk in reader.chunks], axis=1)
    assert live.shape[1] > 250 * 4  # the seam lies at 750
    assert np.array_equal(live, whole[:, : live.shape[1]])
    assert not any(chunk.gap_before for chunk in reader.chunks)
    assert np.abs(np.diff(reader.times) - 1 / 250).max() < 1e-4


def test_a_head_start_is_there_at_once_as_if_kept_until_now():
    file = ROOT / "recordings" / "demo.xdf"
    spawn("bci_affect", "play", file, "--head-start", "8")
    reader = opened("Simulated EEG")
    begin = now()
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 250 * 9, 60.0)
    reader.finish()
    assert reader.times[0] < begin - 4.0, "without, its first stamp would be later than now"
    assert np.abs(np.diff(reader.times) - 1 / 250).max() < 1e-4
    whole = np.concatenate([chunk.samples for chunk in replayed(file)[1]], axis=1)
    live = np.concatenate([chunk.samples for chunk in reader.chunks], axis=1)
    assert np.array_equal(live, whole[:, : live.shape[1]])


def test_bluetooth_stamps_come_out_even(tmp_path):
    base = now() - 1.0
    publisher("bluetooth", "bt", base, "--stamps", "arrival", "--piece", 0.05)
    reader = opened("bluetooth")
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 250 * 4, 60.0)
    reader.finish()
    assert np.all(np.diff(reader.numbers) == 1)
    error = reader.times - (base + reader.numbers / 250)
    assert error[250:].std() < 0.02
    assert np.diff(reader.times).min() > 0


def test_streams_are_found_chosen_and_asked_for():
    base = now()
    publisher("twin", "left", base, "--units", "")
    publisher("twin", "right", base, "--channels", 6)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        seen = {s.source_id for s in find_streams(0.5)}
        if {"left", "right"} <= seen:
            break
    with pytest.raises(BciAffectError, match=r"2 streams match: .*left.*right"):
        LslSource(name="twin").open(5.0)
    right = LslSource(source_id="right", channels=["pz", "Fz"])
    assert right.open(60.0).labels == ("Pz", "Fz")
    right.close()
    right.close()
    by_predicate = LslSource(predicate="name='twin' and channel_count='6'")
    assert by_predicate.open(60.0).source_id == "right"
    by_predicate.close()
    with pytest.raises(BciAffectError, match=r"no channel Cx; it has Fz, Cz"):
        LslSource(source_id="right", channels=["Cx"]).open(5.0)


def test_no_stream_says_how_to_check():
    with pytest.raises(BciAffectError, match=r"'nobody' was found.*bci-affect streams"):
        LslSource(name="nobody").open(0.3)


def test_a_slow_reader_is_told_what_it_missed(monkeypatch):
    monkeypatch.setattr("bci_affect.streams.lsl.chunk_queue.KEEP_S", 0.5)
    publisher("fast", "fast", now() - 1.0)
    source = LslSource(name="fast")
    source.open(90.0)
    time.sleep(2.0)
    reader = Reader(source)
    reader.wait_for(lambda: len(reader.chunks) > 60, 60.0)
    health = source.health
    reader.finish()
    first = reader.chunks[0]
    assert health.lost > 100
    assert health.received > health.lost
    assert first.gap_before > 0.3 or first.times[0] > 0


def test_what_liblsl_had_to_drop_is_seen_from_the_stamps(monkeypatch):
    """A program that stalls longer than liblsl's buffer: the oldest samples are dropped."""
    monkeypatch.setattr("bci_affect.streams.lsl.validation.BUFFER_S", 1)
    publisher("overflow", "overflow", now() - 1.0)
    reader = opened("overflow")
    assert reader.wait_for(lambda: len(reader.chunks) > 50, 60.0)
    with reader.source._pulling:  # neither reader nor watchdog can pull
        time.sleep(3.0)
    assert reader.wait_for(lambda: reader.source.health.lost > 0, 60.0)
    count = len(reader.chunks)
    assert reader.wait_for(lambda: len(reader.chunks) > count + 100, 60.0)
    health = reader.source.health
    reader.finish()
    steps = np.diff(reader.numbers)
    missing = int(steps[steps > 1].sum() - np.count_nonzero(steps > 1))
    assert missing > 250
    assert health.lost == pytest.approx(missing, abs=3)
    gaps = sum(chunk.gap_before for chunk in reader.chunks)
    assert gaps == pytest.approx(missing / 250, abs=0.02)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="told by a signal")
def test_a_clock_that_the_device_sets_leaves_no_hole_and_replays_the_same(tmp_path):
    device = publisher("set-clock", "set-clock", now() - 1.0)
    source = LslSource(name="set-clock")
    recorder = Recorder(tmp_path / "set.xdf")
    source.tap = recorder
    source.open(90.0)
    reader = Reader(source)
    for told in (None, signal.SIGUSR1, signal.SIGUSR2):
        if told:
            device.send_signal(told)
        count = len(reader.chunks)
        assert reader.wait_for(lambda n=count: len(reader.chunks) > n + 80, 60.0)
    late = now() - reader.chunks[-1].times[-1]
    reader.finish()
    recorder.stop()
    assert np.all(np.diff(reader.numbers) == 1)
    assert not any(chunk.gap_before for chunk in reader.chunks)
    assert source.health.lost == 0
    assert late == pytest.approx(0, abs=1.0)  # the times are still those of this machine's clock
    times = np.concatenate([chunk.times for chunk in replayed(tmp_path / "set.xdf")[1]])
    assert np.abs(reader.times - times[: reader.times.size]).max() < 1e-9


def test_the_simulate_command_is_a_headset_with_the_faults_that_were_asked_for():
    spawn(
        *("bci_affect", "simulate", "stream", "--cap", "muse", "--rate", "256"),
        *("--duration", "4", "--drop", "2:0.5", "--flat", "AF7:1", "--no-blinks"),
    )
    reader = opened("Simulated EEG")
    assert reader.wait_for(
        lambda: bool(reader.chunks) and reader.times[-1] - reader.times[0] > 3.5, 60.0
    )
    health, info = reader.source.health, reader.source.info
    reader.finish()
    assert info.labels == ("TP9", "AF7", "AF8", "TP10")
    assert info.simulated
    assert [round(chunk.gap_before, 1) for chunk in reader.chunks if chunk.gap_before] == [0.5]
    assert health.lost == pytest.approx(128, abs=2)
    samples = np.concatenate([chunk.samples for chunk in reader.chunks], axis=1)
    assert samples[1, :256].std() > 1
    assert samples[1, 257:].std() == 0
    assert any(isinstance(m.event, TrackStart) for m in reader.markers)


PEER = """
import json, sys
import numpy as np
from mne_lsl.stream import StreamLSL
stream = StreamLSL(bufsize=20, name="peer.estimate").connect(acquisition_delay=0.05, timeout=20)
import time
end = time.time() + 20
while stream.n_new_samples < 20 and time.time() < end:
    time.sleep(0.05)
data, times = stream.get_data(picks="all")
print(json.dumps({"labels": stream.ch_names, "last": data[:, -1].tolist()}))
stream.disconnect()
"""


def test_mne_lsl_reads_our_outlets(tmp_path):
    pytest.importorskip("mne_lsl", reason="the peer mne-lsl is not installed (extra 'peer')")
    outlet = FloatOutlet(
        "peer.estimate", "Affect", ["valence", "arousal"], ["none", "none"], rate=50
    )
    # Its liblsl sees only one of several local outlets (those of other tests, say) by multicast on
    # a machine with nothing but loopback; asked by unicast, all answer.
    config = tmp_path / "lsl_api.cfg"
    config.write_text(Path(os.environ["LSLAPICFG"]).read_text() + "KnownPeers={127.0.0.1}\n")
    peer = subprocess.Popen(
        [sys.executable, "-c", PEER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LSLAPICFG": str(config)},
    )
    began = time.monotonic()
    while peer.poll() is None and time.monotonic() - began < 60:
        outlet.push([0.25, -0.5], now())
        time.sleep(0.02)
    said = json.loads(peer.communicate(timeout=10)[0].splitlines()[-1])
    assert said["labels"] == ["valence", "arousal"]
    assert said["last"] == pytest.approx([0.25, -0.5])


FEED = """
import sys, time
import mne, numpy as np
from mne_lsl.player import PlayerLSL
info = mne.create_info(["Fz", "Cz", "Pz"], 250.0, "eeg")
data = np.tile(np.arange(250 * 60) * 1e-6, (3, 1))
raw = mne.io.RawArray(data, info, verbose="error")
with PlayerLSL(raw, chunk_size=10, name="peer-player", source_id="peer") as player:
    time.sleep(40)
"""


def test_mne_lsl_feeds_us():
    pytest.importorskip("mne_lsl", reason="the peer mne-lsl is not installed (extra 'peer')")
    peer = subprocess.Popen(
        [sys.executable, "-c", FEED], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        reader = opened("peer-player")
        reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > 800, 60.0)
        info = reader.source.info
        reader.finish()
    finally:
        end(peer)
    assert info.labels == ("Fz", "Cz", "Pz")
    values = np.concatenate([chunk.samples[1] for chunk in reader.chunks])
    # It sends and declares volts (or an index): one sample is one microvolt more.
    assert np.allclose(np.diff(values), 1.0, atol=0.02)


def test_importing_the_room_loads_no_lsl():
    code = (
        "import sys, bci_affect.streams\n"
        "assert not {'pylsl', 'pyxdf', 'mne', 'torch'} & {m.split('.')[0] for m in sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_a_missing_liblsl_is_one_clear_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(BciAffectError, match="Live streams need LSL"):
        LslSource().open(1.0)


def test_the_example_consumer_prints_what_we_publish():
    labels = ["valence", "arousal", "valence_prob", "arousal_prob", "confidence", "quality"]
    outlet = FloatOutlet("bci_affect.estimate", "Affect", labels, ["none"] * 6)
    consumer = subprocess.Popen(
        [sys.executable, "-u", ROOT / "docs" / "examples" / "consumer.py"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not outlet._outlet.has_consumers() and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(20):
            outlet.push([0.25, -0.5, 0.6, 0.3, 0.8, 1.0], now())
            time.sleep(0.02)
        lines = [consumer.stdout.readline() for _ in range(2)]
    finally:
        end(consumer)
        consumer.stdout.close()
    assert lines[1].startswith("valence +0.25  arousal -0.50  confidence 80%")


def test_a_rate_that_is_not_the_named_one_and_missing_units_are_said():
    publisher("vague", "vague", now() - 1.0, "--units", "")
    reader = opened("vague")
    reader.wait_for(lambda: "names no unit" in reader.source.health.reason, 60.0)
    health = reader.source.health
    reader.finish()
    assert health.state.value == "streaming"
    assert "microvolts" in health.reason
