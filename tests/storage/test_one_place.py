"""Files are moved into place and databases opened in the storage room only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bci_affect

PACKAGE = Path(bci_affect.__file__).parent


def _calls() -> Iterator[tuple[str, str]]:
    """Yield room and called method for every call that moves a file."""
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
            # `Path.replace` takes one argument; `str.replace` takes two.
            one = name == "replace" and len(node.args) == 1 and not node.keywords
            if one or name in ("rename", "renames") or (of_os and name in ("replace", "link")):
                yield room, f"{path.relative_to(PACKAGE)}:{node.lineno}"


def test_files_are_moved_into_place_in_the_storage_room_only() -> None:
    found = list(_calls())
    assert any(room == "storage" for room, _ in found)  # the search finds what is there
    assert [place for room, place in found if room != "storage"] == []


def test_databases_are_opened_in_the_storage_room_only() -> None:
    found = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module == "sqlite3")
        or (isinstance(node, ast.Import) and "sqlite3" in {alias.name for alias in node.names})
    }
    assert found == {"storage"}
