"""Markers over real LSL and UDP: numbers of every format, delivered and recorded."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from bci_affect.streams.marker_port import UDP_STREAM
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import end, now, opened, publisher, spawn
from tests.streams.lsl.marker_publisher import FORMATS


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


def test_live_command_records_markers_of_a_port(tmp_path: Path):
    publisher("Command", "command-1", now())
    port = free_port()
    process = spawn(
        *("bci_affect", "live", "--stream", "Command", "--headless", "--no-music", "--wait", 60),
        *("--duration", 6, "--record", tmp_path, "--markers-udp", port),
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        send("happy", port)
        time.sleep(0.2)
    assert process.returncode == 0
    (path,) = tmp_path.rglob("*.xdf")
    assert {m.text for m in read_xdf(path).markers() if m.stream == UDP_STREAM} == {"happy"}
