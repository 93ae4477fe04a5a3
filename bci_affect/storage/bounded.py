"""Reading of arrays within a limit: a small file must not fill the memory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError

ARRAYS_BYTES = 256 << 20
"""Most bytes that the arrays of one ``.npz`` may have when expanded."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file; no object is unpickled.

    Raises
    ------
    BciAffectError
        If they expand to more than `ARRAYS_BYTES`.
    OSError, ValueError, EOFError
        If the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            announced = 0
            for member in members:
                with archive.open(member) as file:
                    announced += max(member.file_size, _announced_bytes(file))
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None
    if announced > ARRAYS_BYTES:
        raise BciAffectError(
            f"The arrays of {path} expand to more than {ARRAYS_BYTES >> 20} MB; "
            "write the ones that are needed into a file of their own."
        )
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _announced_bytes(file: Any) -> int:
    """Return the bytes of the array that the header of a ``.npy`` announces."""
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size
