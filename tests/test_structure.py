"""Structure of the package: rooms exchange names through `__init__`, and tests mirror rooms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bci_affect"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
OUTSIDE = {
    "bad_input": ROOT / "benchmarks/fuzz",
    "docs": ROOT / "docs",
    "studies": ROOT / "studies",
}
"""Folders of tests that mirror something outside the package."""


def imports(folder: Path) -> Iterator[tuple[Path, int, str, str]]:
    """Yield file, line, module and name of every import from the package; no name: ``import m``."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, node.lineno, alias.name, ""
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: relative import"
                for alias in node.names:
                    yield path, node.lineno, node.module or "", alias.name


def room_of(path: Path) -> str:
    """Return the room that a file of the package is in, or its own name on the ground floor."""
    return path.relative_to(PACKAGE).parts[0]


def exported(room: str) -> set[str]:
    """Return the names that a room's ``__init__.pyi`` hands out."""
    stub = PACKAGE / room / "__init__.pyi"
    tree = ast.parse(stub.read_text(encoding="utf-8")) if stub.exists() else ast.Module([], [])
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_no_name_crosses_a_room_past_its_init() -> None:
    past = []
    crossing = 0
    for path, line, module, name in imports(PACKAGE):
        _, *parts = module.split(".")
        if not module.startswith("bci_affect.") or parts[0] not in ROOMS:
            continue
        if parts[0] == room_of(path):
            continue
        crossing += 1
        if len(parts) > 1 or (name and name not in exported(parts[0])):
            past.append(f"{path.relative_to(ROOT)}:{line}: {name} from {module}")
    assert crossing > 300, "the search for imports found too few to be right"
    assert not past, "import these from the room itself (its __init__.pyi):\n" + "\n".join(past)


def test_every_name_that_a_room_hands_out_is_used_or_documented() -> None:
    used = {
        (module.partition(".")[2], name)
        for folder in (PACKAGE, ROOT / "benchmarks", ROOT / "studies", ROOT / "docs")
        for path, _, module, name in imports(folder)
        if not (folder == PACKAGE and module == f"bci_affect.{room_of(path)}")
    }
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))))
    unused = [
        f"{room}: {name}"
        for room in ROOMS
        for name in sorted(exported(room))
        if (room, name) not in used and name not in documented
    ]
    assert not unused, "remove these from __init__.pyi, or document them:\n" + "\n".join(unused)


def test_no_exported_name_is_that_of_a_submodule() -> None:
    for room in ROOMS:
        modules = {path.stem for path in (PACKAGE / room).iterdir()}
        assert not exported(room) & modules, room


def test_every_folder_of_the_package_says_what_it_holds_and_what_it_never_holds() -> None:
    for path in sorted(PACKAGE.glob("*/**/__init__.py")):
        name = path.parent.relative_to(PACKAGE)
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first, _, rest = doc.partition("\n\n")
        second = " ".join(rest.partition("\n\n")[0].split())
        assert first, f"{name}: no docstring"
        assert re.match(r"This (room|folder) \w+ .*\. It never holds ", second), (
            f"{name}: the second paragraph of its docstring is 'This room holds ... It never holds "
            f"...', not {second!r}"
        )


def test_every_folder_of_tests_mirrors_a_folder_of_the_package() -> None:
    for path in sorted((ROOT / "tests").glob("*/**/__init__.py")):
        name = path.parent.relative_to(ROOT / "tests")
        mirrored = OUTSIDE.get(str(name), PACKAGE / name)
        assert mirrored.is_dir(), f"tests/{name} has no counterpart"
        assert list(path.parent.glob("**/test_*.py")), f"tests/{name} holds no tests"
    untested = [room for room in ROOMS if not (ROOT / "tests" / room).is_dir()]
    assert not untested, f"rooms without a folder in tests/: {untested}"


def test_every_logger_has_one_name() -> None:
    others = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            if ast.unparse(node.value) == "logging.getLogger(__name__)":
                others += [
                    f"{path.relative_to(ROOT)}:{node.lineno}"
                    for target in node.targets
                    if ast.unparse(target) != "logger"
                ]
    assert not others, f"call these loggers `logger`: {others}"
