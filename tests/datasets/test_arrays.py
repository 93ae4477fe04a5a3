"""Pickles are read as data: arrays come out, and nothing in them is executed."""

from __future__ import annotations

import _codecs
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from bci_affect.datasets.arrays import read_pickled_arrays, write_python2_pickle
from bci_affect.errors import BciAffectError


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"data": rng.standard_normal((2, 3, 5)), "labels": rng.uniform(1, 9, (2, 4))}


def test_written_file_equals_python_2_output(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "s01.dat"
    write_python2_pickle(path, arrays)
    assert path.read_bytes()[:2] == b"\x80\x02"  # protocol 2
    assert b"_codecs" not in path.read_bytes()  # Python 3 would write such a call
    with path.open("rb") as file:
        standard = pickle.load(file, encoding="latin1")
    ours = read_pickled_arrays(path)
    for key, value in arrays.items():
        np.testing.assert_array_equal(standard[key], value)
        np.testing.assert_array_equal(ours[key], value)


@pytest.mark.parametrize("protocol", range(5))
def test_python_3_pickles_of_arrays_are_read(
    tmp_path: Path, arrays: dict[str, np.ndarray], protocol: int
) -> None:
    path = tmp_path / "new.dat"
    path.write_bytes(pickle.dumps(arrays, protocol=protocol))
    assert (b"_codecs" in path.read_bytes()) == (protocol < 3)  # how Python 3 writes bytes there
    for key, value in read_pickled_arrays(path).items():
        np.testing.assert_array_equal(value, arrays[key])
        assert value.dtype == arrays[key].dtype


def test_deap_read_by_python_3_and_saved_again_is_read(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    path = tmp_path / "s01.dat"
    write_python2_pickle(path, arrays)
    with path.open("rb") as file:
        content = pickle.load(file, encoding="latin1")
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=2)
    ours = read_pickled_arrays(path)
    assert list(ours) == list(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(ours[key], value)


class _Encodes:
    """Pickles as a call of ``_codecs.encode`` with these arguments."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _codecs.encode, self.arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("text", "rot13"),
        ("text", "zlib"),
        ("text", "utf-8"),
        ("text", "idna"),
        ("text", "LATIN1"),
        ("text", ("latin1",)),
        ("text", 1),
        ("\u20ac", "latin1"),  # beyond Latin-1
        (3, "latin1"),
        (("t",), "latin1"),
        ("text", "latin1", "ignore"),
        ("text",),
        (),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_encode_is_refused_for_anything_but_latin_1_text(
    tmp_path: Path, arguments: tuple[object, ...], protocol: int
) -> None:
    path = tmp_path / "evil.dat"
    path.write_bytes(pickle.dumps({"data": _Encodes(*arguments)}, protocol=protocol))
    with pytest.raises(BciAffectError, match="refused, nothing in it was executed") as caught:
        read_pickled_arrays(path)
    assert "Latin-1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_in_the_place_of_the_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.dat"
    # Protocol 3 has an opcode for bytes, so `_codecs.encode` is reached with them as they are.
    path.write_bytes(pickle.dumps({"data": _Encodes(b"text", "latin1")}, protocol=3))
    with pytest.raises(BciAffectError, match="other than Latin-1"):
        read_pickled_arrays(path)


@pytest.mark.parametrize("name", ["decode", "register", "lookup", "latin_1_encode", "encode_"])
@pytest.mark.parametrize("module", ["_codecs", "codecs"])
def test_no_other_name_of_the_codecs_is_known(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "evil.dat"
    path.write_bytes(f"(dS'data'\nc{module}\n{name}\n(S'text'\nS'latin1'\ntRs.".encode())
    with pytest.raises(BciAffectError, match=f"it names {module}.{name}"):
        read_pickled_arrays(path)


class _OpensFile:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.marker, os.O_CREAT | os.O_WRONLY)


@pytest.mark.parametrize("protocol", range(6))
def test_pickle_that_calls_a_function_is_refused(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "executed"
    path = tmp_path / "evil.dat"
    path.write_bytes(pickle.dumps({"data": _OpensFile(str(marker))}, protocol=protocol))
    with pytest.raises(BciAffectError, match="refused, nothing in it was executed") as caught:
        read_pickled_arrays(path)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(S'/etc/passwd'\ntR.",
        b"Pelsewhere\n.",
        b"cnumpy\nndarray\n(I99999999999999\ntR.",
        pickle.dumps([1, 2, 3]),
        pickle.dumps({"data": "text"}),
        pickle.dumps({"data": np.array(["a", "b"])}, protocol=4),
        pickle.dumps({"data": np.array([{}, {}], dtype=object)}, protocol=4),
    ],
)
def test_content_other_than_numeric_arrays_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.dat"
    path.write_bytes(content)
    with pytest.raises(BciAffectError) as caught:
        read_pickled_arrays(path)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "s01.dat"
    write_python2_pickle(path, arrays)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(BciAffectError):
            read_pickled_arrays(path)
