"""Scan of an XDF file's chunks, intact or damaged.

Every chunk is checked: a chunk of samples counts only if its flags, its length and its stream agree
to the byte. At damage, the scan searches for the next position with two consecutive complete chunks
(or a boundary, or the end of the file) and reports the bytes between as damage.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import StreamHeader, decode_text, parse_header
from bci_affect.streams.xdf.format import BOUNDARY, MAGIC, Bytes, Tag, read_varlen

MAX_HEADER_BYTES = 16 << 20
"""Longest description of a file or stream."""
MAX_TEXTS = 1_000_000
"""Most texts of one stream: each takes a hundred bytes or more of memory."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Damaged stretch of a file: position, bytes, and the fault in plain words."""

    offset: int
    length: int
    what: str


@dataclass(frozen=True, slots=True)
class SampleChunk:
    """Position of one chunk's samples: `start` is the first sample's flag byte."""

    offset: int
    start: int
    stop: int
    count: int


@dataclass(slots=True)
class ScannedStream:
    """Stream of the scan: header, sample chunks in file order, offsets, and footer."""

    id: int
    header: StreamHeader
    chunks: list[SampleChunk] = field(default_factory=list)
    offsets: list[tuple[int, float, float]] = field(default_factory=list)  # position, time, value
    footer: str = ""


@dataclass(slots=True)
class Scan:
    """Result of a scan."""

    file_header: str = ""
    streams: dict[int, ScannedStream] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    boundaries: int = 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    tag: int
    start: int  # of the content
    stop: int


def scan(data: Bytes) -> Scan:
    """Scan a file.

    Raises
    ------
    BciAffectError
        If it does not begin like an XDF file.
    """
    if data[:4] != MAGIC:
        raise BciAffectError("This is not an XDF file (it does not begin with 'XDF:').")
    found = Scan()
    at = len(MAGIC)
    while at < len(data):
        chunk = _chunk_at(data, at)
        problem = "bytes that are no chunk" if chunk is None else _take(data, chunk, found)
        if not problem:
            assert chunk is not None
            at = chunk.stop
            continue
        following = _resume(data, at + 1, found)
        cut = chunk is None and following == len(data) and _is_cut(data, at)
        what = "the file ends within a chunk" if cut else problem
        found.damage.append(Damage(at, following - at, what))
        at = following
    return found


def sample_layout(
    data: Bytes, chunk: SampleChunk, header: StreamHeader
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]] | None:
    """Find the samples of a numeric chunk.

    Returns
    -------
    raw : ndarray of uint8, shape (n_bytes,)
        The chunk's bytes from the first sample's flag on.
    stamped : ndarray of bool, shape (n_samples,)
    starts : ndarray of int64, shape (n_samples,)
        Position of each sample's flag byte.

    None if flags and length do not agree.
    """
    raw = np.frombuffer(data[chunk.start : chunk.stop], np.uint8)
    body = header.n_channels * header.dtype.itemsize
    n = chunk.count
    if n == 0:
        return (raw, np.zeros(0, bool), np.zeros(0, np.int64)) if raw.size == 0 else None
    for first, rest in ((9 + body, 9 + body), (9 + body, 1 + body), (1 + body, 1 + body)):
        if raw.size == first + (n - 1) * rest:  # the two layouts of common recorders
            starts = np.concatenate(([0], first + rest * np.arange(n - 1)))
            flags = raw[starts]
            wanted = np.full(n, 8 if rest == 9 + body else 0, np.uint8)
            wanted[0] = 8 if first == 9 + body else 0
            if np.array_equal(flags, wanted):
                return raw, wanted == 8, starts
    starts = np.empty(n, np.int64)
    at = 0
    for i in range(n):
        if at >= raw.size or raw[at] not in (0, 8):
            return None
        starts[i] = at
        at += 1 + int(raw[at]) + body
    return (raw, raw[starts] == 8, starts) if at == raw.size else None


def text_samples(
    data: Bytes, chunk: SampleChunk, n_channels: int
) -> tuple[list[float | None], list[tuple[str, ...]]] | None:
    """Read a chunk of text: stamp (None if it follows from the rate) and texts per sample."""
    stamps: list[float | None] = []
    rows: list[tuple[str, ...]] = []
    block = data[chunk.start : chunk.stop]
    at = 0
    for _ in range(chunk.count):
        flag = block[at : at + 1]
        if flag == b"\x08" and at + 9 <= len(block):
            stamps.append(struct.unpack_from("<d", block, at + 1)[0])
            at += 9
        elif flag == b"\x00":
            stamps.append(None)
            at += 1
        else:
            return None
        row: list[str] = []
        for _ in range(n_channels):
            size = read_varlen(block, at)
            if size is None or size[1] + size[0] > len(block):
                return None
            at = size[1] + size[0]
            row.append(decode_text(block[size[1] : at]))
        rows.append(tuple(row))
    return (stamps, rows) if at == len(block) else None


def _chunk_at(data: Bytes, at: int) -> _Chunk | None:
    """Return the chunk that begins at `at`, if it lies within the file."""
    size = read_varlen(data, at)
    if size is None:
        return None
    length, after = size
    if length < 2 or after + length > len(data):
        return None
    tag = int.from_bytes(data[after : after + 2], "little")
    return _Chunk(at, tag, after + 2, after + length)


def _is_cut(data: Bytes, at: int) -> bool:
    """Return True if a chunk begins at `at` and is truncated by the end of the file."""
    size = read_varlen(data, at)
    if size is None:
        return len(data) - at < 9 and data[at : at + 1] in (b"\x01", b"\x04", b"\x08")
    tag = int.from_bytes(data[size[1] : size[1] + 2], "little")
    return size[1] + size[0] > len(data) and (size[1] + 2 > len(data) or 1 <= tag <= 6)


def _take(data: Bytes, chunk: _Chunk, found: Scan) -> str:
    """Assign a chunk to its stream; return its fault, or ""."""
    if chunk.tag == Tag.FILE_HEADER and _too_long(chunk):
        return f"a file header of more than {MAX_HEADER_BYTES >> 20} MB"
    if chunk.tag == Tag.FILE_HEADER:
        found.file_header = _decode(data, chunk.start, chunk.stop)
        return ""
    if chunk.tag == Tag.BOUNDARY:
        found.boundaries += 1
        whole = data[chunk.start : chunk.stop] == BOUNDARY
        return "" if whole else "a boundary that is not one"
    if chunk.tag not in (Tag.STREAM_HEADER, Tag.SAMPLES, Tag.CLOCK_OFFSET, Tag.STREAM_FOOTER):
        return f"a chunk of unknown kind {chunk.tag}"
    if chunk.stop - chunk.start < 4:
        return "a chunk that is too short"
    (stream_id,) = struct.unpack("<I", data[chunk.start : chunk.start + 4])
    if chunk.tag == Tag.STREAM_HEADER:
        return _take_header(data, chunk, stream_id, found)
    stream = found.streams.get(stream_id)
    if stream is None:
        return f"a chunk of a stream ({stream_id}) that no header describes"
    if chunk.tag == Tag.SAMPLES:
        samples = _samples(data, chunk, stream.header)
        if isinstance(samples, str):
            return samples
        stream.chunks.append(samples)
    elif chunk.tag == Tag.CLOCK_OFFSET:
        if chunk.stop - chunk.start != 20:
            return "a clock offset of wrong length"
        pair = struct.unpack("<dd", data[chunk.start + 4 : chunk.stop])
        if not np.isfinite(pair).all():
            return "a clock offset that is no number"
        stream.offsets.append((chunk.offset, *pair))
    else:
        stream.footer = _decode(data, chunk.start + 4, chunk.stop)
    return ""


def _too_long(chunk: _Chunk) -> bool:
    """Return True for a description that exceeds the limit."""
    return chunk.stop - chunk.start > MAX_HEADER_BYTES


def _take_header(data: Bytes, chunk: _Chunk, stream_id: int, found: Scan) -> str:
    if _too_long(chunk):
        return f"a header of stream {stream_id} of more than {MAX_HEADER_BYTES >> 20} MB"
    if stream_id in found.streams:
        return f"a second header of stream {stream_id}"
    try:
        header = parse_header(_decode(data, chunk.start + 4, chunk.stop))
    except BciAffectError as error:
        return f"header of stream {stream_id}: {error}"
    found.streams[stream_id] = ScannedStream(stream_id, header)
    return ""


def _samples(data: Bytes, chunk: _Chunk, header: StreamHeader) -> SampleChunk | str:
    """Check a chunk of samples to the byte."""
    count = read_varlen(data, chunk.start + 4)
    if count is None or count[1] > chunk.stop:
        return "a chunk of samples without a count"
    smallest = 1 + (header.n_channels * 2 if header.is_text else header.dtype.itemsize)
    if count[0] * smallest > chunk.stop - count[1]:
        return f"a chunk of '{header.name}' that is too short for its samples"
    if header.is_text and count[0] * header.n_channels > MAX_TEXTS:
        return f"a chunk of '{header.name}' with more than {MAX_TEXTS:,} texts"
    samples = SampleChunk(chunk.offset, count[1], chunk.stop, count[0])
    if header.is_text:
        whole = text_samples(data, samples, header.n_channels) is not None
    else:
        whole = sample_layout(data, samples, header) is not None
    return samples if whole else f"a chunk of '{header.name}' whose samples do not fit together"


def _resume(data: Bytes, at: int, found: Scan) -> int:
    """Return the next position from `at` at which the scan may resume, or the file's end."""
    for place in _candidates(data, at, found):
        chunk = _chunk_at(data, place)
        if chunk is None or _take(data, chunk, Scan(streams=_blank(found))):
            continue
        # One complete chunk may be chance, two in a row are not.
        following = _chunk_at(data, chunk.stop) if chunk.stop < len(data) else None
        if (
            chunk.tag == Tag.BOUNDARY
            or chunk.stop == len(data)
            or (following is not None and not _take(data, following, Scan(streams=_blank(found))))
        ):
            return place
    return len(data)


def _blank(found: Scan) -> dict[int, ScannedStream]:
    return {key: ScannedStream(key, stream.header) for key, stream in found.streams.items()}


def _candidates(data: Bytes, at: int, found: Scan) -> Iterator[int]:
    """Yield positions at which a chunk of a known stream, a header, or a boundary may begin."""
    ids = b"|".join(re.escape(struct.pack("<I", key)) for key in found.streams) or b"(?!)"
    frame = rb"(?=(?:\x01.|\x04.{4}|\x08.{8})(?:[\x03\x04\x06]\x00(?:" + ids + rb")|"
    frame += rb"\x02\x00.{4}<|\x05\x00" + re.escape(BOUNDARY) + rb"))"
    for match in re.compile(frame, re.DOTALL).finditer(data, at):  # type: ignore[call-overload]
        yield match.start()


def _decode(data: Bytes, start: int, stop: int) -> str:
    return decode_text(data[start:stop])
