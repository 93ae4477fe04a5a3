"""Variants of the families in ``../shared/data/trouble``: encodings, factors, rates, columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.streams import XdfWriter, build_header, inspect_xdf, read_xdf
from benchmarks.other_signals import MONTAGES, RATE_HZ, Site

MUSE = MONTAGES["4"]
START = 1000.0


@cache
def eeg(seconds: float = 14.0) -> np.ndarray:
    return Site(MUSE, round(seconds * RATE_HZ), np.random.default_rng(0)).eeg().T


def record(
    path: Path,
    samples: np.ndarray,
    *,
    labels: Sequence[str] = MUSE,
    unit: str = "microvolts",
    announced_hz: float = RATE_HZ,
    true_hz: float = RATE_HZ,
    name: str = "Cap",
    start: float = START,
    marks: Sequence[float] = (),
) -> dict[str, Any]:
    units = [unit] * len(labels)
    with XdfWriter(path) as writer:
        header = build_header(name, "EEG", labels, units=units, rate_hz=announced_hz)
        stamps = start + np.arange(len(samples)) / true_hz
        writer.samples(writer.add_stream(header), samples.astype(np.float32), stamps)
        if marks:
            stream = writer.add_stream(build_header("Marks", "Markers", ["text"], fmt="string"))
            writer.texts(stream, [["happy"]] * len(marks), np.array(marks))
    return inspect_xdf(path)


def stream_of(found: dict[str, Any]) -> dict[str, Any]:
    return next(stream for stream in found["streams"] if stream["type"] == "EEG")


def chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


@pytest.mark.parametrize("declared", [None, "UTF-8", "ISO-8859-1", "windows-1252"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1"])
def test_headers_and_markers_of_each_encoding(
    tmp_path: Path, encoding: str, declared: str | None
) -> None:
    said = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    body = (
        "<info><name>Gerät Ä</name><type>{type}</type><channel_count>{n}</channel_count>"
        "<nominal_srate>{rate}</nominal_srate><channel_format>{format}</channel_format>"
        "<source_id>x</source_id><desc><channels>{channels}</channels></desc></info>"
    )
    channels = "".join(
        f"<channel><label>{label}</label><unit>µV</unit></channel>" for label in MUSE
    )
    head = body.format(type="EEG", n=4, rate=250, format="float32", channels=channels)
    marks = body.format(type="Markers", n=1, rate=0, format="string", channels="")
    samples = eeg(4.0).astype("<f4")
    rows = [
        b"\x08" + struct.pack("<d", START + i / 250) + row.tobytes()
        for i, row in enumerate(samples)
    ]
    texts = ["glücklich", "größer"]
    words = [text.encode(encoding) for text in texts]
    marked = [
        b"\x08" + struct.pack("<d", START + i) + b"\x01" + bytes([len(w)]) + w
        for i, w in enumerate(words)
    ]
    data = b"XDF:" + chunk(1, b"<info><version>1.0</version></info>")
    for number, text in ((1, head), (2, marks)):
        data += chunk(2, struct.pack("<I", number) + (said + text).encode(encoding))
    for number, parts in ((1, rows), (2, marked)):
        content = struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(parts))
        data += chunk(3, content + b"".join(parts))
    (tmp_path / "a.xdf").write_bytes(data)
    recording = read_xdf(tmp_path / "a.xdf")
    assert not recording.damage
    stream = recording.find_eeg()
    assert stream.header.name == "Gerät Ä"
    assert stream.header.units == ("µV",) * 4
    assert [marker.text.lstrip("\ufeff") for marker in recording.markers()] == texts


@pytest.mark.parametrize(
    "labels",
    [("tp9", "af7", "af8", "tp10"), ("TP9", "AF7", "AF7", "TP10"), ("Tp9 ", " AF7", "aF8", "TP10")],
)
def test_lower_case_spaced_and_duplicate_labels(tmp_path: Path, labels: tuple[str, ...]) -> None:
    found = stream_of(record(tmp_path / "a.xdf", eeg(), labels=labels))
    assert len(set(found["labels"])) == 4
    header = read_xdf(tmp_path / "a.xdf").find_eeg().header
    montage = header.info().montage
    assert montage.is_eeg.all()
    assert montage.placed.sum() >= len(set(labels))


@pytest.mark.parametrize("offset", [-40_000.0, -120.0, 90.0, 5_000.0, 1.79e9])
def test_clock_offsets_of_any_size_are_found_and_aligned(tmp_path: Path, offset: float) -> None:
    marks = [START + 4.0, START + 8.0]
    found = record(tmp_path / "a.xdf", eeg(), start=START + offset, marks=marks)
    assert found["clocks"]
    recording = read_xdf(tmp_path / "a.xdf")
    assert recording.align() is not None
    times = recording.find_eeg().timeline()[0]
    inside = [times[0] <= marker.time <= times[-1] for marker in recording.markers()]
    assert all(inside)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("microvolts", 1e-6),
        ("microvolts", 1e-3),
        ("volts", 1.0),
        ("volts", 1e3),
        ("mV", 1e3),
        ("nV", 1.0),
    ],
)
def test_wrong_units_are_doubted_and_right_ones_are_not(
    tmp_path: Path, unit: str, factor: float
) -> None:
    found = stream_of(record(tmp_path / "a.xdf", factor * eeg(), unit=unit))
    assert any("microvolts by its unit" in note for note in found["notes"]), found["notes"]


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1.0), ("V", 1e-6), ("mV", 1e-3), ("nV", 1e3)])
def test_right_units_are_not_doubted(tmp_path: Path, unit: str, factor: float) -> None:
    assert stream_of(record(tmp_path / "a.xdf", factor * eeg(), unit=unit))["notes"] == []


@pytest.mark.parametrize("factor", [3.0, 4.55, 8.0])
def test_offsets_of_a_converter_are_doubted(tmp_path: Path, factor: float) -> None:
    found = stream_of(record(tmp_path / "a.xdf", factor * (eeg() + 725.0)))
    assert any("their scale is doubtful" in note for note in found["notes"])


def test_the_offset_of_a_muse_is_not_doubted(tmp_path: Path) -> None:
    for offset in (725.0, 840.0):
        name = f"{offset:.0f}.xdf"
        assert stream_of(record(tmp_path / name, eeg() + offset))["notes"] == []


@pytest.mark.parametrize(
    ("announced_hz", "true_hz"), [(512.0, 256.0), (256.0, 300.0), (0.0, 128.0), (125.0, 250.0)]
)
def test_wrong_rates_are_replaced(tmp_path: Path, announced_hz: float, true_hz: float) -> None:
    samples = eeg(20.0)
    found = record(tmp_path / "a.xdf", samples, announced_hz=announced_hz, true_hz=true_hz)
    assert any(f"evenly stamped at {true_hz:g} Hz" in note for note in stream_of(found)["notes"])
    assert read_xdf(tmp_path / "a.xdf").find_eeg().header.rate_hz == pytest.approx(
        true_hz, rel=1e-3
    )


@pytest.mark.parametrize("label", ["TRIGGER", "Trig", "stim", "Status", "STI 014", "Marker", "TRG"])
@pytest.mark.parametrize("values", [(1, 2), (255, 254), (16, 32)])
def test_trigger_columns_of_other_names_and_values(
    tmp_path: Path, label: str, values: tuple[int, int]
) -> None:
    samples = np.column_stack([eeg(20.0), np.zeros(round(20 * RATE_HZ))])
    for i in range(8):
        at = round((2 + 2 * i) * RATE_HZ)
        samples[at : at + 20, 4] = values[i % 2]
    found = record(tmp_path / "a.xdf", samples, labels=[*MUSE, label])
    assert stream_of(found)["triggers"] == {label: 8}
    markers = read_xdf(tmp_path / "a.xdf").markers()
    assert [marker.text for marker in markers] == [str(values[i % 2]) for i in range(8)]
