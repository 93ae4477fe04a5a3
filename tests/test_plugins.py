"""The example package of plug-ins, installed into a fresh environment, next to a faulty one."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.plugins import KINDS, PlugIn, find_plugins

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/plugin"

USE = """
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.signal import lfilter

import bci_affect as ba
from bci_affect.model import AffectModel, ModelSettings
from bci_affect.music import load_encoder
from bci_affect.simulation import cap_channels

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
assert cap_channels("example-headband") == ("AF7", "AF8", "T7", "T8", "O1", "O2")

model = AffectModel(ModelSettings(encoder="example-mean")).eval()
mask = torch.ones(2, 3, dtype=torch.bool)
out = model(torch.zeros(2, 12, 3, 5), mask, torch.zeros(1, 3, 3))
torch.testing.assert_close(out.attention.sum(dim=(1, 2)), torch.ones(2))

def trials():  # neighbours are correlated, as on a head
    noise = lfilter([1], [1, -0.95], rng.normal(0, 3, (4, 4, 4000)))
    return noise[:, :3] + 2 * noise[:, 3:]

for name in ("anna", "ben"):
    np.savez(
        folder / name, eeg=trials(), ratings=[[7, 2], [2, 7]] * 2,
        stimuli=["a", "b", "c", "d"], channels=["C3", "C4", "O1"], rate_hz=250.0,
    )
corpus = ba.load_corpus(ba.open_dataset("example-folder", folder), cache=folder / "cache")
assert corpus.subjects == ("anna", "ben") and len(corpus.covariance) == 8

eeg = rng.normal(0, 10, (2500, 3))
np.savetxt(folder / "eeg.csv", eeg, delimiter=",", header="C3,C4,O1", comments="")
source = ba.make_source("example-csv", path=str(folder / "eeg.csv"), rate_hz=250.0)
with ba.live(source) as session:
    windows = list(session.windows(timeout_s=10.0))
assert len(windows) > 60, len(windows)

times, levels = load_encoder("example-level").embed(rng.normal(0, 0.1, 32000).astype("f4"))
assert levels.shape == (2, 2)

for use in (
    lambda: AffectModel(ModelSettings(encoder="broken")),
    lambda: ba.open_dataset("fails", folder),
    lambda: AffectModel(ModelSettings(encoder="not-an-encoder")),
    lambda: ba.make_source("example-csv"),
):
    try:
        use()
    except ba.BciAffectError as error:
        print(error)
    else:
        raise AssertionError("no error")
print("all used")
"""

FAULTY = """
[bci_affect.encoders]
broken = faulty_plugin.absent:Encoder
not-an-encoder = faulty_plugin:VALUE
streaming = faulty_plugin:VALUE
[bci_affect.datasets]
fails = faulty_plugin:fail
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a fresh environment with the example and a faulty package.

    The packages that `bci_affect` needs are those of this environment: there is no index here.
    """
    folder = tmp_path_factory.mktemp("plugins")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    interpreter = folder / "env/bin/python"
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text("\n".join([str(ROOT), *site.getsitepackages()]))
    shutil.copytree(EXAMPLE, folder / "source")
    install = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet"]
    install += ["--no-deps", "--no-build-isolation", "--no-index", str(folder / "source")]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (packages / "faulty_plugin.py").write_text(
        "VALUE = 3\ndef fail(root, subjects):\n    raise ValueError('no key\\nsecond line')\n"
    )
    info = packages / "faulty_plugin-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-plugin\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(FAULTY)
    return interpreter


def run(python: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [python, *words], capture_output=True, text=True, env=environment, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_kind_is_found_and_used_and_faulty_ones_are_named(
    python: Path, tmp_path: Path
) -> None:
    lines = run(python, "-c", USE, str(tmp_path)).splitlines()
    assert lines[-1] == "all used"
    broken, fails, wrong, example = lines[-5:-1]
    assert broken.startswith("The plug-in 'broken' of faulty-plugin 2.0 (faulty_plugin.absent:")
    assert "cannot be loaded: No module named 'faulty_plugin.absent'" in broken
    assert "'fails' of faulty-plugin 2.0" in fails
    assert "second line" not in fails
    assert "is no encoder" in wrong
    assert "'example-csv' of bci-affect-example 0.1.0" in example
    assert "missing" in example


def test_the_command_lists_them_all(python: Path) -> None:
    rows = json.loads(run(python, "-m", "bci_affect", "plugins", "--json"))
    assert {row["kind"] for row in rows if row["package"] == "bci-affect-example"} == set(KINDS)
    problems = {row["name"]: row["problem"] for row in rows}
    assert "absent" in problems["broken"]
    assert [name for name in problems if name.startswith("example-") and problems[name]] == []


def test_the_page_and_the_example_have_every_group() -> None:
    page = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    project = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"| `bci_affect.{kind}` |" in page
        assert re.search(rf'entry-points."bci_affect\.{kind}"', project)


def test_without_plugins_nothing_is_found() -> None:
    assert find_plugins("sources") == {}


def test_an_error_of_the_program_passes_through() -> None:
    plug_in = PlugIn("datasets", "deap", "p", "1", "bci_affect.datasets.catalogue:open_dataset")
    with pytest.raises(BciAffectError, match="Unknown data set"):
        plug_in.call("absent", ROOT)
