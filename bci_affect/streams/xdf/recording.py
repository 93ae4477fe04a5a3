"""Recording in memory: its streams, with samples decoded on request."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.events import SessionEvent, read
from bci_affect.streams.clock.clock_events import ClockEvent
from bci_affect.streams.clock.dejitter import Dejitter
from bci_affect.streams.clock.even_rate import rate_note
from bci_affect.streams.clock.offsets import ClockOffsets
from bci_affect.streams.event_stream import annotation, event_streams
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.numeric_markers import (
    code_changes,
    column_texts,
    has_markers,
    idle_code,
    marker_texts,
    trigger_columns,
)
from bci_affect.streams.source import Marker
from bci_affect.streams.xdf.alignment import ClockDifference, clock_difference
from bci_affect.streams.xdf.format import Bytes
from bci_affect.streams.xdf.scan import Damage, SampleChunk, sample_layout

Floats = NDArray[np.float64]
PIECE = 1 << 16
"""Samples that are decoded at once in search of triggers."""


@dataclass(slots=True)
class XdfStream:
    """Stream of a recording.

    Attributes
    ----------
    id : int
        Number within the file.
    header : StreamHeader
        Header of the stream.
    stamps : ndarray of float64, shape (n_samples,)
        Raw stamps of the sender; omitted ones follow from the rate.
    offsets : list of (float, float)
        Clock offsets: raw time from which, and seconds to add.
    texts : list of tuple of str
        Samples of a text stream, one tuple per sample; empty for numeric streams.
    footer : str
        Footer XML, "" if missing.
    removed : int
        Samples in damaged chunks, which are excluded.
    announced_hz : float
        Rate of the header as recorded; `header` has the measured rate of EEG that is evenly stamped
        at another one.
    """

    id: int
    header: StreamHeader
    stamps: Floats
    offsets: list[tuple[float, float]]
    texts: list[tuple[str, ...]]
    footer: str
    removed: int
    announced_hz: float
    _data: Bytes = field(repr=False)
    _chunks: list[SampleChunk] = field(repr=False)
    _ends: NDArray[np.int64] = field(repr=False)  # number of samples up to each chunk's end

    def __len__(self) -> int:
        return int(self.stamps.size)

    def __repr__(self) -> str:
        header = self.header
        return (
            f"XdfStream({header.name!r}, {header.type}, {header.n_channels} channels, "
            f"{header.rate_hz:g} Hz, {len(self)} samples)"
        )

    @property
    def rate_note(self) -> str:
        """Sentence about a measured rate that replaces the announced one; "" if none does."""
        return rate_note(self.header.name, self.announced_hz, self.header.rate_hz)

    def samples(self, start: int = 0, stop: int | None = None) -> NDArray[np.generic]:
        """Decode samples ``start:stop`` of a numeric stream.

        Returns
        -------
        ndarray in the stream's own type, shape (n_samples, n_channels)
        """
        stop = len(self) if stop is None else min(stop, len(self))
        out = np.empty((max(stop - start, 0), self.header.n_channels), self.header.dtype)
        first = int(np.searchsorted(self._ends, start, "right"))
        for i in range(first, len(self._chunks)):
            base = int(self._ends[i - 1]) if i else 0
            if base >= stop:
                break
            low, high = max(start, base), min(stop, int(self._ends[i]))
            block = _decode(self._data, self._chunks[i], self.header)
            out[low - start : high - start] = block[low - base : high - base]
        return out

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) sample numbers of the chunks as recorded."""
        start = 0
        for end in self._ends:
            yield start, int(end)
            start = int(end)

    def corrected(self) -> Floats:
        """Return stamps on the recorder's clock, not dejittered; shape (n_samples,)."""
        return offsets_of(self).correct(self.stamps)

    def timeline(self) -> tuple[Floats, list[ClockEvent], Dejitter | None]:
        """Return the causal times of a live run, and the clock events.

        Irregular streams keep their corrected stamps.
        """
        corrected = self.corrected()
        if self.header.rate_hz <= 0 or not len(self):
            return corrected, [], None
        dejitter = Dejitter(self.header.rate_hz)
        stretches = [*dejitter.push(corrected), *dejitter.flush()]
        return np.concatenate([part.times for part in stretches]), dejitter.events, dejitter


@dataclass(slots=True)
class XdfRecording:
    """Recording: its streams, and the damage of the file.

    Attributes
    ----------
    path : Path
        The file.
    streams : list of XdfStream
        In the order of their headers; the writer's checksum stream is not among them.
    damage : list of Damage
        Damaged stretches; empty for an intact file.
    checked : bool
        True if checksums cover all samples: without them damage within a value is invisible. A
        truncated file may lack those of its last half second.
    file_header : str
        XML of the file header.
    """

    path: Path
    streams: list[XdfStream]
    damage: list[Damage]
    checked: bool
    file_header: str
    _numeric: list[Marker] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return (
            f"XdfRecording({self.path.name!r}, {len(self.streams)} streams, "
            f"{len(self.damage)} damaged stretches)"
        )

    def clock_difference(self) -> ClockDifference | None:
        """Return the difference of clocks between EEG and markers; None if they share one."""
        return clock_difference(self)

    def align(self) -> ClockDifference | None:
        """Shift streams by the constant that explains a difference of clocks.

        Returns
        -------
        ClockDifference or None
            The difference, if there was one that a constant explains.
        """
        difference = clock_difference(self)
        if difference is None or not math.isfinite(difference.shift_s):
            return None
        for stream in self.streams:
            if stream.id in difference.shifted:
                known = stream.offsets or [(float(stream.stamps[0]), 0.0)]
                stream.offsets = [(time, value + difference.shift_s) for time, value in known]
        self._numeric = None
        return difference

    def eeg_streams(self) -> list[XdfStream]:
        """Return numeric, regular streams of type EEG that have samples."""
        return [
            s
            for s in self.streams
            if s.header.type.upper() == "EEG"
            and not s.header.is_text
            and s.header.rate_hz > 0
            and len(s)
        ]

    def find_eeg(self, name: str | None = None) -> XdfStream:
        """Return the EEG stream, by name or source id if there are several.

        Raises
        ------
        BciAffectError
            If there is none, or several match; the message lists them.
        """
        found = self.eeg_streams()
        if name is not None:
            named = [
                s
                for s in self.streams
                if name in (s.header.name, s.header.source_id, str(s.id))
                and not s.header.is_text
                and s.header.rate_hz > 0
                and len(s)
            ]
            if not named:
                raise BciAffectError(
                    f"{self.path.name} has no regular stream '{name}' with samples; it has "
                    f"{listed(self.streams)}."
                )
            found = [s for s in named if s.header.type.upper() == "EEG"] or named
        if not found:
            raise BciAffectError(
                f"{self.path.name} has no EEG stream with samples; it has {listed(self.streams)}."
            )
        if len(found) > 1:
            raise BciAffectError(
                f"{self.path.name} has several streams that match: {listed(found)}. Choose one "
                "with --stream NAME (or its number in the file)."
            )
        return found[0]

    def markers(self) -> list[Marker]:
        """Return all markers in order of time, with the session's events.

        These are the samples of text streams and of numeric marker streams, and the changes of
        trigger columns of the EEG; see `numeric_markers`.
        """
        own = event_streams([stream.header for stream in self.streams])
        found = []
        for number, stream in enumerate(self.streams):
            if not stream.header.is_text:
                continue
            for time, row in zip(stream.corrected(), stream.texts, strict=True):
                text = "\t".join(row)
                event: SessionEvent | None = None
                if number in own:
                    event = read(text)
                elif not own:
                    event = annotation(stream.header, text)
                found.append(Marker(float(time), text, stream.header.name, event))
        if self._numeric is None:
            self._numeric = [m for stream in self.streams for m in numeric_markers(stream)]
        return sorted(found + self._numeric, key=lambda marker: marker.time)

    def events(self) -> list[tuple[float, SessionEvent]]:
        """Return the session's events in order: LSL time and event."""
        return [(m.time, m.event) for m in self.markers() if m.event is not None]


def triggers(stream: XdfStream) -> dict[str, list[Marker]]:
    """Return the trigger columns of a regular stream of EEG or markers: markers by label."""
    header = stream.header
    regular = not header.is_text and header.rate_hz > 0 and len(stream) > 0
    if not regular or not (header.type.upper() == "EEG" or has_markers(header)):
        return {}
    starts = range(0, len(stream), PIECE)
    blocks = (stream.samples(start, start + PIECE) for start in starts)
    columns = trigger_columns(header, blocks)
    if not columns:
        return {}
    times = stream.timeline()[0]
    codes = np.concatenate([stream.samples(s, s + PIECE)[:, columns] for s in starts])
    found = {}
    for row, column in enumerate(columns):
        at = code_changes(codes[:, row], idle=idle_code(codes[:, row]))
        label = header.labels[column]
        texts = column_texts(codes[at, row].tolist())
        found[label] = [
            Marker(float(times[i]), text, f"{header.name} {label}")
            for i, text in zip(at, texts, strict=True)
        ]
    return found


def numeric_markers(stream: XdfStream) -> list[Marker]:
    """Return the markers of a numeric stream; none of a stream of text."""
    header = stream.header
    if header.is_text or header.rate_hz > 0:
        return [marker for column in triggers(stream).values() for marker in column]
    if not has_markers(header):
        return []
    texts = marker_texts(stream.samples())
    times = stream.corrected()
    return [Marker(float(t), text, header.name) for t, text in zip(times, texts, strict=True)]


def listed(streams: list[XdfStream]) -> str:
    """Return the streams' names for a message."""
    return (
        ", ".join(
            f"'{s.header.name}' (number {s.id}, {s.header.type or 'no type'}, "
            f"{s.header.n_channels} ch, {s.header.rate_hz:g} Hz)"
            for s in streams
        )
        or "no stream at all"
    )


def offsets_of(stream: XdfStream) -> ClockOffsets:
    """Return the stream's clock offsets, ready to correct its stamps in order."""
    offsets = ClockOffsets()
    for time, value in stream.offsets:
        offsets.add(time, value)
    return offsets


def _decode(data: Bytes, chunk: SampleChunk, header: StreamHeader) -> NDArray[np.generic]:
    """Return the values of a numeric chunk, shape (n_samples, n_channels)."""
    layout = sample_layout(data, chunk, header)
    assert layout is not None  # the scan has checked it
    raw, stamped, starts = layout
    body = header.n_channels * header.dtype.itemsize
    n = starts.size
    if stamped.all():
        out = raw.reshape(n, 9 + body)[:, 9:]
    elif not stamped.any():
        out = raw.reshape(n, 1 + body)[:, 1:]
    elif stamped[0] and not stamped[1:].any():  # layout of most recorders
        out = np.empty((n, body), np.uint8)
        out[0] = raw[9 : 9 + body]
        out[1:] = raw[9 + body :].reshape(n - 1, 1 + body)[:, 1:]
    else:
        out = raw[(starts + 1 + 8 * stamped)[:, None] + np.arange(body)]
    return np.ascontiguousarray(out).view(header.dtype)
