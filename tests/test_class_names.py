"""One name, one class: a reader who searches for a name finds one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import bci_affect


def test_no_two_classes_share_a_name() -> None:
    folder = Path(bci_affect.__file__).parent
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(folder)}:{node.lineno}")
    assert len(places) > 300, "the package's classes were not found"
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
