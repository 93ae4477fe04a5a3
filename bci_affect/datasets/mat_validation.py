"""Validation of MATLAB level 5 files before SciPy reads them.

SciPy's reader indexes a table by the data type number in the file and crashes the process if the
number is unknown. Layout: MathWorks, *MAT-File Format*, level 5.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_HEADER_SIZE = 128
_VALUE_TYPES = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})
_MATRIX, _COMPRESSED = 14, 15
_MAX_DEPTH = 64


def is_valid_mat(path: Path) -> bool:
    """Return True if every element of a file has a known type and lies inside the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    data = path.read_bytes()
    byte_order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER_SIZE])
    return byte_order is not None and _is_valid(memoryview(data)[_HEADER_SIZE:], byte_order, 0)


def _is_valid(data: memoryview, byte_order: str, depth: int) -> bool:
    """Validate a sequence of elements."""
    offset = 0
    while offset + 8 <= len(data):
        kind, size = struct.unpack_from(f"{byte_order}II", data, offset)
        if kind >> 16:  # small element: up to four bytes stored in the tag itself
            kind, size, start, end = kind & 0xFFFF, kind >> 16, offset + 4, offset + 8
            if size > 4:
                return False
        else:
            start = offset + 8
            end = start + size + (-size % 8 if kind != _COMPRESSED else 0)
        content = data[start : start + size]
        if len(content) != size or depth > _MAX_DEPTH:
            return False
        if kind == _COMPRESSED and depth == 0:
            try:
                content = memoryview(zlib.decompress(content))
            except zlib.error:
                return False
        elif kind != _MATRIX and kind not in _VALUE_TYPES:
            return False
        if kind in (_MATRIX, _COMPRESSED) and not _is_valid(content, byte_order, depth + 1):
            return False
        offset = end
    return True
