"""Arrays as plain bytes with dtype and shape, and as text for JSON; nothing is unpickled."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

_DTYPES = ("<f4", "<f8", "<i4", "<i8", "|b1", "|u1")


def to_bytes(value: NDArray[Any]) -> tuple[str, list[int], bytes]:
    """Little-endian bytes of an array with dtype and shape."""
    array = np.ascontiguousarray(value)
    dtype = array.dtype.newbyteorder("<").str
    if dtype not in _DTYPES:
        raise TypeError(f"arrays of {array.dtype} are not stored in profiles")
    # ascontiguousarray makes a scalar one-dimensional: keep the shape that was given.
    return dtype, list(np.shape(value)), array.astype(dtype).tobytes()


def from_bytes(dtype: str, shape: list[int], data: bytes) -> NDArray[Any]:
    """Inverse of `to_bytes`; refuses what does not fit together."""
    if dtype not in _DTYPES:
        raise ValueError(f"unknown kind of array {dtype!r}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).copy()


def encode(arrays: Arrays) -> dict[str, Any]:
    """Arrays as plain JSON."""
    out = {}
    for name, value in arrays.items():
        dtype, shape, data = to_bytes(value)
        text = base64.b64encode(data).decode("ascii")
        out[name] = {"dtype": dtype, "shape": shape, "data": text}
    return out


def decode(document: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Inverse of `encode`.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        If it is anything else.
    """
    return {
        str(name): from_bytes(
            item["dtype"], item["shape"], base64.b64decode(item["data"], validate=True)
        )
        for name, item in document.items()
    }
