"""Crash-safe writer of XDF files: after every flush the file ends with a complete chunk.

Data between two flushes goes to the operating system in one write; if the disk refuses a part of
it, the file is truncated to its last complete chunk. A killed process loses only data that was not
flushed. A text stream of checksums (an ordinary XDF stream, which other readers list) lets
`read_xdf` detect damaged values.

Example::

    with XdfWriter("session.xdf") as writer:
        eeg = writer.add_stream(build_header("EEG", "EEG", ["Fz", "Cz"], rate_hz=250))
        writer.samples(eeg, samples, stamps)   # (n, 2) and (n,)
        writer.flush()                         # at least once a second
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.storage import PRIVATE
from bci_affect.streams.header import StreamHeader, build_header
from bci_affect.streams.xdf.format import (
    BOUNDARY,
    CHECKSUM_NAME,
    CHECKSUM_TYPE,
    MAGIC,
    Tag,
    pack_chunk,
    varlen,
)

BOUNDARY_BYTES = 1 << 20
"""Bytes (or ten flushes) after which a flush writes a boundary."""
BOUNDARY_FLUSHES = 10


@dataclass(slots=True)
class _Stream:
    header: StreamHeader
    first: float = 0.0
    last: float = 0.0
    count: int = 0
    offsets: list[tuple[float, float]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


class XdfWriter:
    """Writer of one XDF file, for one thread.

    Parameters
    ----------
    path : path
        New file; its folder must exist.
    checksums : bool
        Add the stream of checksums.

    Raises
    ------
    BciAffectError
        If the file exists (it is never overwritten) or cannot be created. Later calls raise
        `OSError` if the disk refuses a write; the file then ends with its last complete chunk.
    """

    def __init__(self, path: str | Path, *, checksums: bool = True) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, PRIVATE)
        except FileExistsError:
            raise BciAffectError(
                f"{self.path} exists already and is not overwritten; choose another name."
            ) from None
        except OSError as error:
            raise BciAffectError(
                f"Cannot write the recording {self.path}: {error.strerror}. Choose a folder that "
                "exists and that you may write to."
            ) from None
        self.size_bytes = 0
        self._streams: dict[int, _Stream] = {}
        self._buffer = bytearray(MAGIC)
        self._ends: list[int] = []  # of complete chunks in the buffer
        self._sums: list[tuple[int, int, int]] = []
        self._since_boundary = 0
        self._flushes = 0
        self._sum_id = 0
        self._newest = math.nan  # time of the newest sample, on the recorder's clock
        self._closed = False
        version = '<?xml version="1.0"?><info><version>1.0</version></info>'
        self._put(Tag.FILE_HEADER, version.encode())
        if checksums:
            self._sum_id = self.add_stream(
                build_header(CHECKSUM_NAME, CHECKSUM_TYPE, ["crc32"], fmt="string")
            )
        self.flush()

    def add_stream(self, header: StreamHeader) -> int:
        """Begin a stream; return its number in the file."""
        number = len(self._streams) + 1
        self._streams[number] = _Stream(header)
        self._put(Tag.STREAM_HEADER, struct.pack("<I", number) + header.xml.encode())
        return number

    def samples(self, stream: int, samples: NDArray[Any], stamps: NDArray[np.float64]) -> None:
        """Write numbers (n, n_channels) with one raw stamp each."""
        header = self._streams[stream].header
        n = len(stamps)
        if samples.shape != (n, header.n_channels):
            raise ValueError(f"samples {samples.shape} do not fit {n} stamps of {header.name}")
        if not n:
            return
        record = np.dtype(
            [("flag", "u1"), ("stamp", "<f8"), ("values", header.dtype, (header.n_channels,))]
        )
        rows = np.empty(n, record)
        rows["flag"] = 8
        rows["stamp"] = stamps
        rows["values"] = samples
        self._samples(stream, n, rows.tobytes(), float(stamps[0]), float(stamps[-1]))

    def texts(
        self, stream: int, rows: Sequence[Sequence[str]], stamps: NDArray[np.float64]
    ) -> None:
        """Write texts, one row of channels for each raw stamp."""
        parts: list[bytes] = []
        for row, stamp in zip(rows, stamps, strict=True):
            parts.append(b"\x08" + struct.pack("<d", stamp))
            for value in row:
                text = value.encode("utf-8", "replace")
                parts += [varlen(len(text)), text]
        if parts:
            body = b"".join(parts)
            self._samples(stream, len(stamps), body, float(stamps[0]), float(stamps[-1]))

    def clock_offset(self, stream: int, time: float, value: float) -> None:
        """Write that `value` seconds are to be added to stamps from raw stamp `time` on."""
        self._streams[stream].offsets.append((time, value))
        self._put(Tag.CLOCK_OFFSET, struct.pack("<Idd", stream, time, value))

    def note(self, stream: int, notes: Mapping[str, object]) -> None:
        """Store facts about a stream (losses, states) for its footer; the last values count."""
        self._streams[stream].notes.update({key: str(value) for key, value in notes.items()})

    def flush(self) -> None:
        """Write the buffer to the operating system, with checksums and at times a boundary."""
        if not self._buffer:
            return
        if self._sum_id and self._sums:
            self._put_sums()
        self._flushes += 1
        due = self._since_boundary >= BOUNDARY_BYTES or self._flushes >= BOUNDARY_FLUSHES
        if due and self._since_boundary:
            self._put(Tag.BOUNDARY, BOUNDARY)
            self._since_boundary = self._flushes = 0
        self._write()

    def close(self) -> None:
        """Write the footers and close the file; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            for number, stream in self._streams.items():
                if number != self._sum_id:
                    self._put(Tag.STREAM_FOOTER, struct.pack("<I", number) + _footer(stream))
            if self._sum_id and self._sums:
                self._put_sums()
            if self._sum_id:
                footer = _footer(self._streams[self._sum_id])
                self._put(Tag.STREAM_FOOTER, struct.pack("<I", self._sum_id) + footer)
            self._write()
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def abandon(self) -> None:
        """Close the file without further writes, after an error."""
        if not self._closed:
            self._closed = True
            os.close(self._file)

    def __enter__(self) -> XdfWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _samples(self, stream: int, n: int, body: bytes, first: float, last: float) -> None:
        kept = self._streams[stream]
        if not kept.count:
            kept.first = first
        kept.count += n
        kept.last = last
        if stream != self._sum_id:
            self._newest = last + (kept.offsets[-1][1] if kept.offsets else 0.0)
        self._put(Tag.SAMPLES, struct.pack("<I", stream) + varlen(n) + body)

    def _put(self, tag: Tag, content: bytes) -> None:
        chunk = pack_chunk(tag, content)
        if tag is not Tag.BOUNDARY:
            self._sums.append((self.size_bytes + len(self._buffer), len(chunk), zlib.crc32(chunk)))
        self._buffer += chunk
        self._ends.append(len(self._buffer))
        self._since_boundary += len(chunk)

    def _put_sums(self) -> None:
        if math.isnan(self._newest):  # no data yet, and therefore no time
            return
        if not self._streams[self._sum_id].count:
            self.clock_offset(self._sum_id, self._newest, 0.0)
        listed = json.dumps(self._sums, separators=(",", ":"))
        self.texts(
            self._sum_id,
            [[f"{zlib.crc32(listed.encode()):08x} {listed}"]],
            np.array([self._newest]),
        )
        self._sums.clear()  # a chunk of sums has its own sum

    def _write(self) -> None:
        data = memoryview(bytes(self._buffer))
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError:
            self.size_bytes += max((end for end in self._ends if end <= done), default=0)
            os.ftruncate(self._file, self.size_bytes)  # truncate to the last complete chunk
            raise
        self.size_bytes += len(data)
        self._buffer.clear()
        self._ends.clear()


_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows would translate line endings


def _footer(stream: _Stream) -> bytes:
    offsets = "".join(
        f"<offset><time>{time!r}</time><value>{value!r}</value></offset>"
        for time, value in stream.offsets
    )
    notes = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in stream.notes.items())
    return (
        f'<?xml version="1.0"?><info><first_timestamp>{stream.first!r}</first_timestamp>'
        f"<last_timestamp>{stream.last!r}</last_timestamp>"
        f"<sample_count>{stream.count}</sample_count>"
        f"<clock_offsets>{offsets}</clock_offsets>{notes}</info>"
    ).encode()
