"""What the window asks for beyond the running session; the command line fills these in.

Small interfaces, each for one panel or flow, so that the window knows neither LSL nor the library's
database nor torch. A service that is not given hides or disables what needs it. Where a method is
called *slow*, the window calls it on a thread of its own.
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
    """Writes the report of a session."""

    def write(self) -> Path:
        """Write the report and return its file (slow).

        Raises
        ------
        BciAffectError
            If it cannot be written.
        """


class Replay(Protocol):
    """Transport of a recording that is replayed; `bci_affect.streams.XdfSource` fulfils it."""

    paused: bool
    speed: float

    @property
    def duration_s(self) -> float:
        """Length of the recording."""

    @property
    def position_s(self) -> float:
        """Where it is now."""

    def seek(self, position_s: float) -> None:
        """Go to a place."""


@dataclass(frozen=True)
class CalibrationResult:
    """What a calibration found, in words first.

    Attributes
    ----------
    headline : str
        The verdict in one sentence.
    sentences : tuple of str
        What it means and what to do.
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
    """Makes guided calibrations and evaluates them."""

    @property
    def profile(self) -> str:
        """Whose calibration it is."""

    def unfinished(self) -> bool:
        """Whether a stopped calibration of this profile can be resumed."""

    def begin(self, n_clips: int, seconds: float) -> GuidedCalibration:
        """Prepare a new calibration; an unfinished one is discarded.

        Raises
        ------
        BciAffectError
            If the library has too few tracks.
        """

    def resume(self) -> GuidedCalibration:
        """Prepare to go on with the unfinished one."""

    def evaluate(self, calibration: GuidedCalibration) -> CalibrationResult:
        """Fit and judge what was gathered, and keep it in the profile (slow)."""

    def cue(self) -> None:
        """Sound a short tone: eyes may be closed."""


@dataclass(frozen=True)
class Services:
    """Everything that the window may use beside the session; None hides what needs it."""

    music: MusicView | None = None
    report: ReportWriter | None = None
    replay: Replay | None = None
    calibration: CalibrationService | None = None


@dataclass(frozen=True, slots=True)
class StartChoice:
    """What the user chose at the first start.

    Attributes
    ----------
    stream : FoundStream or None
        The EEG stream; None for the demonstration.
    music_folder : Path or None
        Folder to bring into the library; None for what is in it already (or the demo's music).
    music : bool
        False for a session without music.
    profile : str
        Name of a profile; "" for nobody's.
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
    """A session that runs, with what belongs to it."""

    control: SessionControl
    services: Services


class StartService(Protocol):
    """Finds streams and starts sessions."""

    def find(self) -> list[FoundStream]:
        """Return the EEG streams that can be seen (slow: about a second)."""

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        """Start a session (slow); `progress` takes one line about what is being done.

        Raises
        ------
        BciAffectError
            If it cannot start, or another session holds the profile; nothing is left running
            then.
        """
