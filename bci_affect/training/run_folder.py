"""Folder of a study: configuration, results of the folds, and metrics.

::

    RUN/
      config.json        configuration of the study, with all defaults
      study.json         hash of the data, git revision, versions, machine
      folds/VARIANT/seed-N/FOLD/
        pretrain.npz     predictions on the test windows (and cotrain.npz)
        history.jsonl    one line per epoch
        pretrain.safetensors
        fold.json        written last: marks the fold as finished
      history.jsonl      histories of all folds
      baselines.npz      predictions of the baselines
      metrics.json       results, independent of the machine and of the number of processes
      figures.npz        data of the report's figures, see `figure_data`
      model.safetensors  model trained on all subjects, for use (not evaluated)
      music_emotion.json  valence and arousal of music, if the stimuli were rated

Every file is written atomically, so that ``kill -9`` leaves no partial files.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bci_affect import __version__
from bci_affect.errors import BciAffectError
from bci_affect.storage import plain, write_atomically
from bci_affect.training.fold import FoldResult, PhaseResult, from_npz, to_npz
from bci_affect.training.study_settings import StudyConfig

MUSIC_HEAD = "music_emotion.json"


class RunFolder:
    """Folder of one study.

    Parameters
    ----------
    path : Path
        Folder, created by `create_or_resume`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_or_resume(self, config: StudyConfig, data_key: str, data_root: str) -> None:
        """Create the folder of a study, or check that it belongs to the same study.

        Raises
        ------
        BciAffectError
            If the folder holds another study or other files, or cannot be written.
        """
        config_path = self.path / "config.json"
        if config_path.is_file():
            # An earlier version wrote fewer settings: those have their defaults.
            if self.config() != config or self.study["data_key"] != data_key:
                raise BciAffectError(
                    f"{self.path} holds a study with another configuration or other data; give a "
                    "new folder, or resume with the same configuration and data."
                )
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise BciAffectError(f"{self.path} is not empty and not a study; give a new folder.")
        study = {
            "data_key": data_key,
            "data_root": data_root,
            "git_revision": git_revision(),
            "versions": _versions(),
            "machine": platform.platform(),
        }
        self.write_json("study.json", study)
        # Last: marks the folder as a study.
        self.write_json("config.json", config.model_dump(mode="json"))

    @property
    def study(self) -> dict[str, Any]:
        """Content of ``study.json``: data, code and machine."""
        study: dict[str, Any] = self._read("study.json")
        return study

    @property
    def metrics(self) -> dict[str, Any]:
        """Content of ``metrics.json``; raises `BciAffectError` if the study is not finished."""
        metrics: dict[str, Any] = self._read("metrics.json")
        return metrics

    def config(self) -> StudyConfig:
        """Return the configuration; raises `BciAffectError` if the folder is not a study."""
        return StudyConfig.model_validate(self._read("config.json"))

    def has_fold(self, key: str) -> bool:
        """Return True if a fold is finished."""
        return (self.path / "folds" / key / "fold.json").is_file()

    def write_fold(self, result: FoldResult) -> None:
        """Write the result of a fold."""
        folder = self.path / "folds" / result.key
        for phase, phase_result in result.phases.items():
            write_atomically(folder / f"{phase}.npz", to_npz(phase_result))
            write_atomically(folder / f"{phase}.safetensors", result.weights[phase])
        write_atomically(folder / "history.jsonl", _to_jsonl(result.history))
        measures = {phase: one.interpretability for phase, one in result.phases.items()}
        write_atomically(folder / "fold.json", json.dumps({"insight": measures}).encode())

    def read_fold(self, key: str) -> dict[str, PhaseResult]:
        """Return the results of a fold by phase."""
        folder = self.path / "folds" / key
        measures = self._read(f"folds/{key}/fold.json")["insight"]
        return {phase: from_npz(folder / f"{phase}.npz", measures[phase]) for phase in measures}

    def join_histories(self, keys: Sequence[str]) -> None:
        """Concatenate the histories of all folds, in order, into one file."""
        parts = [(self.path / "folds" / key / "history.jsonl").read_bytes() for key in keys]
        write_atomically(self.path / "history.jsonl", b"".join(parts))

    def histories(self) -> Iterator[dict[str, Any]]:
        """Yield one entry per epoch of each fold."""
        with (self.path / "history.jsonl").open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def write_json(self, name: str, document: Any) -> None:
        """Write a JSON document, NaN as null."""
        text = json.dumps(plain(document), indent=1, allow_nan=False)
        write_atomically(self.path / name, text + "\n")

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BciAffectError(
                f"{self.path} is not a finished study (no {name}); run 'bci-affect train' first."
            ) from None
        except (OSError, ValueError) as error:
            raise BciAffectError(f"{self.path / name} cannot be read: {error}.") from None


def git_revision() -> str:
    """Return the git revision of the code, with "-dirty" if modified; "" outside git."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *arguments],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("numpy", "scipy", "torch", "scikit-learn")
    return {
        "bci_affect": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def _to_jsonl(entries: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(plain(entry)).encode() + b"\n" for entry in entries)
