"""Files, folders and modules that the documentation and the set-up name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bci_affect"
FILES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "pyproject.toml", "mkdocs.yml")),
    *(path for folder in ("docs", "models", "benchmarks") for path in (ROOT / folder).glob("*.md")),
    *(ROOT / ".ci").iterdir(),
    *(ROOT / ".github/workflows").iterdir(),
    *(
        path
        for top in (PACKAGE, ROOT / "studies", ROOT / "benchmarks")
        for path in top.rglob("*.py")
    ),
]
GROUPS = {"encoders", "sources", "headsets", "music_encoders"}
NO_MODULES = {"estimate", "embedding", "events", "truth", "checksums"} | GROUPS
"""Names of our streams, XML elements and groups of entry points, which look like modules."""
TOPS = {path.name for top in (ROOT, PACKAGE) for path in top.iterdir() if path.is_dir()}


def dotted_names(text: str) -> Iterator[str]:
    for match in re.finditer(r"(?<![\w/.])bci_affect((?:\.\w+)+)", text):
        if match[1][1:].split(".")[0] not in NO_MODULES:
            yield match[1][1:]


def is_there(dotted: str) -> bool:
    """Return True if a dotted name below the package is a module, or is mentioned in one."""
    place, parts = PACKAGE, dotted.split(".")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / f"{parts[0]}.py").is_file():
        place /= f"{parts.pop(0)}.py"
    if not parts:
        return True
    sources = [place] if place.is_file() else [*place.glob("__init__.py*")]
    return any(re.search(rf"\b{parts[0]}\b", path.read_text("utf-8")) for path in sources)


def paths(text: str) -> Iterator[str]:
    """Yield what looks like a file or folder of the repository."""
    for match in re.finditer(r"(?<![\w/.~-])((?:[a-z_0-9]+/)+)([a-z_0-9]+\.(?:py|md|toml))?", text):
        if match[1].split("/")[0] in TOPS and "/_data/" not in match[1]:  # only in a wheel
            yield match[0]


def test_modules_that_are_named_exist() -> None:
    found = [(file, name) for file in FILES for name in dotted_names(file.read_text("utf-8"))]
    assert len(found) > 300
    missing = {f"{file.relative_to(ROOT)}: {name}" for file, name in found if not is_there(name)}
    assert not missing, "\n".join(sorted(missing))


def test_files_and_folders_that_are_named_exist() -> None:
    places = (ROOT, PACKAGE, ROOT / "docs", ROOT / "tests")
    found = [(file, path) for file in FILES for path in paths(file.read_text("utf-8"))]
    assert len(found) > 60
    missing = {
        f"{file.relative_to(ROOT)}: {path}"
        for file, path in found
        if not any((place / path).exists() for place in (file.parent, *places))
    }
    assert not missing, "\n".join(sorted(missing))
