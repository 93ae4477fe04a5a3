"""Reader of XDF recordings: every stream with its valid samples, and a report of the damage.

`scan` finds the chunks of the file. Here stamps are read and checked (a chunk with a NaN stamp, or
one years outside the file's time, is damaged), checksums are compared if the writer left some, and
samples are decoded only on request, directly from the mapped file into one array.
"""

from __future__ import annotations

import json
import math
import mmap
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.streams.clock.even_rate import WRONG_SHARE, even_rate
from bci_affect.streams.event_stream import is_session_recording
from bci_affect.streams.header import StreamHeader, processed_rate
from bci_affect.streams.numeric_markers import has_markers
from bci_affect.streams.xdf.format import CHECKSUM_TYPE, Bytes
from bci_affect.streams.xdf.recording import XdfRecording, XdfStream
from bci_affect.streams.xdf.scan import (
    MAX_TEXTS,
    Damage,
    SampleChunk,
    Scan,
    ScannedStream,
    sample_layout,
    scan,
    text_samples,
)

MAX_EXPANSION = 100
"""Most bytes of a recording for one byte of its compressed file."""
EXPANDED_BYTES = 256 << 20
"""Size up to which a compressed recording may expand more."""

Floats = NDArray[np.float64]

_OFFSET_BYTES = 2 + 2 + 4 + 16  # of a complete clock-offset chunk

LONE_S = 1.0
FAR_STAMP_S = 1e10
"""A stamp beyond this (three centuries) is damage."""


def read_xdf(path: str | Path) -> XdfRecording:
    """Read a recording, however damaged.

    Raises
    ------
    BciAffectError
        If the file cannot be opened, is not an XDF file, or has no readable stream.

    Examples
    --------
    >>> import bci_affect as ba
    >>> from bci_affect.resources import shipped
    >>> recording = ba.read_xdf(shipped("recordings/demo.xdf"))
    >>> recording.find_eeg()
    XdfStream('Simulated EEG', EEG, 8 channels, 250 Hz, 33000 samples)
    >>> recording.find_eeg().samples(0, 250).shape
    (250, 8)
    """
    path = Path(path)
    data, damage = _open(path)
    return parse_xdf(data, path, damage)


def parse_xdf(data: Bytes, path: Path, damage: Sequence[Damage] = ()) -> XdfRecording:
    """Read a recording from its bytes; `path` is for messages, `damage` is known damage.

    Raises
    ------
    BciAffectError
        If it is not an XDF file, or has no readable stream.
    """
    try:
        found = scan(data)
    except BciAffectError:
        raise BciAffectError(f"{path} is not an XDF file.") from None
    report = [*damage, *found.damage]
    sums, sum_ids = _checksums(data, found, report)
    # A replay of a session's recording must filter at the rate of the session.
    by_session = is_session_recording([stream.header for stream in found.streams.values()])
    streams = [
        _stream(data, stream, sums, report, measure_rate=not by_session)
        for stream in found.streams.values()
        if stream.id not in sum_ids
    ]
    if not streams:
        raise BciAffectError(
            f"{path} holds no readable stream"
            + (f"; at byte {report[0].offset}: {report[0].what}." if report else ".")
        )
    report.sort(key=lambda d: d.offset)
    covered = bool(sums) and all(
        chunk.offset in sums for stream in streams for chunk in stream._chunks
    )
    return XdfRecording(path, streams, report, covered, found.file_header)


def _open(path: Path) -> tuple[Bytes, list[Damage]]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head[:2] == b"\x1f\x8b":  # .xdfz
                return _unzip(path)
            if len(head) < 4:
                raise BciAffectError(f"{path} is not an XDF file (it is {len(head)} bytes long).")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), []
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None


def _unzip(path: Path) -> tuple[Bytes, list[Damage]]:
    """Expand a compressed recording into a temporary file, which needs little memory."""
    total = 0
    unzip = zlib.decompressobj(wbits=31)  # unlike gzip's reader, returns the data before the damage
    problem = "the compressed file ends too early"
    data: Bytes
    try:
        with path.open("rb") as file, tempfile.TemporaryFile() as expanded:
            try:
                while block := file.read(1 << 16):
                    total += expanded.write(unzip.decompress(block))
                    if total > max(EXPANDED_BYTES, MAX_EXPANSION * file.tell()):
                        raise BciAffectError(
                            f"{path} expands to more than {MAX_EXPANSION} times its size, as no "
                            "recording does; expand it yourself (gzip -d) if it is one."
                        )
            except zlib.error as error:
                problem = f"the compressed file is damaged here ({error})"
            expanded.flush()
            data = mmap.mmap(expanded.fileno(), 0, access=mmap.ACCESS_READ) if total else b""
    except OSError as error:
        raise BciAffectError(f"Cannot expand {path}: {error.strerror or error}.") from None
    return data, [] if unzip.eof else [Damage(total, 0, problem)]


def _checksums(
    data: Bytes, found: Scan, damage: list[Damage]
) -> tuple[dict[int, tuple[int, int]], set[int]]:
    """Compare the writer's sums with the file; report differences.

    Returns
    -------
    sums : dict
        Position of each covered chunk, to (length, CRC-32).
    ids : set of int
        Streams that hold sums.
    """
    sums: dict[int, tuple[int, int]] = {}
    ids = {
        key
        for key, stream in found.streams.items()
        if stream.header.type == CHECKSUM_TYPE and stream.header.is_text
    }
    for key in ids:
        for chunk in found.streams[key].chunks:
            read = text_samples(data, chunk, found.streams[key].header.n_channels)
            for row in read[1] if read else ():
                crc, _, listed = row[0].partition(" ")
                if crc != f"{zlib.crc32(listed.encode()):08x}":
                    what = "a checksum that is itself damaged: what it covers cannot be verified"
                    damage.append(Damage(chunk.offset, chunk.stop - chunk.offset, what))
                    continue
                sums.update({int(at): (int(n), int(crc)) for at, n, crc in json.loads(listed)})
    taken = {chunk.offset for stream in found.streams.values() for chunk in stream.chunks}
    gone = [(d.offset, d.offset + d.length) for d in damage]
    for at, (length, _) in sums.items():
        known = at in taken or any(start <= at < stop for start, stop in gone)
        if not known and _sum_problem(data, at, at + length, sums):
            damage.append(Damage(at, length, "a header, offset or footer with a wrong checksum"))
    return sums, ids


def _stream(
    data: Bytes,
    stream: ScannedStream,
    sums: dict[int, tuple[int, int]],
    damage: list[Damage],
    *,
    measure_rate: bool,
) -> XdfStream:
    """Read and check the stamps of a stream, chunk by chunk."""
    header = stream.header
    period = 1.0 / header.rate_hz if header.rate_hz > 0 else 0.0
    last = 0.0
    kept: list[SampleChunk] = []
    stamps: list[Floats] = []
    texts: list[tuple[str, ...]] = []
    removed = 0
    for chunk in stream.chunks:
        problem = _sum_problem(data, chunk.offset, chunk.stop, sums)
        rows: list[tuple[str, ...]] = []
        part = np.zeros(0)
        if header.is_text and (len(texts) + chunk.count) * header.n_channels > MAX_TEXTS:
            problem = f"more than {MAX_TEXTS:,} texts of '{header.name}', which are not read"
        if not problem:
            part, rows = _chunk_stamps(data, chunk, header, last, period)
            if not (np.abs(part) < FAR_STAMP_S).all():
                problem = f"stamps of '{header.name}' that are no times"
        if problem:
            damage.append(Damage(chunk.offset, chunk.stop - chunk.offset, problem))
            removed += chunk.count
            continue
        if part.size:
            last = float(part[-1])
            kept.append(chunk)
            stamps.append(part)
            texts.extend(rows)
    ends = np.cumsum([part.size for part in stamps], dtype=np.int64)
    all_stamps = np.concatenate(stamps) if stamps else np.zeros(0)
    for i in _lone_stamps(all_stamps) if period else ():
        chunk = kept[int(np.searchsorted(ends, i, "right"))]
        what = f"a stamp of '{header.name}' that leaves its neighbours; it was taken from them"
        damage.append(Damage(chunk.offset, chunk.stop - chunk.offset, what))
        all_stamps[i] = 0.5 * (all_stamps[i - 1] + all_stamps[i + 1])
    return XdfStream(
        id=stream.id,
        header=_with_rate(header, all_stamps, measure=measure_rate),
        announced_hz=header.rate_hz,
        stamps=all_stamps,
        offsets=[
            (time, value)
            for at, time, value in stream.offsets
            if not _sum_problem(data, at, at + _OFFSET_BYTES, sums)
        ],
        texts=texts,
        footer=stream.footer,
        removed=removed,
        _data=data,
        _chunks=kept,
        _ends=ends,
    )


def _with_rate(header: StreamHeader, stamps: Floats, *, measure: bool) -> StreamHeader:
    """Return the header with the rate of its live run, or with its measured one.

    That is measured for EEG alone, and used if it is another than announced.
    """
    if used_hz := processed_rate(header):
        return replace(header, rate_hz=used_hz)
    if not measure or header.type.upper() != "EEG" or header.is_text or has_markers(header):
        return header
    rate_hz = even_rate(stamps)
    same = header.rate_hz > 0 and abs(rate_hz / header.rate_hz - 1) <= WRONG_SHARE
    return header if math.isnan(rate_hz) or same else replace(header, rate_hz=rate_hz)


def _lone_stamps(stamps: Floats) -> NDArray[np.int64]:
    """Find single stamps a second or more away from neighbours that agree with each other."""
    far = np.abs(np.diff(stamps)) > LONE_S
    lone = far[:-1] & far[1:] & (np.abs(stamps[2:] - stamps[:-2]) <= LONE_S)
    return np.flatnonzero(lone) + 1


def _sum_problem(data: Bytes, start: int, stop: int, sums: dict[int, tuple[int, int]]) -> str:
    entry = sums.get(start)
    if entry is None:
        return ""
    same = stop - start == entry[0] and zlib.crc32(data[start:stop]) == entry[1]
    return "" if same else "values that do not match the checksum"


def _chunk_stamps(
    data: Bytes, chunk: SampleChunk, header: StreamHeader, last: float, period: float
) -> tuple[Floats, list[tuple[str, ...]]]:
    """Read the stamps of a chunk; those left out follow the one before by a period."""
    if header.is_text:
        read = text_samples(data, chunk, header.n_channels)
        given, rows = read if read is not None else ([], [])
        stamped = np.array([stamp is not None for stamp in given], bool)
        values = np.array([math.nan if stamp is None else stamp for stamp in given], np.float64)
    else:
        rows = []
        layout = sample_layout(data, chunk, header)
        assert layout is not None  # the scan has checked it
        raw, stamped, starts = layout
        values = np.full(stamped.size, np.nan)
        if stamped.any():
            places = starts[stamped][:, None] + np.arange(1, 9)
            values[stamped] = raw[places].view("<f8")[:, 0]
    if stamped.size and not stamped.all():
        # Number of samples since the last explicit stamp.
        index = np.arange(stamped.size)
        anchor = np.maximum.accumulate(np.where(stamped, index, -1))
        base = np.where(anchor >= 0, values[anchor], last)
        values = np.where(stamped, values, base + (index - anchor) * period)
    return values, rows
