"""Arrays survive bytes and JSON unchanged, and inconsistent input is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bci_affect.storage import decode, encode, from_bytes, to_bytes

ARRAYS = {
    "float32": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
    "big_endian": np.array([1.5, -2.5], ">f8"),
    "scalar": np.array(7, np.int64),
    "mask": np.array([[True, False]]),
    "empty": np.zeros((0, 4), np.uint8),
    "not_contiguous": np.arange(12, dtype=np.int32).reshape(3, 4).T,
}


def test_arrays_come_back_from_json_with_shape_and_type() -> None:
    read = decode(json.loads(json.dumps(encode(ARRAYS))))
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert read[name].shape == array.shape
        assert read[name].dtype == array.dtype.newbyteorder("<")
        np.testing.assert_array_equal(read[name], array)
        read[name][...] = 0  # a copy of its own, which may be written to


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([object()]), np.array([1j])])
def test_arrays_that_are_no_plain_numbers_are_refused(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="not stored"):
        to_bytes(array)


def test_data_that_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        from_bytes("|O", [1], b"\0" * 8)
    with pytest.raises(ValueError, match="reshape"):
        from_bytes("<f4", [3], b"\0" * 8)
    with pytest.raises(ValueError, match="base64"):
        decode({"a": {"dtype": "<f4", "shape": [1], "data": "!"}})
