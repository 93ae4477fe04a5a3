"""Data set of one NPZ file per subject: arrays ``eeg``, ``ratings``, ``stimuli``, and more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bci_affect import BciAffectError, Trial, make_montage


class FolderDataset:
    """Folder of ``NAME.npz`` files.

    Each holds ``eeg`` (n_trials, n_channels, n_samples) in microvolts, ``ratings`` (n_trials, 2) of
    valence and arousal on 1-9, ``stimuli`` (n_trials,), ``channels`` and ``rate_hz``.
    """

    name = "example-folder"
    simulated = False

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        found = {path.stem: path for path in sorted(root.glob("*.npz"))}
        if not found:
            raise BciAffectError(f"{root} contains no .npz files of subjects.")
        self._files = {name: found[name] for name in subjects or found}
        self.subjects = tuple(self._files)

    def content_key(self, subject: str) -> str:
        """Return a hash of the subject's file."""
        return hashlib.sha256(self._files[subject].read_bytes()).hexdigest()

    def trials(self, subject: str) -> list[Trial]:
        """Return the subject's trials in order of presentation."""
        with np.load(self._files[subject], allow_pickle=False) as data:
            montage = make_montage([str(name) for name in data["channels"]])
            rows = zip(data["eeg"], data["ratings"], data["stimuli"], strict=True)
            return [
                Trial(
                    eeg.astype(np.float32),
                    float(data["rate_hz"]),
                    montage,
                    subject,
                    "1",
                    str(stimulus),
                    ratings={"valence": float(rating[0]), "arousal": float(rating[1])},
                    index=index,
                )
                for index, (eeg, rating, stimulus) in enumerate(rows)
            ]
