"""File names that every system accepts, made from any text, and names that are still free."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

_LONGEST = 80
"""Bytes of a safe name: a stamp, a checksum and an ending fit after it."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, with any ending."""


def safe_name(text: str, *, ascii_only: bool = False) -> str:
    """Return a readable file name without ending for any text.

    Characters that a file system may refuse or that lead to another folder become ``_``. Two texts
    may get the same name; see `unique_name`.

    Parameters
    ----------
    text : str
    ascii_only : bool
        Replace letters outside ASCII too.

    Examples
    --------
    >>> safe_name("../Zoë: day 1"), safe_name("CON")
    ('_Zoë__day_1', '_CON')
    """
    flags = re.ASCII if ascii_only else re.NOFLAG
    name = re.sub(r"[^\w+=,@.-]", "_", text, flags=flags).lstrip(".")
    name = name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").rstrip(".")
    return f"_{name}" if not name or _RESERVED.fullmatch(name) else name


def unique_name(text: str) -> str:
    """Return a safe ASCII name that differs for different texts: a changed one ends in a checksum.

    Examples
    --------
    >>> unique_name("s01"), unique_name("s/01")
    ('s01', 's_01-e547e77a')
    """
    name = safe_name(text, ascii_only=True)
    if name == text:
        return name
    return f"{name}-{zlib.crc32(text.encode('utf-8', 'backslashreplace')):08x}"


def bids_label(text: str, default: str) -> str:
    """Return the ASCII letters and digits of a text, as labels of BIDS names are; else `default`.

    Examples
    --------
    >>> bids_label("Zoë-1", "P001"), bids_label("---", "P001")
    ('Zo1', 'P001')
    """
    return re.sub(r"[^A-Za-z0-9]", "", text) or default


def free_path(path: Path) -> Path:
    """Return the path, or with the lowest number from 2 on added to its name that is not taken."""
    candidate, number = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate
