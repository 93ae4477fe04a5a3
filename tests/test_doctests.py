"""Examples in docstrings run, and every public name has one."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import bci_affect as ba

PACKAGE = Path(ba.__file__).parent
MODULES = sorted(
    ".".join(("bci_affect", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py" and "    >>> " in path.read_text(encoding="utf-8")
)


def test_modules_with_examples_are_found() -> None:
    assert len(MODULES) > 15


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(
        importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 0
    assert result.failed == 0


def test_every_public_function_and_class_has_an_example() -> None:
    without = []
    for name in ba.__all__:
        doc = getattr(ba, name).__doc__ or ""
        if name != "__version__" and "\n    Examples\n" not in doc:
            without.append(name)
    assert not without


def test_examples_are_not_skipped_without_need() -> None:
    """Only examples that need a headset, or a listener's recordings, are skipped."""
    skipped = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and "doctest: +SKIP" in (ast.get_docstring(node) or "")
    }
    assert skipped == {
        "app/offline_calibration.py",
        "streams/lsl/discovery.py",
        "streams/lsl/inlet.py",
    }
