"""Files appear complete or not at all, and an older file survives a failure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.storage import atomic_file, write_atomically


def test_a_finished_file_appears_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.csv"
    with atomic_file(path, overwrite=False) as partial:
        partial.write_text("complete")
        assert not path.exists()
    assert path.read_text() == "complete"
    assert os.listdir(path.parent) == ["out.csv"]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail() -> None:
        with atomic_file(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_file_is_replaced_only_where_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_atomically(path, "mine")
    with pytest.raises(BciAffectError, match="exists already"):
        write_atomically(path, "other", overwrite=False)
    with pytest.raises(BciAffectError, match="exists already"), atomic_file(path, overwrite=False):
        pytest.fail("the block of a refused file runs")
    assert path.read_text() == "mine"
    write_atomically(path, b"newer\r\n")
    assert path.read_bytes() == b"newer\r\n"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    def write_late() -> None:
        with atomic_file(path, overwrite=False) as partial:
            partial.write_text("late")
            path.write_text("early")

    with pytest.raises(BciAffectError, match="exists already"):
        write_late()
    assert path.read_text() == "early"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_the_longest_possible_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'ä' * 120}.json"  # 245 bytes: a temporary name is not longer
    write_atomically(path, "{}")
    assert path.read_text() == "{}"


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BciAffectError, match=r"^Cannot write .*out\.csv: Not a directory\.$"):
        write_atomically(tmp_path / "file" / "out.csv", "")
    with pytest.raises(BciAffectError, match="Cannot write"):
        write_atomically(tmp_path / "missing" / "out.csv", "", parents=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fill() -> None:
        with atomic_file(path) as partial:
            partial.symlink_to("/dev/full")
            partial.write_text("too much")

    with pytest.raises(BciAffectError, match="No space left on device"):
        fill()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]
