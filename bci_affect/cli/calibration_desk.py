"""What the guided calibration needs beside its screen: clips, sound, events, and the verdict.

The window and the terminal both lead the listener with one of these. The recording is the one place
where a calibration's data are: at the end it is read back along the same way as any other.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.session.protocol import Clip, Protocol, Timing, choose_clips

if TYPE_CHECKING:
    from bci_affect.gui.services import Verdict
    from bci_affect.music import Player, Track
    from bci_affect.session.engine import LiveSession

log = logging.getLogger(__name__)


class CalibrationDesk:
    """Makes protocols on a live session and evaluates what they gathered.

    Parameters
    ----------
    session : LiveSession
        It must be able to record.
    profile : str
        Whose calibration it is.
    model : Path
        File of the session's model.
    tracks : sequence of Track
        The library.
    player : Player
        For the clips; the session's own music is paused meanwhile.
    seed : int
        Of the choice and order of clips.
    timing : Timing, optional
        Lengths of the steps.
    report, permutations
        See `calibrate_recordings`.
    """

    def __init__(
        self,
        session: LiveSession,
        profile: str,
        model: Path,
        tracks: list[Track],
        player: Player,
        *,
        seed: int = 0,
        timing: Timing | None = None,
        report: Path | None = None,
        permutations: int = 999,
    ) -> None:
        self._session = session
        self._profile = profile
        self._model = model
        self._tracks = tracks
        self._player = player
        self._seed = seed
        self._timing = timing
        self._path = progress_path(profile)
        self._report, self._permutations = report, permutations
        self.document: dict[str, Any] | None = None
        """What `evaluate` found, as plain JSON."""

    @property
    def profile(self) -> str:
        """Whose calibration it is."""
        return self._profile

    def unfinished(self) -> bool:
        """Whether a stopped calibration of this profile can be resumed."""
        return self._path.exists()

    def begin(self, n_clips: int, seconds: float) -> Protocol:
        """Prepare a new calibration; an unfinished one is discarded.

        Raises
        ------
        BciAffectError
            If the library has too few tracks.
        """
        clips = choose_clips(self._tracks, n_clips, seed=self._seed, seconds=seconds)
        self._path.unlink(missing_ok=True)
        self._recordings_path.unlink(missing_ok=True)
        made = Protocol.begin(
            self._path,
            self._profile,
            clips,
            seed=self._seed,
            timing=self._timing,
            emit=self._session.event,
            play=self._play,
            silence=self._player.stop,
        )
        self._record()
        return made

    def resume(self) -> Protocol:
        """Prepare to go on with the unfinished one.

        Raises
        ------
        BciAffectError
            If there is none.
        """
        if not self.unfinished():
            raise BciAffectError(
                f"There is no unfinished calibration of '{self._profile}'; start one."
            )
        made = Protocol.resume(
            self._path, emit=self._session.event, play=self._play, silence=self._player.stop
        )
        self._record()
        return made

    def recordings(self) -> list[Path]:
        """Return the recordings that hold this calibration, in order."""
        if not self._recordings_path.exists():
            return []
        lines = self._recordings_path.read_text(encoding="utf-8").splitlines()
        return [Path(line) for line in lines if line and Path(line).exists()]

    def evaluate(self, calibration: Protocol) -> Verdict:
        """Fit and judge what was gathered, and keep it in the profile (slow).

        Raises
        ------
        BciAffectError
            If it cannot be calibrated; the recordings stay, and so does the progress.
        """
        from bci_affect.datasets import Labels
        from bci_affect.gui.services import Verdict
        from bci_affect.model import Predictor
        from bci_affect.training.calibration.store import calibrate_recordings

        self._session.stop_recording()
        paths = self.recordings()
        labels = Labels.model_validate(
            {"files": {str(path): {"subject": self._profile} for path in paths}}
        )
        document = calibrate_recordings(
            paths,
            labels,
            Predictor(self._model),
            model_path=self._model,
            profile=self._profile,
            report=self._report,
            n_permutations=self._permutations,
            seed=self._seed,
        )
        self.document = document
        calibration.discard()
        self._recordings_path.unlink(missing_ok=True)
        sentences, figures = _words(document)
        standings = [
            f"{name.capitalize()}: {found.get('standing', 'not calibrated')}"
            for name, found in document["dimensions"].items()
        ]
        return Verdict(
            headline="Your EEG against chance. " + "; ".join(standings) + ".",
            sentences=tuple(sentences),
            figures=tuple(figures),
            report=Path(document["report"]),
        )

    def cue(self) -> None:
        """Sound a short tone: eyes may be closed."""
        try:
            import numpy as np
            import sounddevice

            time = np.arange(int(0.25 * 44100)) / 44100
            tone = 0.1 * np.sin(2 * np.pi * 660 * time) * np.hanning(len(time))
            sounddevice.play(tone.astype(np.float32), 44100)
        except Exception as error:  # no sound device: the terminal's bell must do
            log.info("no tone: %s", error)
            sys.stderr.write("\a")
            sys.stderr.flush()

    # --- Inside ---------------------------------------------------------------------------------

    @property
    def _recordings_path(self) -> Path:
        return self._path.with_suffix(".recordings")

    def _record(self) -> None:
        """Record from now on, and remember where."""
        self._session.pause()
        self._session.set_policy("manual")
        self._session.start_recording()
        status = self._session.snapshot().recording
        if status is None or not status.active:
            raise BciAffectError("A calibration must be recorded; give a folder with --record DIR.")
        if Path(status.path) not in self.recordings():
            self._recordings_path.parent.mkdir(parents=True, exist_ok=True)
            with self._recordings_path.open("a", encoding="utf-8") as file:
                file.write(f"{Path(status.path).resolve()}\n")

    def _play(self, clip: Clip) -> None:
        track = next((t for t in self._tracks if t.id == clip.track), None)
        if track is None:
            raise BciAffectError(f"The track '{clip.title}' has left the library since; add it.")
        self._player.play(track, clip.start_s)


def progress_path(profile: str) -> Path:
    """Return where the progress of a profile's calibration is kept."""
    safe = "".join(c if c.isalnum() else f"_{ord(c):x}" for c in profile.casefold())
    return user_home() / "calibrations" / f"{safe}.json"


def _words(document: dict[str, object]) -> tuple[list[str], list[tuple[str, str]]]:
    """Sentences and figures of a calibration for the screen."""
    sentences: list[str] = []
    figures: list[tuple[str, str]] = []
    dimensions = document["dimensions"]
    assert isinstance(dimensions, dict)
    for name, found in dimensions.items():
        if "refused" in found:
            sentences.append(found["refused"])
            continue
        sentences += [found["verdict"], *found["advice"]]
        eeg = found["eeg"]
        low, high = eeg["balanced_accuracy_interval"]
        figures += [
            (f"{name}: clips", str(found["n_clips"])),
            (f"{name}: balanced accuracy", f"{eeg['balanced_accuracy']:.0%} (chance 50 %)"),
            (f"{name}: 95 % interval", f"{low:.0%} to {high:.0%}"),
            (f"{name}: p (corrected)", f"{found['p']:.3f} ({found['p_corrected']:.3f})"),
        ]
    return sentences, figures
