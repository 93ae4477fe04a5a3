"""Jobs that one module does for the program are done nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import bci_affect

PACKAGE = Path(bci_affect.__file__).parent
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            yield name, node


def moves_a_file(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    name, owner = node.func.attr, ast.unparse(node.func.value)
    # `Path.replace` takes one argument; `str.replace` takes two.
    of_path = name == "replace" and len(node.args) == 1 and not node.keywords
    return of_path or name == "rename" or (owner == "os" and name in ("replace", "link"))


def imports(node: ast.AST, module: str) -> bool:
    if isinstance(node, ast.Import):
        return module in {alias.name for alias in node.names}
    return isinstance(node, ast.ImportFrom) and node.module == module


def catches(node: ast.AST, error: str) -> bool:
    return isinstance(node, ast.ExceptHandler) and error in ast.unparse(node.type or ast.Name(""))


def test_files_are_moved_into_place_by_atomic_file_only() -> None:
    found = {name for name, node in nodes() if moves_a_file(node)}
    assert found == {"storage/atomic.py"}


def test_databases_are_opened_by_the_kernel_only() -> None:
    found = {name for name, node in nodes() if imports(node, "sqlite3")}
    assert found == {"storage/database.py"}


def test_finite_sources_are_read_by_one_loop() -> None:
    found = {name for name, node in nodes() if catches(node, "EndOfStream")}
    assert found == {"streams/source.py", "session/engine.py"}, "the engine's loop is the live one"


def test_log_odds_become_probabilities_in_one_way() -> None:
    own = re.compile(r"1(\.0)? / \(1(\.0)? \+ .*exp\(")
    found = {
        name
        for name, node in nodes()
        if isinstance(node, ast.BinOp) and own.match(ast.unparse(node))
    }
    assert not found, "scipy.special.expit does not overflow"
