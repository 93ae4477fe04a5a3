"""Services of the window beyond the running session; `bci_affect.app` implements them.

Each small interface serves one panel or flow, so that the window depends neither on LSL nor on the
library's database nor on torch. Controls that need a missing service are hidden or disabled. The
window calls a method marked *slow* on a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import Track
from bci_affect.session import GuidedCalibration, SessionControl
from bci_affect.streams import FoundStream


class MusicView(Protocol):
    """Music library as the window draws it; every call returns at once, None if not known yet."""

    def tracks(self) -> list[Track]:
        """Return all tracks of the library."""

    def cover(self, track_id: int) -> bytes | None:
        """Return the cover picture's file content (PNG or JPEG), or None."""

    def waveform(self, track_id: int) -> NDArray[np.float32] | None:
        """Return peak levels, shape (n,), 0 to 1, over the track; None if not known yet."""

    def embeddings(self) -> tuple[list[int], NDArray[np.float32]] | None:
        """Return track ids and their positions in the common space, shape (n, d), or None."""


class ReportWriter(Protocol):
    """Report writer of a session."""

    def write(self) -> Path:
        """Write the report and return its file (slow).

        Raises
        ------
        BciAffectError
            If it cannot be written.
        """


class Replay(Protocol):
    """Transport of a replayed recording; `bci_affect.streams.XdfSource` implements it."""

    paused: bool
    speed: float

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""

    @property
    def position_s(self) -> float:
        """Present position in seconds."""

    def seek(self, position_s: float) -> None:
        """Move to a position in seconds."""


@dataclass(frozen=True)
class CalibrationResult:
    """Result of a calibration, in words first.

    Attributes
    ----------
    headline : str
        The verdict in one sentence.
    sentences : tuple of str
        Meaning of the verdict and advice.
    figures : tuple of (str, str)
        Names and values behind it: trial count, chance level, interval, p-value.
    report : Path or None
        The written report.
    """

    headline: str
    sentences: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    report: Path | None = None


class CalibrationService(Protocol):
    """Factory and evaluation of guided calibrations."""

    @property
    def profile(self) -> str:
        """Name of the calibrated profile."""

    def unfinished(self) -> bool:
        """Return True if a stopped calibration of this profile can be resumed."""

    def begin(self, n_clips: int, seconds: float) -> GuidedCalibration:
        """Prepare a new calibration; an unfinished one is discarded.

        Raises
        ------
        BciAffectError
            If the library has too few tracks.
        """

    def resume(self) -> GuidedCalibration:
        """Prepare to resume the unfinished one."""

    def evaluate(self, calibration: GuidedCalibration) -> CalibrationResult:
        """Fit and evaluate the clips, and store the result in the profile (slow)."""

    def cue(self) -> None:
        """Play a short tone, for closed eyes."""


@dataclass(frozen=True)
class Services:
    """All services of a window; None hides the controls that need the service."""

    music: MusicView | None = None
    report: ReportWriter | None = None
    replay: Replay | None = None
    calibration: CalibrationService | None = None


@dataclass(frozen=True, slots=True)
class StartChoice:
    """Choices of the user in the start flow.

    Attributes
    ----------
    stream : FoundStream or None
        The EEG stream; None for the demonstration.
    music_folder : Path or None
        Folder to add to the library; None for the present library (or the demonstration's music).
    music : bool
        False for a session without music.
    profile : str
        Name of a profile; "" for no profile.
    record_dir : Path or None
        Folder to record to; None for no recording.
    """

    stream: FoundStream | None
    music_folder: Path | None = None
    music: bool = True
    profile: str = ""
    record_dir: Path | None = None


@dataclass(frozen=True)
class Started:
    """Running session with its services."""

    control: SessionControl
    services: Services


class StartService(Protocol):
    """Search for streams, and start of sessions."""

    def find(self) -> list[FoundStream]:
        """Return the visible EEG streams (slow: about a second)."""

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        """Start a session (slow); `progress` is called with one line per step.

        Raises
        ------
        BciAffectError
            If it cannot start, or another session holds the profile; nothing is left running
            then.
        """

    def end(self) -> None:
        """End the session that was started, with all of its resources (slow)."""
