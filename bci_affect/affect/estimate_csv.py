"""CSV file of estimates: the format that `live` and `process` share."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TextIO

from bci_affect.affect.estimate import ESTIMATE_VALUES, AffectEstimate
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import csv_text
from bci_affect.storage import private

COLUMNS = ("time", *ESTIMATE_VALUES, "state", "track")


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
        csv.writer(self._file).writerow(
            [
                f"{estimate.time:.6f}",
                *("" if value != value else f"{value:.7f}" for value in estimate.values()),
                estimate.state.value,
                csv_text(track),
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
