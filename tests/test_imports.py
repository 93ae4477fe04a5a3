"""Cost of imports: light commands must not load torch, MNE, Qt, or the audio player."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bci_affect

PACKAGE = Path(bci_affect.__file__).parent
ROOMS = sorted(f"bci_affect.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py"))
HEAVY = {"torch", "mne", "PyQt6", "pyqtgraph", "sounddevice", "librosa", "sklearn", "pylsl"}
METRICS = ("bci_affect.training.metrics", "bci_affect.training.calibration.metrics")


def loaded_by(*modules: str) -> set[str]:
    """Import modules in a fresh interpreter; return all that it has loaded then."""
    code = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *modules], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


def test_the_package_and_its_rooms_load_nothing_heavy() -> None:
    loaded = loaded_by("bci_affect", *ROOMS)
    assert len(ROOMS) >= 12
    assert set(ROOMS) <= loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("module", METRICS)
def test_metrics_load_neither_the_audio_player_nor_the_window(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert not loaded & {"torch", "mne", "PyQt6", "pyqtgraph", "sounddevice", "pylsl"}
    assert not [name for name in loaded if name.startswith(("bci_affect.music", "bci_affect.gui"))]
