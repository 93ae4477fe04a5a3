"""CSV file of estimates: the format that `live` and `process` share."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import TextIO

from bci_affect.affect.estimate import ESTIMATE_VALUES, AffectEstimate
from bci_affect.eeg import State
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import csv_text
from bci_affect.storage import private

DECIDED = {"high": "high", "low": "low", "unsure": "undecided"}
"""Names of decisions in files."""
COLUMNS = (
    *("time", *ESTIMATE_VALUES, "state", "track"),
    *("elapsed_s", "decided_valence", "decided_arousal", "calibrated", "reason"),
    *("music_valence_prob", "music_arousal_prob", "fused_valence_prob", "fused_arousal_prob"),
)
"""Columns in their order; new ones are appended only."""


class EstimateCsv:
    """CSV file of estimates, one row each; it is created with the first row.

    Parameters
    ----------
    path : Path
        New file; an existing one is never overwritten.

    Raises
    ------
    BciAffectError
        If it exists or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._first = math.nan
        if path.exists():
            raise BciAffectError(
                f"{path} exists already and is not overwritten; choose another name."
            )
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not os.access(folder, os.W_OK):
            raise BciAffectError(f"Cannot write {path}: {folder} is read-only; choose another.")

    def _open(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = private(str(self._path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        file = os.fdopen(descriptor, "w", newline="", encoding="utf-8")
        csv.writer(file).writerow(COLUMNS)
        return file

    def write(self, estimate: AffectEstimate, track: str = "") -> None:
        """Append one estimate; an unknown number is an empty cell."""
        if self._file is None:
            self._file = self._open()
        if math.isnan(self._first):
            self._first = estimate.time
        csv.writer(self._file).writerow(
            [
                f"{estimate.time:.6f}",
                *map(_number, estimate.values()),
                estimate.state.value,
                csv_text(track),
                f"{estimate.time - self._first:.3f}",
                *_judgement(estimate),
            ]
        )

    def flush(self) -> None:
        """Flush the rows to the operating system."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        """Finish the file; safe to call twice."""
        if self._file:
            self._file.close()

    def __enter__(self) -> EstimateCsv:
        self._file = self._file or self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.7f}"


def _judgement(estimate: AffectEstimate) -> list[str]:
    """Return the columns of decisions, reason, music and fusion; empty where it is no reading."""
    reading = estimate.reading
    if reading is None or estimate.state is not State.OK:
        calibrated = "" if reading is None else str(int(reading.calibrated))
        return ["", "", calibrated, "", "", "", "", ""]
    return [
        *(DECIDED[decision] for decision in reading.decision),
        str(int(reading.calibrated)),
        csv_text("; ".join(reading.reasons)),
        *map(_number, (*reading.music_prob.tolist(), *reading.fused_prob.tolist())),
    ]
