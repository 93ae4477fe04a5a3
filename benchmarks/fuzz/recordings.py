"""Recordings, stream headers, events and markers."""

from __future__ import annotations

import gzip
import json
import math
import re
from pathlib import Path

import numpy as np

from bci_affect.config import SignalSettings
from bci_affect.datasets.segments import (
    AffectLabel,
    Labels,
    MarkerTexts,
    find_segments,
    format_marker_names,
)
from bci_affect.eeg import Pipeline
from bci_affect.events import (
    ClipStart,
    ClipStop,
    RestStart,
    SelfReport,
    SessionPause,
    SessionResume,
    TrackStart,
    TrackStop,
    encode,
    read,
)
from bci_affect.streams import EVENT_STREAM, Marker, XdfSource, event_header, read_to_end
from bci_affect.streams.header import build_header, parse_header
from bci_affect.streams.xdf.format import varlen
from bci_affect.streams.xdf.inspection import inspect_xdf
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfRecording
from bci_affect.streams.xdf.writer import XdfWriter
from benchmarks.fuzz.base import Target, must
from benchmarks.fuzz.mutate import break_bytes, break_json, break_text

LABELS = ("Fp1", "Fp2", "C3", "C4")


def write_recording(path: Path, seconds: float, *, checksums: bool, rate: int = 64) -> bytes:
    """Write a small recording like the recorder: EEG, accelerometer, events."""
    rng = np.random.default_rng(7)
    with XdfWriter(path, checksums=checksums) as writer:
        units = ["microvolts"] * len(LABELS)
        eeg = writer.add_stream(build_header("Cap", "EEG", LABELS, units=units, rate_hz=rate))
        acc = writer.add_stream(build_header("Acc", "ACC", ["x", "y"], rate_hz=16, fmt="int16"))
        events = writer.add_stream(event_header("bci_affect-000000000000"))
        n = rate // 2
        for half in range(round(seconds * 2)):
            start = 100.0 + half / 2
            if half % 4 == 0:
                writer.clock_offset(eeg, start, 0.25)
            values = rng.normal(0, 30, (n, len(LABELS))).astype("f4")
            writer.samples(eeg, values, start + np.arange(n) / rate)
            moved = rng.integers(-999, 999, (8, 2)).astype("i2")
            writer.samples(acc, moved, start + np.arange(8) / 16)
            event = encode(ClipStart(track=f"clip {half}"))
            writer.texts(events, [[event]], np.array([start + 0.1]))
            writer.flush()
    return path.read_bytes()


def break_xdf(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage bytes, or words of a header (with a corrected chunk length)."""
    if rng.random() < 0.7 or data[:2] == b"\x1f\x8b":
        return break_bytes(data, rng)
    at = 4
    headers = []
    while at < len(data):
        width = data[at]
        if width not in (1, 4, 8):
            return break_bytes(data, rng)
        length = int.from_bytes(data[at + 1 : at + 1 + width], "little")
        start = at + 1 + width
        if data[start : start + 2] == b"\x02\x00":
            headers.append((at, start, start + length))
        at = start + length
    if not headers:
        return break_bytes(data, rng)
    at, start, stop = headers[int(rng.integers(len(headers)))]
    text = data[start + 6 : stop].decode("utf-8", "replace")
    body = data[start : start + 6] + break_text(text, rng).encode("utf-8", "replace")
    return data[:at] + varlen(len(body)) + body + data[stop:]


class Xdf(Target):
    """Complete recordings, read like ``inspect``; checksums must reveal every wrong sample."""

    title = "XDF recording, read and inspected"
    count = 12_000

    def prepare(self, folder: Path) -> None:
        """Write valid recordings and store the content of the one with checksums."""
        summed = write_recording(folder / "summed.xdf", 3, checksums=True)
        plain = write_recording(folder / "plain.xdf", 2, checksums=False)
        self._seeds = [summed, summed, plain, gzip.compress(plain)]
        self._truth = {
            name: {(round(t, 6), row) for t, row in found}
            for name, found in _content(read_xdf(folder / "summed.xdf")).items()
        }

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage one recording; the first byte is 1 if its content is known."""
        number = int(rng.integers(len(self._seeds)))
        return bytes([number < 2]) + break_xdf(self._seeds[number], rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Inspect and decode the recording."""
        path = folder / ("case.xdfz" if data[1:3] == b"\x1f\x8b" else "case.xdf")
        path.write_bytes(data[1:])
        described = inspect_xdf(path)
        must(math.isfinite(len(json.dumps(described))), "no document")
        recording = read_xdf(path)
        found = _content(recording)
        recording.markers()
        for stream in recording.streams:
            times, _, _ = stream.timeline()
            must(bool(np.isfinite(times).all()), f"times of '{stream.header.name}' are not finite")
            must(len(times) == len(stream), "the numbers of times and samples differ")
        if data[0] and recording.checked and not recording.damage:
            for name, rows in found.items():
                new = {(round(t, 6), row) for t, row in rows} - self._truth.get(name, set())
                must(not new, f"{len(new)} samples of '{name}' differ from the recorded ones")
        return "reported" if recording.damage else "read"


def _content(recording: XdfRecording) -> dict[str, list[tuple[float, tuple[object, ...]]]]:
    found = {}
    for stream in recording.streams:
        rows = stream.texts if stream.header.is_text else stream.samples().tolist()
        pairs = zip(stream.corrected().tolist(), rows, strict=True)
        found[stream.header.name] = [(time, tuple(row)) for time, row in pairs]
    return found


class Replay(Target):
    """Recordings passed through the signal path, like ``process`` and ``live --replay``."""

    title = "XDF recording, through the signal path"
    count = 3_000

    def prepare(self, folder: Path) -> None:
        """Write a recording long enough for windows."""
        self._seed = write_recording(folder / "seed.xdf", 8, checksums=False, rate=64)

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage the recording."""
        return break_xdf(self._seed, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Push all chunks through a pipeline; features of an ``ok`` window must be finite."""
        path = folder / "case.xdf"
        path.write_bytes(data)
        source = XdfSource(path, offline=True)
        info = source.open()
        pipeline = Pipeline(
            SignalSettings(low_pass_hz=28.0, bands={"alpha": (8.0, 13.0)}),
            info.rate_hz,
            info.montage,
        )
        for chunk in read_to_end(source):
            for window in pipeline.push(chunk):
                whole = window.bands[:, window.mask]
                must(bool(np.isfinite(whole).all()) or window.state.value != "ok", "NaN features")
                must(math.isfinite(window.time), "a window without a time")
        source.markers()
        source.close()
        return "reported" if source.recording.damage else "read"


class Header(Target):
    """Stream description sent by any program on the network."""

    title = "stream header (XML from LSL or XDF)"
    count = 20_000

    def prepare(self, folder: Path) -> None:
        """Write headers like those of devices."""
        units = ["microvolts"] * len(LABELS)
        eeg = build_header("Cap", "EEG", LABELS, units=units, rate_hz=250, source_id="a1")
        text = event_header("bci_affect-000000000000")
        self._seeds = [eeg.xml, eeg.xml.replace("label", "name"), text.xml]

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage words or bytes."""
        seed = self._seeds[int(rng.integers(len(self._seeds)))]
        if rng.random() < 0.6:
            return break_text(seed, rng).encode("utf-8", "replace")
        return break_bytes(seed.encode(), rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Parse the header and describe the stream."""
        header = parse_header(data.decode("utf-8", "replace"))
        if header.n_channels > 512:
            return "read"  # a montage of thousands is slow, not wrong
        info = header.info()
        must(len(set(info.labels)) == len(info.labels), "labels that are not unique")
        must(math.isfinite(info.rate_hz) and info.rate_hz >= 0, "an invalid rate")
        must(len(info.montage) == header.n_channels, "a montage of another size")
        return "read"


class Events(Target):
    """Marker texts: own events, JSON of other programs, and any other text."""

    title = "events and markers"
    count = 14_000

    def prepare(self, folder: Path) -> None:
        """Write events of own recordings."""
        events = (
            ClipStart(track="/music/a.flac", intended_valence=0.5, intended_arousal=-0.5),
            SelfReport(7, 3, track="a"),
            RestStart(kind="closed"),
            ClipStop(),
            TrackStart(track="T", valence=1, arousal=0),
            TrackStop(track="T"),
            SessionPause(),
            SessionResume(),
        )
        self._texts = [*map(encode, events), '{"label": "happy"}']
        self._labels = Labels(
            labels={"happy": AffectLabel(valence=8, arousal=7)}, rest=MarkerTexts(markers=("rest",))
        )

    def make(self, rng: np.random.Generator) -> bytes:
        """Return a few lines, each a valid or damaged event."""
        lines = []
        for _ in range(int(rng.integers(1, 7))):
            text = self._texts[int(rng.integers(len(self._texts)))]
            kind = rng.random()
            if kind < 0.6:
                text = break_json(text, rng)
            elif kind < 0.8:
                text = ["happy", "rest", "", "{", "[1]", "null", "\x00"][int(rng.integers(7))]
            lines.append(re.sub(r"[\r\n]", " ", text))
        return "\n".join(lines).encode("utf-8", "replace")

    def use(self, data: bytes, folder: Path) -> str:
        """Read the texts like a calibration."""
        texts = data.decode("utf-8", "replace").split("\n")
        markers = [
            Marker(float(i * 5), text, EVENT_STREAM, read(text)) for i, text in enumerate(texts)
        ]
        format_marker_names(markers)
        for segment in find_segments(markers, 60.0, self._labels):
            must(segment.stop > segment.start, "a clip without length")
            must(all(b > a for a, b in segment.stretches), "a stretch without length")
            for rating in (segment.valence, segment.arousal):
                must(not math.isfinite(rating) or 1 <= rating <= 9, f"a rating of {rating}")
            for mood in (segment.music_valence, segment.music_arousal):
                must(math.isnan(mood) or -1 <= mood <= 1, f"a mood of {mood}")
        return "read"
