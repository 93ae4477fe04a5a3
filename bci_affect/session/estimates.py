"""Estimates as rows of a CSV file: the format that `live` and `process` share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from bci_affect.errors import BciAffectError
from bci_affect.session.types import AffectEstimate

COLUMNS = (
    "time",
    "valence",
    "arousal",
    "valence_prob",
    "arousal_prob",
    "confidence",
    "quality",
    "state",
    "track",
)


class EstimatesFile:
    """A CSV file of estimates, one row each, flushed once a second of rows or on demand.

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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("x", newline="", encoding="utf-8")
        except FileExistsError:
            raise BciAffectError(
                f"{path} exists already and is not overwritten; choose another name."
            ) from None
        except OSError as error:
            raise BciAffectError(f"Cannot write {path}: {error.strerror or error}.") from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def write(self, estimate: AffectEstimate, track: str = "") -> None:
        """Append one estimate; an unknown number stays an empty cell."""
        self._writer.writerow(
            [
                f"{estimate.time:.6f}",
                *(
                    "" if value != value else f"{value:.7f}"
                    for value in (
                        estimate.valence,
                        estimate.arousal,
                        estimate.valence_prob,
                        estimate.arousal_prob,
                        estimate.confidence,
                        estimate.quality,
                    )
                ),
                estimate.state.value,
                track,
            ]
        )

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file; safe to call twice."""
        self._file.close()

    def __enter__(self) -> EstimatesFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


EstimateSink = Callable[[AffectEstimate, str], None]
"""Takes an estimate and the id of the track that plays ("" where none does)."""
