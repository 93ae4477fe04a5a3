"""Every test runs in its own LSL session, without a screen, a sound card, or the user's files."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from bci_affect.profiles import store_consent
from bci_affect.streams import write_lsl_config

# The same examples in every run; `--hypothesis-profile=default` searches for new ones.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

# Set before anything imports Qt, torch, or liblsl, here and in every process that a test starts.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Isolate LSL: a session id of its own, on this machine's loopback only."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="bci-affect-lsl-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["LSLAPICFG"] = str(write_lsl_config(folder))


SLOWEST = (
    "session/test_soak.py",
    "training/calibration/test_recordings.py",
    "training/test_study.py",
    "cli/test_demo.py",
    "session/test_engine.py",
    "session/test_real_events.py",
    "gui/test_live.py",
    "cli/test_music.py",
    "training/test_trainer.py",
    "training/test_baselines.py",
    "gui/test_calibration.py",
    "session/dj/test_music_thread_exit.py",
    "training/test_attention.py",
    "cli/test_benchmark.py",
    "cli/test_signals.py",
)
"""Files that take more than ten seconds. They are run first; otherwise one of them would run last
while the other core is idle (``--no-loadscope-reorder`` keeps this order)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first."""
    here = Path(__file__).parent
    rank = {here / name: i for i, name in enumerate(SLOWEST)}
    assert all(path.is_file() for path in rank), "a file was renamed: see SLOWEST"
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCI_AFFECT_HOME", str(tmp_path_factory.mktemp("home")))
    for person in ("", "Ada", "nobody"):  # tests of the notice remove it
        store_consent(person)


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
