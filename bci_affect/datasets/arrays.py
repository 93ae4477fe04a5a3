"""Restricted reader of pickled arrays; nothing that a pickle names is executed.

Loading a pickle can call arbitrary functions. DEAP is distributed as pickles, so they are read by
an unpickler that resolves four names, each to a safe stand-in, and refuses all others: three
constructors of numpy, and ``_codecs.encode``, used by Python 3 for bytes in protocol 2.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError

_MAX_MEMO = 10_000
"""Upper limit of memo indices; a pickle of a few arrays needs far fewer."""
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
_NAMES = ("_reconstruct", "ndarray", "dtype")


_LATIN_1 = ("latin1", "latin-1")


class _ArraysOnly(pickle.Unpickler):
    """Unpickler that resolves the names of plain arrays and no others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        if module in _MODULES and name in _NAMES:
            return {"_reconstruct": _empty_array, "ndarray": _ARRAY, "dtype": _plain_dtype}[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


_ARRAY = "numpy.ndarray"
"""Stand-in for the class, which is never called: a call would return uninitialised memory."""


def _latin1_bytes(*arguments: Any) -> bytes:
    """Stand-in for ``_codecs.encode`` that accepts Latin-1 text only, without a codec lookup."""
    if [type(argument) for argument in arguments] != [str, str] or arguments[1] not in _LATIN_1:
        raise pickle.UnpicklingError("it calls _codecs.encode for something other than Latin-1")
    text: str = arguments[0]
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise pickle.UnpicklingError("its Latin-1 text has characters beyond Latin-1") from None


def _plain_dtype(code: Any, *_: Any) -> np.dtype[Any]:
    """Stand-in for numpy's `dtype` that accepts numbers only."""
    dtype = np.dtype(str(code))
    if dtype.kind not in "fiu":
        raise pickle.UnpicklingError(f"it contains an array of {dtype}")
    return dtype


def _empty_array(kind: str, shape: tuple[int, ...], code: Any) -> NDArray[Any]:
    """Stand-in for numpy's `_reconstruct`, which creates the empty array to be filled."""
    if kind is not _ARRAY or tuple(shape) != (0,):
        raise pickle.UnpicklingError("it constructs an array in an unknown way")
    return np.ndarray((0,), dtype=np.int8)


def _check_memo(raw: bytes) -> None:
    """Refuse memo indices for which Python would allocate gigabytes."""
    for opcode, argument, _ in pickletools.genops(raw):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not (
            argument is not None and 0 <= int(argument) <= _MAX_MEMO
        ):
            raise pickle.UnpicklingError("it requests more memory than arrays need")


def read_pickled_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read a pickled dictionary of arrays; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        A pickle of any protocol, written by Python 2 or 3.

    Returns
    -------
    dict of str to ndarray
        Arrays of numbers.

    Raises
    ------
    BciAffectError
        If the file cannot be read, is not a pickle, or holds anything but arrays of numbers.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    try:
        _check_memo(raw)
        content = _ArraysOnly(io.BytesIO(raw), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise BciAffectError(
            f"{path} is refused, nothing in it was executed: {error}; only plain numpy arrays are "
            "read."
        ) from None
    except Exception as error:  # damaged or malicious data raise many types
        raise BciAffectError(
            f"{path} is not a complete pickle of arrays ({type(error).__name__}); "
            "download the file again."
        ) from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise BciAffectError(f"{path} is not a dictionary of arrays.")
    for key, value in content.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise BciAffectError(f"{path}: '{key}' is not an array of numbers.")
    return content


def write_python2_pickle(path: Path, arrays: dict[str, NDArray[np.float64]]) -> None:
    """Write arrays byte for byte as Python 2's ``cPickle.dump(..., protocol=2)`` did.

    Python 3 cannot do this: its protocol 2 writes bytes as a call of ``_codecs.encode``. The
    opcodes are those of pickle protocol 2 (PEP 307): a dictionary of arrays, each built by
    `_reconstruct`.
    """
    with path.open("wb") as file:
        file.write(b"\x80\x02}(")
        for key, value in arrays.items():
            array = np.ascontiguousarray(value, dtype="<f8")
            file.write(_short_string(key.encode("ascii")))
            file.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n")
            file.write(b"K\x00\x85" + _short_string(b"b") + b"\x87R(K\x01")
            file.write(b"(" + b"".join(_integer(size) for size in array.shape) + b"t")
            file.write(b"cnumpy\ndtype\n" + _short_string(b"f8") + b"K\x00K\x01\x87R(K\x03")
            file.write(_short_string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
            file.write(b"\x89T" + array.nbytes.to_bytes(4, "little"))
            file.write(array.tobytes())
            file.write(b"tb")
        file.write(b"u.")


def _short_string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def _integer(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)
