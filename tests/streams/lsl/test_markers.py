"""Markers over real LSL and UDP: numbers of every format, delivered and recorded."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from bci_affect.datasets.segments import AffectLabel, Labels, find_segments
from bci_affect.events import Mark
from bci_affect.streams.marker_port import UDP_STREAM, MarkerPort
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import end, now, opened, publisher, spawn
from tests.streams.lsl.marker_publisher import FORMATS

pty = pytest.importorskip("pty", reason="terminals of POSIX")


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def send(text: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), ("127.0.0.1", port))


def test_numbers_are_markers_live_and_in_the_recording(tmp_path):
    publisher("Marked", "marked-1", now())
    spawn("tests.streams.lsl.marker_publisher", 30)
    port = free_port()
    reader = opened("Marked", markers_udp=port)
    reader.source.tap = recorder = Recorder(tmp_path / "s.xdf")
    wanted = {f"Marks-{fmt}" for fmt in FORMATS} | {"Codes"}
    assert reader.wait_for(lambda: wanted <= {m.stream for m in reader.markers}, 30)
    send("7", port)
    assert reader.wait_for(lambda: any(m.stream == UDP_STREAM for m in reader.markers), 5)
    reader.finish()
    recorder.stop()
    got = {(m.stream, m.text) for m in reader.markers}
    assert (UDP_STREAM, "7") in got
    texts = {stream: [m.text for m in reader.markers if m.stream == stream] for stream in wanted}
    for stream, seen in texts.items():
        first = int(seen[0].split("\t")[0])
        tail = "\t9" if stream == "Marks-double64" else ""
        assert seen == [f"{first + i}{tail}" for i in range(len(seen))], "none lost, none twice"
    stored = read_xdf(tmp_path / "s.xdf")
    times = {(m.stream.removesuffix(" Trigger 001"), m.text): m.time for m in stored.markers()}
    recorded = [m for m in reader.markers if (m.stream, m.text) in times]
    assert {m.stream for m in recorded} == wanted | {UDP_STREAM}
    for marker in recorded:
        assert marker.time == pytest.approx(times[marker.stream, marker.text], abs=0.05)


@pytest.mark.parametrize("label", ["TRIGGER", "X3"])
def test_codes_in_a_column_of_the_eeg_are_markers_live_and_in_the_recording(tmp_path, label):
    """Such a column is known by its label, or by its few integers."""
    base = now()
    publisher("Column", "column-1", base, "--trigger", label)
    reader = opened("Column")
    reader.source.tap = recorder = Recorder(tmp_path / "s.xdf")
    assert reader.source.info.montage.is_eeg.tolist() == [True] * 3 + [label == "X3"]
    assert reader.wait_for(lambda: len(reader.markers) >= 4, 30)
    reader.finish()
    recorder.stop()
    assert {m.stream for m in reader.markers} == {f"Column {label}"}
    for marker in reader.markers:
        assert marker.time == pytest.approx(base + round(marker.time - base), abs=0.01)
        assert int(marker.text) == 3 + 4 * (round(marker.time - base) % 2)
    since = read_xdf(tmp_path / "s.xdf").find_eeg().corrected()[1]
    stored = {(round(m.time, 2), m.text) for m in read_xdf(tmp_path / "s.xdf").markers()}
    assert {(round(m.time, 2), m.text) for m in reader.markers if m.time > since} <= stored
    assert len(stored) > 2


def test_osc_messages_are_markers():
    received = []
    port = MarkerPort(0, lambda: None, now)
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (
            b"/marker\0,s\0\0happy\0\0\0",
            b"/code\0\0\0,if\0\0\0\0\x07\x40\x20\0\0",
            b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x08/rest\0\0\0",
            b"/damaged\0\0\0\0,i\0\0",
            b"#bundle\0\xff",
            b"/home is text",
        ):
            sender.sendto(data, ("127.0.0.1", port.port))
    deadline = time.monotonic() + 5
    while len(received) < 4 and time.monotonic() < deadline:
        received += [m.text for m in port.take()]
        time.sleep(0.02)
    port.stop()
    assert received == ["/marker\thappy", "/code\t7\t2.5", "/rest", "/home is text"]


def test_live_command_takes_markers_of_port_and_keyboard(tmp_path: Path):
    """They are recorded, and labels of a LABELS.toml refer to them."""
    publisher("Command", "command-1", now())
    port = free_port()
    settings = tmp_path / "live.toml"
    settings.write_text('[marks]\n3 = "sad"\n')
    keyboard, terminal = pty.openpty()
    process = spawn(
        *("bci_affect", "live", "--stream", "Command", "--headless", "--no-music", "--wait", 60),
        *("--duration", 6, "--record", tmp_path, "--markers-udp", port, "--config", settings),
        stdin=terminal,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        send("happy", port)
        if any(tmp_path.rglob("*.xdf")):
            os.write(keyboard, b"m37x")
        time.sleep(0.2)
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == 0
    (path,) = tmp_path.rglob("*.xdf")
    recording = read_xdf(path)
    markers = recording.markers()
    assert {m.text for m in markers if m.stream == UDP_STREAM} == {"happy"}
    notes = {m.event.note for m in markers if isinstance(m.event, Mark)}
    assert notes == {"", "sad", "7"}
    feelings = {"happy": (8, 7), "sad": (2, 3), "7": (5, 5)}
    labels = {name: AffectLabel(valence=v, arousal=a) for name, (v, a) in feelings.items()}
    clips = find_segments(markers, markers[-1].time + 1, Labels(labels=labels))
    assert {clip.name for clip in clips} == set(feelings)
