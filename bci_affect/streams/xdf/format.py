"""XDF container format: tags, lengths, and boundary of the chunks.

``XDF:`` and then chunks ``[width of length: 1, 4 or 8][length][tag, u16][content]``, everything
little-endian; the length counts tag and content (https://github.com/sccn/xdf/wiki/Specifications).
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Protocol

MAGIC = b"XDF:"
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
"""Fixed content of a boundary chunk, which a reader searches for after damage."""

CHECKSUM_NAME = "bci_affect.checksums"
CHECKSUM_TYPE = "Checksums"
"""Text stream of the writer: each sample is a JSON list of CRC-32 sums of earlier chunks."""


class Tag(IntEnum):
    """Kinds of chunk."""

    FILE_HEADER = 1
    STREAM_HEADER = 2
    SAMPLES = 3
    CLOCK_OFFSET = 4
    BOUNDARY = 5
    STREAM_FOOTER = 6


class Bytes(Protocol):
    """Bytes or a memory map, read by position."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes: ...


def varlen(value: int) -> bytes:
    """Encode a length in the fewest bytes that the format allows."""
    if value < 1 << 8:
        return b"\x01" + struct.pack("<B", value)
    if value < 1 << 32:
        return b"\x04" + struct.pack("<I", value)
    return b"\x08" + struct.pack("<Q", value)


def read_varlen(data: Bytes, at: int) -> tuple[int, int] | None:
    """Decode a length at `at`: value and the position after it, or None."""
    width = data[at : at + 1]
    if width not in (b"\x01", b"\x04", b"\x08"):
        return None
    n = width[0]
    raw = data[at + 1 : at + 1 + n]
    if len(raw) < n:
        return None
    return int.from_bytes(raw, "little"), at + 1 + n


def pack_chunk(tag: Tag, content: bytes) -> bytes:
    """Return a complete chunk."""
    return varlen(len(content) + 2) + struct.pack("<H", tag) + content
