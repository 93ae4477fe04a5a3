"""A study's folder: what was asked, what each fold found, and what it came to.

::

    RUN/
      config.json        everything the study was told, all defaults written out
      study.json         data, code and machine: content of the data, git revision, versions
      folds/VARIANT/seed-N/FOLD/
        pretrain.npz     predictions on the test windows (cotrain.npz beside it)
        history.jsonl    one line for each epoch
        pretrain.safetensors
        fold.json        written last: a fold without it has not been run
      history.jsonl      all folds' histories
      baselines.npz      the baselines' probabilities
      metrics.json       the result; the same whatever machine or number of processes made it
      model.safetensors  trained on everybody, for use (never evaluated)
      music_emotion.json  valence and arousal of music, where the stimuli were rated

Every file is written atomically, so that ``kill -9`` leaves complete files.
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
from bci_affect.training.fold import FoldResult, PhaseResult, pack, unpack
from bci_affect.training.study_settings import StudyConfig

MUSIC_HEAD = "music_emotion.json"


class RunFolder:
    """The folder of one study.

    Parameters
    ----------
    path : Path
        Made by `prepare`; read by everything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self, config: StudyConfig, data_key: str, data_root: str) -> None:
        """Begin a study, or go on with the same one.

        Raises
        ------
        BciAffectError
            If the folder holds another study, or something else, or cannot be written.
        """
        asked = {"config": config.model_dump(mode="json"), "data_key": data_key}
        config_path = self.path / "config.json"
        if config_path.is_file():
            known = {"config": self._read("config.json"), "data_key": self.study["data_key"]}
            if known != json.loads(json.dumps(asked)):
                raise BciAffectError(
                    f"{self.path} holds a study with another configuration or other data; give a "
                    "new folder, or run the same study to go on with it."
                )
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise BciAffectError(f"{self.path} is not empty and no study; give a new folder.")
        study = {
            "data_key": data_key,
            "data_root": data_root,
            "git_revision": git_revision(),
            "versions": _versions(),
            "machine": platform.platform(),
        }
        self.write_json("study.json", study)
        self.write_json("config.json", asked["config"])  # last: it makes this a study

    @property
    def study(self) -> dict[str, Any]:
        """What `prepare` wrote of data and code."""
        study: dict[str, Any] = self._read("study.json")
        return study

    @property
    def metrics(self) -> dict[str, Any]:
        """The result; raises `BciAffectError` before there is one."""
        metrics: dict[str, Any] = self._read("metrics.json")
        return metrics

    def config(self) -> StudyConfig:
        """Return the study's configuration; raises `BciAffectError` if this is no study."""
        return StudyConfig.model_validate(self._read("config.json"))

    def has_fold(self, key: str) -> bool:
        """Tell whether a fold has been run to its end."""
        return (self.path / "folds" / key / "fold.json").is_file()

    def write_fold(self, result: FoldResult) -> None:
        """Keep a fold's result."""
        folder = self.path / "folds" / result.key
        for phase, found in result.phases.items():
            write_atomically(folder / f"{phase}.npz", pack(found))
            write_atomically(folder / f"{phase}.safetensors", result.weights[phase])
        write_atomically(folder / "history.jsonl", _lines(result.history))
        insight = {phase: found.insight for phase, found in result.phases.items()}
        write_atomically(folder / "fold.json", json.dumps({"insight": insight}).encode())

    def read_fold(self, key: str) -> dict[str, PhaseResult]:
        """Return a fold's phases."""
        folder = self.path / "folds" / key
        insight = self._read(f"folds/{key}/fold.json")["insight"]
        return {phase: unpack(folder / f"{phase}.npz", insight[phase]) for phase in insight}

    def join_histories(self, keys: Sequence[str]) -> None:
        """Write all folds' histories into one file, in order."""
        parts = [(self.path / "folds" / key / "history.jsonl").read_bytes() for key in keys]
        write_atomically(self.path / "history.jsonl", b"".join(parts))

    def histories(self) -> Iterator[dict[str, Any]]:
        """Yield one entry for each epoch of each fold."""
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
                f"{self.path} has no {name}: it is no finished study; run 'bci-affect train' first."
            ) from None
        except (OSError, ValueError) as error:
            raise BciAffectError(f"{self.path / name} cannot be read: {error}.") from None


def git_revision() -> str:
    """Return the revision of the code, with "-dirty" where it was changed; "" outside git."""
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


def _lines(entries: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(plain(entry)).encode() + b"\n" for entry in entries)
