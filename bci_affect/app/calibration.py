"""Runner of the guided calibration: clips, sound, events, and the verdict.

The window and the terminal both use it. The data of a calibration are in its recording only, which
is read at the end like any other recording.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bci_affect.errors import BciAffectError
from bci_affect.events import CalibrationStop, SessionEvent
from bci_affect.resources import user_home
from bci_affect.session import Clip, GuidedCalibration, Timing, choose_clips, further_clips

if TYPE_CHECKING:
    from bci_affect.gui import CalibrationResult
    from bci_affect.music import AudioPlayer, Track
    from bci_affect.session import LiveSession, Policy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CalibrationOptions:
    """Options of a guided calibration.

    Attributes
    ----------
    profile : str
        Name of the profile, which must exist.
    model : Path
        File of the session's model.
    library : Path or None
        The music library's database; the user's own if None. It is read when the calibration
        begins: in a demonstration it may still be incomplete.
    within : tuple of Path
        Only tracks in these folders are played; empty for the full library.
    device, volume
        Output of the clips; see `bci_affect.music.AudioPlayer`.
    seed : int
        Seed of the choice and order of clips.
    timing : Timing, optional
        Lengths of the steps.
    earlier, report, permutations
        See `calibrate_recordings`.
    n_clips, seconds : int, float
        Number and length of clips that the window offers first.
    """

    profile: str
    model: Path
    library: Path | None = None
    within: tuple[Path, ...] = ()
    device: str = ""
    volume: float = 0.5
    seed: int = 0
    timing: Timing | None = None
    earlier: bool = True
    report: Path | None = None
    permutations: int = 999
    n_clips: int = 12
    seconds: float = 30.0


class CalibrationRunner:
    """Runner of guided calibrations on a live session, and their evaluation.

    Implements `bci_affect.gui.services.CalibrationService`. The session's own music is paused while
    a calibration runs and resumes after the verdict; close the runner before the session.

    Parameters
    ----------
    session : LiveSession
        The session; it must be able to record.
    options : CalibrationOptions
    """

    def __init__(self, session: LiveSession, options: CalibrationOptions) -> None:
        self._session = session
        self._options = options
        self._path = progress_path(options.profile)
        self._player: AudioPlayer | None = None
        self._tracks: dict[int, Track] = {}
        self._before: _Before | None = None
        self.document: dict[str, Any] | None = None
        """Result of `evaluate` as plain JSON."""

    def close(self) -> None:
        """Stop the clips; safe to call twice."""
        if self._player is not None:
            self._player.close()
            self._player = None

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._options.profile

    @property
    def n_clips(self) -> int:
        """Number of clips that is offered first."""
        return self._options.n_clips

    @property
    def seconds(self) -> float:
        """Length of a clip in seconds."""
        return self._options.seconds

    def unfinished(self) -> bool:
        """Return True if a stopped calibration of this profile can be resumed."""
        return self._path.exists()

    def begin(self, n_clips: int, seconds: float) -> GuidedCalibration:
        """Prepare a new calibration; an unfinished one is discarded.

        Raises
        ------
        BciAffectError
            If the library has too few tracks, or nothing can be recorded.
        """
        clips = choose_clips(self._listed(), n_clips, seed=self._options.seed, seconds=seconds)
        self._path.unlink(missing_ok=True)
        self._recordings_path.unlink(missing_ok=True)
        made = GuidedCalibration.begin(
            self._path,
            self.profile,
            clips,
            seed=self._options.seed,
            timing=self._options.timing,
            emit=self._emit,
            play=self._play,
            silence=self._silence,
        )
        self._record()
        return made

    def resume(self) -> GuidedCalibration:
        """Prepare to resume the unfinished calibration.

        If every clip is rated already, its evaluation was refused (too few clips, all on one side,
        bad contact): another round with the missing kind of clips is added.

        Raises
        ------
        BciAffectError
            If there is none, or nothing can be recorded.
        """
        if not self.unfinished():
            raise BciAffectError(
                f"There is no unfinished calibration of '{self.profile}'; start one."
            )
        tracks = self._listed()
        made = GuidedCalibration.resume(
            self._path, emit=self._emit, play=self._play, silence=self._silence
        )
        if len(made.ratings) == len(made.clips):
            made.extend(further_clips(tracks, made.clips, made.ratings, seed=self._options.seed))
        self._record()
        return made

    def recordings(self) -> list[Path]:
        """Return the recordings of this calibration, in order."""
        if not self._recordings_path.exists():
            return []
        lines = self._recordings_path.read_text(encoding="utf-8").splitlines()
        return [Path(line) for line in lines if line and Path(line).exists()]

    def evaluate(self, calibration: GuidedCalibration) -> CalibrationResult:
        """Fit and evaluate the clips, and store the result in the profile (slow).

        Earlier recordings of the profile count too. A session of this profile uses the new personal
        model at once.

        Raises
        ------
        BciAffectError
            If it cannot be calibrated; recordings and progress stay, and `resume` plays more clips.
        """
        from bci_affect.datasets import Labels
        from bci_affect.model import Predictor
        from bci_affect.training import calibrate_recordings

        self._go_on_as_before()
        paths = self.recordings()
        labels = Labels.model_validate(
            {"files": {str(path): {"subject": self.profile} for path in paths}}
        )
        document = calibrate_recordings(
            paths,
            labels,
            Predictor(self._options.model),
            model_path=self._options.model,
            profile=self.profile,
            earlier=self._options.earlier,
            report=self._options.report,
            n_permutations=self._options.permutations,
            seed=self._options.seed,
        )
        self.document = document
        calibration.discard()
        self._recordings_path.unlink(missing_ok=True)
        self._use_at_once()
        return _verdict(document)

    def cue(self) -> None:
        """Play a short tone, for closed eyes."""
        try:
            import numpy as np
            import sounddevice

            time = np.arange(int(0.25 * 44100)) / 44100
            tone = 0.1 * np.sin(2 * np.pi * 660 * time) * np.hanning(len(time))
            sounddevice.play(tone.astype(np.float32), 44100)
        except Exception as error:  # no sound device: use the terminal's bell
            logger.info("no tone: %s", error)
            sys.stderr.write("\a")
            sys.stderr.flush()

    # --- internal --------------------------------------------------------------------------------

    @property
    def _recordings_path(self) -> Path:
        return self._path.with_suffix(".recordings")

    def _listed(self) -> list[Track]:
        """Return the tracks that may be played, from the library's present state."""
        from bci_affect.music import Library

        folders = tuple(folder.expanduser().resolve() for folder in self._options.within)
        with Library(self._options.library) as library:
            tracks = library.tracks(include_banned=False)
        if folders:
            tracks = [t for t in tracks if any(map(Path(t.path).is_relative_to, folders))]
        self._tracks = {track.id: track for track in tracks}
        return tracks

    def _record(self) -> None:
        """Pause the session's own music, start recording, and store the file's path."""
        snapshot = self._session.snapshot()
        status = snapshot.recording
        recorded = status is not None and status.active
        music = self._session.music
        if self._before is None:
            playing = music is not None and music.status().player.playing
            self._before = _Before(music.policy if music else "manual", playing, recorded)
        if music is not None:
            music.pause()
            music.set_policy("manual")
        self._session.start_recording()
        status = self._session.snapshot().recording
        if status is None or not status.active:
            raise BciAffectError("A calibration must be recorded; give a folder with --record DIR.")
        if Path(status.path).resolve() not in self.recordings():
            self._recordings_path.parent.mkdir(parents=True, exist_ok=True)
            with self._recordings_path.open("a", encoding="utf-8") as file:
                file.write(f"{Path(status.path).resolve()}\n")

    def _emit(self, event: SessionEvent) -> None:
        """Record an event of the calibration; restore the session if it was stopped."""
        self._session.emit_calibration_event(event)
        if isinstance(event, CalibrationStop):
            self._go_on_as_before()

    def _go_on_as_before(self) -> None:
        """Finish the calibration's recording, and restore the session."""
        self.close()
        self._session.stop_recording()
        before, self._before = self._before, None
        if before is None:
            return
        if before.recorded:
            self._session.start_recording()
        if (music := self._session.music) is not None:
            music.set_policy(before.policy)
            if before.playing:
                music.play()

    def _use_at_once(self) -> None:
        from bci_affect.profiles import ProfileStore

        if self._session.snapshot().model.profile.casefold() != self.profile.casefold():
            return
        with ProfileStore() as store:
            personal = store.load(self.profile).personal
        if personal is not None:
            self._session.personalise(personal)

    def _play(self, clip: Clip) -> None:
        from bci_affect.music import AudioPlayer
        from bci_affect.streams import local_clock

        track = self._tracks.get(clip.track)
        if track is None:
            raise BciAffectError(f"The track '{clip.title}' has left the library since; add it.")
        if self._player is None:
            self._player = AudioPlayer(
                clock=local_clock, device=self._options.device, volume=self._options.volume
            )
        self._player.play(track, clip.start_s)

    def _silence(self) -> None:
        if self._player is not None:
            self._player.stop()


@dataclass(frozen=True)
class _Before:
    """State of the session before the calibration."""

    policy: Policy
    playing: bool
    recorded: bool


def progress_path(profile: str) -> Path:
    """Return the path of the progress of a profile's calibration."""
    safe = "".join(c if c.isalnum() else f"_{ord(c):x}" for c in profile.casefold())
    return user_home() / "calibrations" / f"{safe}.json"


def _verdict(document: dict[str, Any]) -> CalibrationResult:
    """Return the result as the screen shows it."""
    from bci_affect.gui import CalibrationResult

    sentences, figures = _words(document)
    standings = [
        f"{name.capitalize()}: {found.get('standing', 'not calibrated')}"
        for name, found in document["dimensions"].items()
    ]
    return CalibrationResult(
        headline="Your EEG against chance. " + "; ".join(standings) + ".",
        sentences=tuple(sentences),
        figures=tuple(figures),
        report=Path(document["report"]),
    )


def brought_words(name: str, found: dict[str, Any]) -> str:
    """Return the use of a calibrated dimension in sessions, and advice where there is none."""
    text = (
        f"{name.capitalize()}: your EEG decides in {found['n_decided']} of {found['n_clips']} clips"
    )
    if found["eeg_weight"] > 0:
        return f"{text}."
    return (
        f"{text}. It has no weight next to the music, which decides alone: improve the contact, "
        "calibrate with more clips or in a further session, and choose music with a stronger "
        "effect on you."
    )


def _words(document: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    """Sentences and figures of a calibration for the screen."""
    from bci_affect.training import limit_percent

    sentences: list[str] = []
    figures: list[tuple[str, str]] = []
    dimensions = document["dimensions"]
    assert isinstance(dimensions, dict)
    for name, found in dimensions.items():
        if "refused" in found:
            sentences.append(found["refused"])
            continue
        sentences += [brought_words(name, found), found["verdict"], *found["advice"]]
        eeg = found["eeg"]
        low, high = eeg["balanced_accuracy_interval"]
        figures += [
            (f"{name}: clips", str(found["n_clips"])),
            (f"{name}: balanced accuracy", f"{eeg['balanced_accuracy']:.0%} (chance 50 %)"),
            (
                f"{name}: {100 * eeg['interval_level']:.0f} % interval",
                f"{limit_percent(low)} to {limit_percent(high)}",
            ),
            (f"{name}: p (corrected)", f"{found['p']:.3f} ({found['p_corrected']:.3f})"),
        ]
    return sentences, figures
