"""Every test runs in its own LSL session, without a screen, a sound card, or the user's files."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

# Set before anything imports Qt, torch, or liblsl, here and in every process that a test starts.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Isolate LSL: a session id of its own, on this machine's loopback only."""
    folder = Path(tempfile.mkdtemp(prefix="bci-affect-lsl-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    cfg = folder / "lsl_api.cfg"
    cfg.write_text(
        "[log]\nlevel=-2\n[ports]\nIPv6=disable\n"
        # Ports of its own: the usual 32 are soon taken, and a stream beyond them is never found.
        f"BasePort={18_000 + 64 * (os.getpid() % 200)}\nPortRange=64\n"
        f"[multicast]\nResolveScope=machine\n[lab]\nSessionID={uuid.uuid4().hex}\n"
    )
    os.environ["LSLAPICFG"] = str(cfg)


DEAREST = (
    "session/test_soak.py",
    "training/calibration/test_recordings.py",
    "training/test_study.py",
    "cli/test_demo.py",
    "session/test_engine.py",
    "gui/test_live.py",
    "cli/test_music.py",
    "training/test_trainer.py",
    "training/test_baselines.py",
    "gui/test_calibration.py",
    "session/dj/test_music_thread_exit.py",
    "training/test_attention.py",
)
"""Files that take longest, ten seconds and more. They begin first: else one of them ends the run
alone while the other core has nothing to do (``--no-loadscope-reorder`` keeps this order)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the dearest files begin."""
    here = Path(__file__).parent
    rank = {here / name: i for i, name in enumerate(DEAREST)}
    assert all(path.is_file() for path in rank), "a file was renamed: see DEAREST"
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCI_AFFECT_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings and reference arrays that are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data (real recordings and reference arrays), which is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def cyton_xdf(shared_data: Path) -> Path:
    """Return a real 8-channel recording: 250 Hz, 90 s, offsets of tens of thousands of uV."""
    return shared_data / "recordings" / "openbci_cyton.xdf"
