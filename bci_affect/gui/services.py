"""Services of the window beyond the running session; `bci_affect.app` implements them.

Each small interface serves one panel or flow, so that the window depends neither on LSL nor on the
library's database nor on torch. Controls that need a missing service are hidden or disabled. The
window calls a method marked *slow* on a thread of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import Track
from bci_affect.session import GuidedCalibration, SessionControl
from bci_affect.streams import BoardSettings, ConnectionState, FoundStream, ScanResult


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


class LibraryService(Protocol):
    """Music library as the user edits it."""

    def entries(self) -> list[tuple[Track, bool]]:
        """Return all tracks, each with whether its file exists."""

    def like(self, track_id: int, liked: bool) -> None:
        """Like a track, or remove the like."""

    def ban(self, track_id: int, banned: bool) -> None:
        """Ban a track, or lift the ban."""

    def remove(self, track_id: int) -> None:
        """Remove a track from the library; its file is kept."""

    def add_folder(self, folder: Path) -> ScanView:
        """Add the music of a folder in the background.

        Raises
        ------
        BciAffectError
            If the folder has no music.
        """


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

    @property
    def at_end(self) -> bool:
        """True once every sample was read; the replay is paused there."""

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
    """Factory and evaluation of guided calibrations.

    Attributes
    ----------
    n_clips, seconds : int, float
        Number and length of the clips that are asked for.
    """

    @property
    def n_clips(self) -> int:
        """Number of clips that is offered first."""

    @property
    def seconds(self) -> float:
        """Length of a clip in seconds."""

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


@dataclass(frozen=True, slots=True)
class ScanStatus:
    """Progress of a scan of music.

    Attributes
    ----------
    done, total : int
        Files that were analysed, and files to analyse; the total is 0 while files are counted.
    name : str
        Name of the file that was finished last.
    left_s : float
        Estimated time left; NaN before the first file.
    failed : int
        Files that could not be added.
    ended, cancelled : bool
    error : str
        Reason why the scan failed; else "".
    """

    done: int = 0
    total: int = 0
    name: str = ""
    left_s: float = math.nan
    failed: int = 0
    ended: bool = False
    cancelled: bool = False
    error: str = ""


class ScanView(Protocol):
    """Scan of music that runs in the background."""

    def status(self) -> ScanStatus:
        """Return the progress at once."""

    def cancel(self) -> None:
        """Ask the scan to end; it keeps its results and ends within a second."""


@dataclass(frozen=True, slots=True)
class HeadsetStatus:
    """State of a headset that the program connects itself.

    Attributes
    ----------
    name : str
        BrainFlow's name of the board.
    source_id : str
        Source id of its EEG stream on LSL.
    state : ConnectionState
        State of its bridge.
    reason : str
        Cause of a problem and what to do about it; "" without one.
    battery : float
        Percent; NaN if unknown.
    missed : float
        Share of radio packages that were lost; NaN if unknown.
    """

    name: str
    source_id: str
    state: ConnectionState
    reason: str = ""
    battery: float = float("nan")
    missed: float = float("nan")


class HeadsetView(Protocol):
    """Connected headset as the top bar shows it."""

    def status(self) -> HeadsetStatus | None:
        """Return its state; None without a headset."""


class HeadsetService(HeadsetView, Protocol):
    """Search for headsets that need no other program, and their connection."""

    def missing(self) -> str:
        """Return the packages that have to be installed first, or ""."""

    def install_command(self) -> str:
        """Return the command that installs them."""

    def boards(self) -> list[str]:
        """Return the names of all supported boards (slow)."""

    def scan(self) -> ScanResult:
        """Search over Bluetooth and at serial ports (slow)."""

    def connect(self, settings: BoardSettings) -> str:
        """Start to connect a headset; return the source id of its EEG stream (slow)."""

    def close(self) -> None:
        """Disconnect the headset (slow)."""


@dataclass(frozen=True)
class Services:
    """All services of a window; None hides the controls that need the service.

    `can_leave` is True where another session or the home page can follow in the same program, and
    `marks` are the meanings of the digit keys.
    """

    music: MusicView | None = None
    report: ReportWriter | None = None
    replay: Replay | None = None
    calibration: CalibrationService | None = None
    scan: ScanView | None = None
    library: LibraryService | None = None
    headset: HeadsetView | None = None
    can_leave: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)


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
        Folder of the recordings; None for the default one.
    record : bool
        Record from the first sample on; otherwise once the user presses Record.
    calibrate : bool
        Calibrate `profile`: no music and no estimate of an earlier calibration.
    left_out : tuple of str
        Side streams of the device that are not received, as NAME/TYPE.
    """

    stream: FoundStream | None
    music_folder: Path | None = None
    music: bool = True
    profile: str = ""
    record_dir: Path | None = None
    record: bool = False
    calibrate: bool = False
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """Running session with its services."""

    control: SessionControl
    services: Services


class StartService(Protocol):
    """Search for streams, and start of sessions."""

    @property
    def headsets(self) -> HeadsetService | None:
        """Headsets that are connected without another program; None hides them."""

    def find(self) -> list[FoundStream]:
        """Return the visible EEG streams (slow: about a second)."""

    def side_streams(self, stream: FoundStream) -> list[FoundStream]:
        """Return the other streams of a device, as of the last `find`."""

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""

    def create_profile(self, name: str) -> None:
        """Create an empty profile.

        Raises
        ------
        BciAffectError
            If the name is taken or invalid.
        """

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        """Start a session for the check of the contact (slow); its `begin` follows that.

        `progress` is called with one line per step.

        Raises
        ------
        BciAffectError
            If it cannot start, or another session holds the profile; nothing is left running
            then.
        """

    def end(self) -> None:
        """End the session that was started, with all of its resources (slow)."""


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """Profile as the home page lists it.

    Attributes
    ----------
    name : str
    standing : str
        Result of the newest calibration in one line, or that there is none.
    calibrated : bool
    report : Path or None
        Report of the newest calibration, if its file exists.
    """

    name: str
    standing: str
    calibrated: bool = False
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class PastSession:
    """Recording of an earlier session.

    Attributes
    ----------
    path : Path
    person : str
        Name in the recording's file name.
    modified : float
        Unix time of the last change.
    size_bytes : int
    report : Path or None
        Report next to the recording, if there is one.
    """

    path: Path
    person: str
    modified: float
    size_bytes: int
    report: Path | None = None


class HomeService(StartService, Protocol):
    """Services of the home page."""

    def profile_summaries(self) -> list[ProfileSummary]:
        """Return all profiles."""

    def past_sessions(self, folders: Sequence[Path]) -> list[PastSession]:
        """Return the recordings in folders, newest first (slow)."""

    @property
    def library(self) -> LibraryService:
        """Music library of the user."""

    def write_report(self, recording: Path) -> Path:
        """Write the report of a recording and return its file (slow).

        Raises
        ------
        BciAffectError
            If the recording cannot be read, or the report cannot be written.
        """

    def open_recording(self, path: Path, progress: Callable[[str], None]) -> Started:
        """Start the replay of a recording (slow).

        Raises
        ------
        BciAffectError
            If it has no EEG or cannot be read.
        """
