"""File names from any text lead nowhere else and are accepted by every system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bci_affect.storage import bids_label, free_path, safe_name, unique_name

HOSTILE = [
    "", ".", "..", "../../etc/passwd", "/etc/passwd", "..\\..\\windows", "C:\\x", "a/b", "a\0b",
    "line\nbreak", "tab\t", "con", "NUL.txt", "Com1", "LPT9.tar.gz", "ends.", "ends ", "a:b",
    "<|>?*", "x" * 5000, "ü" * 5000, "\ud800half", "👍" * 100, "~root", "$HOME", "-rf",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("make", [safe_name, unique_name])
def test_any_text_becomes_a_file_in_the_folder(
    make: Callable[[str], str], text: str, tmp_path: Path
) -> None:
    name = make(text)
    path = tmp_path / f"{name}.json"
    path.write_text("{}", encoding="utf-8")
    assert path.resolve().parent == tmp_path.resolve()
    assert name.isprintable()
    assert not set(name) & set('<>:"/\\|?*')
    assert name[0] != "."
    assert name[-1] not in ". "
    assert name.split(".")[0].casefold() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


def test_different_texts_get_different_names() -> None:
    assert len({unique_name(text) for text in HOSTILE}) == len(HOSTILE)


def test_plain_names_stay_as_they_are() -> None:
    for name in ("s01", "fold-3", "sub-P001_ses-2", "a.b", "lambda=0.1"):
        assert safe_name(name) == unique_name(name) == name
    assert safe_name("Zoë Юлия") == "Zoë_Юлия"


def test_a_label_of_bids_has_letters_and_digits_only() -> None:
    assert bids_label("Ann-Marie 2", "P001") == "AnnMarie2"
    assert bids_label("../..", "P001") == "P001"
    assert bids_label("٣", "P001") == "P001"


def test_a_taken_name_gets_the_next_number(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert free_path(path) == path
    for expected in ("page.html", "page-2.html", "page-3.html"):
        free = free_path(path)
        assert free.name == expected
        free.touch()
