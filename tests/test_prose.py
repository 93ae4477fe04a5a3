"""Plain English in docstrings, comments, messages and pages; see `tests.prose` for the rules."""

from __future__ import annotations

import pytest

from tests import prose


def words(name: str, text: str) -> list[tuple[int, str]]:
    check = prose.check_page if name.endswith(".md") else prose.check_code
    return [(finding.line, finding.word) for finding in sorted(check(name, text))]


def test_every_file_keeps_to_the_rules_or_to_its_number_of_exceptions() -> None:
    allowed = prose.allowed()
    too_many, clean = [], []
    for path in prose.files():
        found = prose.check(path)
        name = path.relative_to(prose.ROOT).as_posix()
        if len(found) > allowed[name]:
            too_many += [
                f"{name}: {len(found)} findings, {allowed[name]} allowed",
                *map(str, found),
            ]
        elif allowed[name] and not found:
            clean.append(name)
    known = {path.relative_to(prose.ROOT).as_posix() for path in prose.files()}
    assert not too_many, "reword these (python -m tests.prose):\n" + "\n".join(too_many)
    assert not clean, "python -m tests.prose --update, as these need no exception:\n" + str(clean)
    assert not allowed.keys() - known, "remove files that are gone from tests/prose_allowed.txt"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""What a window holds."""', [(1, "What")]),
        ('"""Chunk queue between receiver and reader."""', []),
        ('class Feed:\n    """Sends rows."""', [(2, "Sends")]),
        ('def f():\n    """Tell the reader."""', [(2, "Tell")]),
        ('RATE = 4\n"""How often a row is sent."""', [(2, "How")]),
        ('"""Rows.\n\nIt draws all rows\nanew.\n"""', [(4, "anew")]),
        ('"""Rows.\n\nThese are told\n    apart later.\n"""', [(3, "told"), (3, "told apart")]),
        ("x = 1  # beside the row", [(1, "beside")]),
        ("x = 1  # half a whole number", []),
        ('x = "draw it anew"', [(1, "anew")]),
        ('x = f"draw {1} anew"', [(1, "anew")]),
        ('"""Reader of `anew`."""\nx = "anew"', []),
        (
            'def f():\n    """Return True."""\n    raise ValueError("nobody is there")',
            [(3, "nobody")],
        ),
    ],
)
def test_findings_of_code(text: str, expected: list[tuple[int, str]]) -> None:
    assert words("bci_affect/x.py", text) == expected


def test_tests_may_state_facts_but_ask_no_questions() -> None:
    assert words("tests/x.py", '"""Sends rows."""\nx = "draw it anew"') == []
    assert words("tests/x.py", '"""Who sends rows."""') == [(1, "Who")]


def test_pages_are_checked_outside_code() -> None:
    page = (
        "# Whole\n\n`whole`\n\n```\nwhole\n```\n\n<!-- whole\n-->\n\n[Page](whole.md), as it\nwere"
    )
    assert words("docs/x.md", page) == [(1, "Whole"), (12, "as it were")]


def test_a_finding_names_the_place_and_the_replacement() -> None:
    (finding,) = prose.check_code("bci_affect/x.py", "\n# whole")
    assert str(finding) == (
        "bci_affect/x.py:2: 'whole' in a comment; use: full, entire, complete, intact"
    )
