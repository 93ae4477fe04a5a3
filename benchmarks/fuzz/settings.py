"""Settings and labels written by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.config import LiveSettings, Section, SignalSettings, load_toml
from bci_affect.datasets.segments import Labels, find_segments, session_of, subject_of
from bci_affect.datasets.simulated import SimulationSettings
from bci_affect.eeg import Pipeline, make_montage
from bci_affect.resources import shipped
from bci_affect.streams import Marker
from bci_affect.training.study_settings import StudyConfig, load_study
from benchmarks.fuzz.base import Target, must
from benchmarks.fuzz.mutate import break_bytes, break_text

LIVE = """
[signal]
high_pass_hz = 1.0
low_pass_hz = 40.0
line_hz = 50
reference = "average"
gap_s = 0.5
[signal.window]
window_s = 6.0
step_s = 0.5
hop_s = 0.125
[signal.bands]
theta = [4.0, 8.0]
alpha = [8.0, 13.0]
[signal.quality]
flat_uv = 0.1
vote_s = 4.0
[signal.artifacts]
blink_uv = 80.0
[affect]
smoothing_s = 4.0
min_quality = 0.3
"""
SIMULATED = """
subjects = 4
trials = 8
seconds = 20.0
effect = 1.0
seed = 3
"""
LABELS = """
[labels]
happy   = { valence = 8, arousal = 7 }
sad     = { valence = 2, arousal = 3 }
[rest]
markers = ["rest"]
[block]
markers = ["new"]
[trial]
seconds = 20
skip_s = 1.0
[files]
"a.xdf" = { subject = "anna", session = "2" }
"""


def _broken(text: str, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.8:
        return break_text(text, rng).encode("utf-8", "surrogatepass")
    return break_bytes(text.encode(), rng)


class Config(Target):
    """Presets and user configurations; an accepted one must also work."""

    title = "configuration (TOML)"
    count = 16_000

    def prepare(self, folder: Path) -> None:
        """Collect the shipped presets and one configuration of every kind."""
        configs = {path.stem: path.read_text() for path in shipped("configs").glob("*.toml")}
        studies = [configs[name] for name in ("streaming", "paper", "ablation", "eeg-only")]
        self._seeds: list[tuple[int, str]] = [(0, LIVE), (0, LIVE), (3, SIMULATED)]
        self._seeds += [(1, text) for text in studies]
        self._seeds += [(2, text) for name, text in configs.items() if name.startswith("signal")]
        self._montage = make_montage(("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"))

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage one; the first byte is its kind."""
        kind, text = self._seeds[int(rng.integers(len(self._seeds)))]
        return bytes([kind]) + _broken(text, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Load it, and build a pipeline from signal settings."""
        path = folder / "case.toml"
        path.write_bytes(data[1:])
        sections: tuple[type[Section], ...] = (
            LiveSettings, StudyConfig, SignalSettings, SimulationSettings,
        )  # fmt: skip
        loaded: Any = load_study(path) if data[0] == 1 else load_toml(path, sections[data[0]])
        for value in _numbers(loaded.model_dump()):
            must(not math.isnan(value), "a setting that is not a number was accepted")
        signal = loaded if data[0] == 2 else getattr(loaded, "signal", None)
        if signal is not None and len(data) % 4 == 0:
            Pipeline(signal, 128.0, self._montage)
        return "read"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in _numbers(item)]
    if isinstance(value, list | tuple):
        return [n for item in value for n in _numbers(item)]
    return [value] if isinstance(value, float) else []


class LabelsFile(Target):
    """File ``LABELS.toml``, applied to the markers of a recording."""

    title = "LABELS.toml"
    count = 12_000

    def prepare(self, folder: Path) -> None:
        """Create the markers."""
        names = ["rest", "happy", "sad", "new", "happy", "other", "sad"]
        self._markers = [Marker(10.0 * i, name, "m") for i, name in enumerate(names)]

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage the file."""
        return _broken(LABELS, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Load and apply it."""
        path = folder / "LABELS.toml"
        path.write_bytes(data)
        labels = load_toml(path, Labels)
        for segment in find_segments(self._markers, 100.0, labels):
            must(segment.stop > segment.start, "a clip without length")
            must(math.isfinite(segment.start) and math.isfinite(segment.stop), "a clip without end")
            must(not segment.valence < 1 and not segment.valence > 9, "a rating outside 1 to 9")
        subject_of(Path("a.xdf"), labels), session_of(Path("a.xdf"), labels)
        return "read"
