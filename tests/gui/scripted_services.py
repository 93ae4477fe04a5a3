"""Services for tests of the flows: real guided calibration, scripted sessions, no LSL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bci_affect.app.library_editor import LibraryEditor
from bci_affect.errors import BciAffectError
from bci_affect.gui.services import (
    CalibrationResult,
    HeadsetService,
    LibraryService,
    PastSession,
    ProfileSummary,
    Services,
    StartChoice,
    Started,
)
from bci_affect.music import Track
from bci_affect.session.guided.calibration import GuidedCalibration, Timing
from bci_affect.session.guided.clips import Clip, choose_clips
from bci_affect.streams import FoundStream
from tests.gui.scripted import ScriptedSession, tracks


def found(name: str, uid: str) -> FoundStream:
    return FoundStream(
        name=name,
        type="EEG",
        source_id=f"id-{uid}",
        n_channels=8,
        rate_hz=250.0,
        format="float32",
        hostname="lab-pc",
        uid=uid,
        created=1.0,
    )


class ScriptedStart:
    """Finds what a test puts into `streams`; starts scripted sessions."""

    def __init__(self) -> None:
        self.streams: list[FoundStream] = []
        self.sides: list[FoundStream] = []
        self.searches = self.answers = 0
        self.released = threading.Event()  # a search ends when this is set
        self.released.set()
        self.refuse = ""
        self.headsets: HeadsetService | None = None
        self.names = ["P01", "P02"]
        self.past: list[PastSession] = []
        self.opened: list[Path] = []
        self.services = Services(can_leave=True)
        self.choices: list[StartChoice] = []
        self.session = ScriptedSession(8)
        self.session.advance(20)
        self.threads: set[int] = set()

    def find(self) -> list[FoundStream]:
        self.searches += 1
        self.threads.add(threading.get_ident())
        self.released.wait(30)
        self.answers += 1
        return list(self.streams)

    def side_streams(self, stream: FoundStream) -> list[FoundStream]:
        return [one for one in self.sides if one.hostname == stream.hostname]

    def profiles(self) -> list[str]:
        return sorted(self.names)

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        self.choices.append(choice)
        progress("Opening the stream")
        if self.refuse:
            raise BciAffectError(self.refuse)
        return Started(self.session, self.services)

    def profile_summaries(self) -> list[ProfileSummary]:
        return [ProfileSummary(name, "not calibrated") for name in sorted(self.names)]

    def past_sessions(self, folders: Sequence[Path]) -> list[PastSession]:
        return list(self.past)

    @property
    def library(self) -> LibraryService:
        return LibraryEditor()

    def write_report(self, recording: Path) -> Path:
        return recording.with_suffix(".html")

    def open_recording(self, path: Path, progress: Callable[[str], None]) -> Started:
        self.opened.append(path)
        return Started(self.session, Services(replay=ScriptedReplay(), can_leave=True))

    def create_profile(self, name: str) -> None:
        self.names.append(name)

    def end(self) -> None:
        self.session.stop()


class ScriptedCalibration:
    """The real calibration over a scripted session; the evaluation is a test's."""

    profile = "P01"
    n_clips, seconds = 12, 30.0

    def __init__(self, session: ScriptedSession, folder: Path, timing: Timing) -> None:
        self.session, self.path, self.timing = session, folder / "calibration.json", timing
        self.played: list[Clip] = []
        self.cues = 0

    def unfinished(self) -> bool:
        return self.path.exists()

    def begin(self, n_clips: int, seconds: float) -> GuidedCalibration:
        self.path.unlink(missing_ok=True)
        clips = choose_clips(self.session.player.tracks, n_clips, seed=1, seconds=seconds)
        return GuidedCalibration.begin(
            self.path, self.profile, clips, seed=1, timing=self.timing, **self._hands()
        )

    def resume(self) -> GuidedCalibration:
        return GuidedCalibration.resume(self.path, **self._hands())

    def _hands(self) -> dict[str, Callable[..., None]]:
        return {
            "emit": lambda text: self.session.marks.append((self.session.now, text)),
            "play": self.played.append,
            "silence": lambda: None,
        }

    def evaluate(self, calibration: GuidedCalibration) -> CalibrationResult:
        n = len(calibration.ratings)
        calibration.discard()
        return CalibrationResult(
            headline="Arousal is above chance in your EEG; valence is not (yet).",
            sentences=("More clips would make the verdict surer.",),
            figures=(("Clips", str(n)), ("Arousal", "balanced accuracy .83 [.62, .95], p = .02")),
        )

    def cue(self) -> None:
        self.cues += 1


class ScriptedLibrary:
    """A library view with waveforms and a map."""

    def tracks(self) -> list[Track]:
        return tracks()

    def cover(self, track_id: int) -> bytes | None:
        return None

    def waveform(self, track_id: int) -> np.ndarray | None:
        rng = np.random.default_rng(track_id)
        n = 600
        slow = np.convolve(rng.random(n + 40), np.ones(40) / 40, mode="same")[:n]
        return np.clip(slow * (0.5 + rng.random(n)), 0, 1).astype(np.float32)

    def embeddings(self) -> tuple[list[int], np.ndarray]:
        made = tracks()
        points = np.array([[t.valence, t.arousal, t.valence * t.arousal, 0.1] for t in made])
        return [t.id for t in made], points.astype(np.float32)


class ScriptedReplay:
    """A transport that remembers its last command."""

    def __init__(self) -> None:
        self.paused = False
        self.speed = 1.0
        self.duration_s = 640.0
        self.position_s = 95.0
        self.at_end = False

    def seek(self, position_s: float) -> None:
        self.position_s = position_s
