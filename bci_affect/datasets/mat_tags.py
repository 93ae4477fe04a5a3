"""Whether the elements of a MATLAB file (level 5) can be what they say.

SciPy's reader looks a data type up by the number that the file gives, and crashes the whole program
where there is none of that number; so the numbers are looked at before. Layout: MathWorks,
*MAT-File Format*, level 5.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_HEADER = 128
_NUMBERS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})  # of data types that hold values
_MATRIX, _COMPRESSED = 14, 15
_DEEPEST = 64


def has_sound_tags(path: Path) -> bool:
    """Walk through every element of a file; False where one is of no known type, or too long.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    data = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER])
    return order is not None and _sound(memoryview(data)[_HEADER:], order, 0)


def _sound(data: memoryview, order: str, depth: int) -> bool:
    """Check a run of elements."""
    at = 0
    while at + 8 <= len(data):
        number, size = struct.unpack_from(f"{order}II", data, at)
        if number >> 16:  # up to four bytes lie in the tag itself
            number, size, start, after = number & 0xFFFF, number >> 16, at + 4, at + 8
            if size > 4:
                return False
        else:
            start, after = at + 8, at + 8 + size + (-size % 8 if number != _COMPRESSED else 0)
        inside = data[start : start + size]
        if len(inside) != size or depth > _DEEPEST:
            return False
        if number == _COMPRESSED and depth == 0:
            try:
                inside = memoryview(zlib.decompress(inside))
            except zlib.error:
                return False
        elif number != _MATRIX and number not in _NUMBERS:
            return False
        if number in (_MATRIX, _COMPRESSED) and not _sound(inside, order, depth + 1):
            return False
        at = after
    return True
