"""Public Python API: its names are documented, light to import, and typed."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bci_affect as ba

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_lists_exactly_the_public_names() -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(ba.__all__)
    assert len(rows) > 25


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    entries = re.findall(r"^::: bci_affect\.(\w+)$", page, re.MULTILINE)
    assert sorted([*entries, "__version__"]) == sorted(ba.__all__)


@pytest.mark.parametrize("name", ba.__all__)
def test_every_public_name_is_there_with_a_docstring(name: str) -> None:
    value = getattr(ba, name)
    assert isinstance(value, str) or value.__doc__


def test_importing_the_package_takes_less_than_50_ms_of_cpu() -> None:
    code = "import time; t = time.process_time(); import bci_affect; print(time.process_time() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(3)]
    assert min(map(float, runs)) < 0.05


def test_the_wheel_contains_type_information(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"bci_affect/py.typed", "bci_affect/__init__.pyi"} <= names
