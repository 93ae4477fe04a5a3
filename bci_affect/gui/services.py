"""What the window asks for beyond the running session; the command line fills these in.

Small protocols, each for one panel or flow, so that the window knows neither LSL nor the library's
database nor torch. A service that is not given hides or disables what needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import Track


class MusicView(Protocol):
    """What of the music library is drawn. Every call returns at once; unknown yet is None."""

    def tracks(self) -> list[Track]:
        """Return all tracks of the library."""

    def cover(self, track_id: int) -> bytes | None:
        """Return the cover picture's file content (PNG or JPEG), or None."""

    def waveform(self, track_id: int) -> NDArray[np.float32] | None:
        """Return peak levels, shape (n,), 0 to 1, over the whole track; None while not known."""

    def embeddings(self) -> tuple[list[int], NDArray[np.float32]] | None:
        """Return track ids and their places in the common space, shape (n, d), or None."""


class ReportWriter(Protocol):
    """Writes the report of a session; may take its time, so the window calls it beside itself."""

    def write(self) -> Path:
        """Write the report and return its file.

        Raises
        ------
        BciAffectError
            If it cannot be written.
        """


@dataclass(frozen=True)
class Services:
    """Everything that the window may use beside the session; None hides what needs it."""

    music: MusicView | None = None
    report: ReportWriter | None = None
