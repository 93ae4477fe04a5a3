"""Markers that are numbers: every format, several channels, and columns of the EEG."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from bci_affect.config import load_toml
from bci_affect.datasets import Labels
from bci_affect.datasets.segments import find_segments
from bci_affect.errors import BciAffectError
from bci_affect.streams.header import FORMATS, build_header
from bci_affect.streams.marker_port import UDP_STREAM, MarkerPort
from bci_affect.streams.numeric_markers import trigger_columns
from bci_affect.streams.xdf.inspection import inspect_xdf
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from bci_affect.streams.xdf.source import XdfSource
from bci_affect.streams.xdf.writer import XdfWriter

RATE = 100
LABELS = """
[labels]
"7" = {valence = 8, arousal = 7}
"3" = {valence = 2, arousal = 3}
"""


def write(path: Path, columns: dict[str, np.ndarray], marks=None) -> Path:
    """Write EEG of noise with more columns, and streams of marks (header, samples, stamps)."""
    n = 60 * RATE
    noise = np.random.default_rng(0).normal(0, 10, (n, 2))
    samples = np.column_stack([noise, *columns.values()])
    labels = ["C3", "C4", *columns]
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(
            build_header("Amp", "EEG", labels, units=["microvolts"] * len(labels), rate_hz=RATE)
        )
        writer.samples(eeg, samples, 100 + np.arange(n) / RATE)
        for header, values, stamps in marks or ():
            writer.samples(writer.add_stream(header), values, stamps)
    return path


def held(codes: dict[int, int], length: int = 10) -> np.ndarray:
    """Return a column of zeros with codes by their second, each held for some samples."""
    column = np.zeros(60 * RATE)
    for second, code in codes.items():
        column[second * RATE : second * RATE + length] = code
    return column


def found_in(path: Path) -> list[tuple[float, str]]:
    return [(round(m.time, 3), m.text) for m in read_xdf(path).markers()]


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt != "string"])
def test_marks_of_every_number_format(tmp_path: Path, fmt: str) -> None:
    header = build_header("PsychoPy", "Markers", ["code"], fmt=fmt)
    marks = (header, np.array([[7], [3]], header.dtype), np.array([110.0, 130.0]))
    path = write(tmp_path / "s.xdf", {}, [marks])
    assert found_in(path) == [(110.0, "7"), (130.0, "3")]
    (tmp_path / "labels.toml").write_text(LABELS)
    labels = load_toml(tmp_path / "labels.toml", Labels)
    clips = find_segments(read_xdf(path).markers(), 160.0, labels)
    assert [(clip.name, clip.stop - clip.start) for clip in clips] == [("7", 20.0), ("3", 30.0)]
    assert inspect_xdf(path)["streams"][1]["events"] == 2


def test_each_channel_of_a_mark_is_a_label(tmp_path: Path) -> None:
    header = build_header("Box", "Markers", ["block", "code"], fmt="int16")
    marks = (header, np.array([[1, 7], [1, 3]], np.int16), np.array([110.0, 130.0]))
    path = write(tmp_path / "s.xdf", {}, [marks])
    assert [text for _, text in found_in(path)] == ["1\t7", "1\t3"]
    (tmp_path / "labels.toml").write_text(LABELS)
    labels = load_toml(tmp_path / "labels.toml", Labels)
    clips = find_segments(read_xdf(path).markers(), 160.0, labels)
    assert [clip.name for clip in clips] == ["7", "3"]


@pytest.mark.parametrize("label", ["TRIGGER", "Status", "STI 014", "Marker", "X9"])
def test_column_of_codes_by_its_name_or_by_its_values(tmp_path: Path, label: str) -> None:
    path = write(tmp_path / "s.xdf", {label: held({10: 7, 30: 3})})
    assert found_in(path) == [(110.0, "7"), (130.0, "3")]
    (eeg,) = inspect_xdf(path)["streams"]
    assert eeg["triggers"] == {label: 2}
    source = XdfSource(path, offline=True)
    source.open()
    while source.position_s < 40:
        source.read(0.0)
    assert [m.text for m in source.markers()] == ["7", "3"], "a replay hands them out"


def test_codes_that_are_held_until_the_next(tmp_path: Path) -> None:
    column = np.repeat([1, 7, 3], 20 * RATE)
    path = write(tmp_path / "s.xdf", {"Trigger": column})
    assert [text for _, text in found_in(path)] == ["7", "3"]


@pytest.mark.parametrize(
    ("label", "column"),
    [
        ("Counter", np.arange(6000) % 50),
        ("Battery", np.repeat([80, 79, 78], 2000)),
        ("X1", np.repeat([80, 79, 78], 2000)),
        ("X2", np.zeros(6000)),
        ("X3", np.arange(6000)),
    ],
)
def test_other_whole_numbers_are_no_triggers(
    tmp_path: Path, label: str, column: np.ndarray
) -> None:
    assert found_in(write(tmp_path / "s.xdf", {label: column})) == []


def test_search_for_triggers_in_eeg_ends_with_the_first_block() -> None:
    header = build_header("Amp", "EEG", ["C3", "C4"], rate_hz=RATE)

    def blocks():
        yield np.random.default_rng(0).normal(size=(100, 2))
        yield np.zeros((100, 2))
        raise AssertionError("a third block was decoded")

    assert trigger_columns(header, blocks()) == []


def test_datagrams_are_markers_and_are_recorded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s.xdf")
    port = MarkerPort(0, lambda: recorder, lambda: 123.0)
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (b"happy\n", "glücklich".encode("cp1252"), b" ", b"x" * 5000, b"7"):
            sender.sendto(data, ("127.0.0.1", port.port))
    got: list[str] = []
    deadline = time.monotonic() + 10
    while len(got) < 3 and time.monotonic() < deadline:
        got += [marker.text for marker in port.take()]
        time.sleep(0.01)
    with pytest.raises(BciAffectError, match="--markers-udp"):
        MarkerPort(port.port, lambda: None, lambda: 0.0)
    port.stop()
    recorder.stop()
    assert got == ["happy", "glücklich", "7"]
    recorded = [(m.time, m.text, m.stream) for m in read_xdf(tmp_path / "s.xdf").markers()]
    assert recorded == [(123.0, text, UDP_STREAM) for text in got]
