"""The scripts and notebooks of ``examples/`` run.

Notebooks run cell by cell in one namespace, as a kernel does; with nbclient and ipykernel installed
they are executed by nbclient too.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bci_affect.model import ENCODERS
from tests.streams.lsl.live import end, spawn

FOLDER = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PRINTS = {
    "live.py": r"AffectEstimate\(time=.*, state=\w+\)",
    "replay_and_plot.py": r"Wrote affect\.png\.",
    "features_to_sklearn.py": r"encoder: balanced accuracy [01]\.\d+ on 24 trials\nNo leak",
    "own_encoder.py": r"balanced accuracy of each person: \[.*\]",
    "music_query.py": r".*: distance \d\.\d+ \(",
}
"""Output of each script, as a pattern."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bci_affect.model.registry.ENCODERS", dict(ENCODERS))


@pytest.fixture
def headset() -> Iterator[None]:
    device = spawn("bci_affect", "simulate", "stream", "--cap", "muse", "--duration", "60")
    yield
    end(device)


def run(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(FOLDER / name), run_name="__main__")


def test_every_file_is_listed_and_tested() -> None:
    listed = set(re.findall(r"^\| `([\w/.]+)` \|", (FOLDER / "README.md").read_text(), re.M))
    files = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"README.md"}
    assert {name for name in listed if "/" not in name} == files
    assert {name for name in files if name.endswith(".py")} == set(PRINTS)
    assert len(NOTEBOOKS) == 3


@pytest.mark.usefixtures("headset")
def test_live(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("live.py", monkeypatch, "--seconds", "2.5")
    assert len(re.findall(PRINTS["live.py"], capsys.readouterr().out)) >= 2


@pytest.mark.parametrize("name", [name for name in PRINTS if name != "live.py"])
def test_script(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(name, monkeypatch)
    assert re.search(PRINTS[name], capsys.readouterr().out)


def cells(path: Path) -> list[str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["nbformat"] == 4
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in code), "clear the outputs before a commit"
    return ["".join(cell["source"]) for cell in code]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, source in enumerate(cells(path)):
        exec(compile(source, f"{path.name}, cell {number}", "exec"), namespace)
    assert capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_in_a_kernel(path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient (tested with 0.11.0)")
    pytest.importorskip("ipykernel", reason="needs ipykernel (tested with 7.4.0)")
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=120).execute()
