"""DEAP (Koelstra et al. 2012): 32 people, 40 music videos, in its preprocessed Python layout.

``ROOT/s01.dat`` ... (or ``ROOT/data_preprocessed_python/s01.dat`` ...) hold a pickled dictionary of
``data`` (40 trials, 40 channels, 8064 samples at 128 Hz, the first 3 s before the video) and
``labels`` (40, 4): valence, arousal, dominance, liking on 1-9. Channels 0-31 are EEG in microvolts,
band-passed 4-45 Hz, so there is no delta. The files are sorted by video; in which order a person
saw them stands in ``participant_ratings.csv`` (in ROOT or ``ROOT/metadata_csv``). Trials are handed
over in that order, because the normalisation to the person follows it. Where the file is not there
each person's trials come in an order of their own, drawn by the name: in the files' order, the same
for all, how far the normalisation had come would tell which track it was.

What people heard stands beside it, in ``ROOT/stimuli``: ``tracks_embeds.npy`` (rows, 128), one
tagger row for each window of 3 s at steps of 1 s, and ``tracks_labels.npy`` (rows, 3): mean
valence, mean arousal (1-9, over all raters) and the track's number. Of DEAP's 40 videos six have
no usable music; where 34 tracks stand against 40 trials those six are left out. Instead of the
features, ``ROOT/stimuli/audio`` may hold an audio file for each video that is to be used, named by
its number (``01.wav`` to ``40.wav``); it is run through the tagger once. Mean ratings are then
unknown.
"""

from __future__ import annotations

import csv
import json
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets.arrays import read_pickled_arrays
from bci_affect.datasets.audio_stimuli import numbered_audio, tagged
from bci_affect.datasets.checks import check_trials, hash_files, pick_subjects
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import CAPS, Montage, make_montage
from bci_affect.errors import BciAffectError

CHANNELS: tuple[str, ...] = CAPS["cap32"]
PERIPHERAL: tuple[str, ...] = (
    "hEOG", "vEOG", "zEMG", "tEMG", "GSR", "respiration", "plethysmograph", "temperature",
)  # fmt: skip
RATE_HZ = 128.0
BASELINE_S = 3.0
SHAPE = (40, 40, 8064)
LABELS = ("valence", "arousal", "dominance", "liking")
WITHOUT_MUSIC = (7, 9, 10, 15, 33, 35)
"""Videos (counted from 0) that the paper leaves out, for want of usable music."""
ROW_STEP_S = 1.0
_MOST_TRACKS = 1_000_000
ROW_LENGTH_S = 3.0
TRUTH = "truth.json"
"""Beside simulated files: what was put into them, and their shape where it is not DEAP's."""
PRESENTED = "participant_ratings.csv"


@dataclass(frozen=True)
class Stimuli:
    """Tagger rows and mean ratings of every track.

    Attributes
    ----------
    rows : dict of int to ndarray of float32, shape (n_rows, n_dim)
        By track number, in time order.
    times : dict of int to ndarray of float64, shape (n_rows,)
        Centre of each row in seconds from the onset.
    mean_ratings : dict of int to (float, float)
        Mean valence and arousal on 1-9; NaN where nobody said.
    """

    rows: dict[int, NDArray[np.float32]]
    times: dict[int, NDArray[np.float64]]
    mean_ratings: dict[int, tuple[float, float]]


class Deap:
    """Reader of DEAP's preprocessed Python files, or of `simulate deap`'s.

    Parameters
    ----------
    root : Path
        Folder with ``s01.dat`` ... or with ``data_preprocessed_python``.
    subjects : sequence of str, optional
        Such as ``("s01", "s07")``; all that are there when absent.

    Raises
    ------
    BciAffectError
        If the folder has no subjects, or not those asked for, or stimuli that do not fit.
    """

    name = "deap"

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        nested = root / "data_preprocessed_python"
        self._folder = nested if nested.is_dir() else root
        self._root = root
        found = sorted(path.stem for path in self._folder.glob("s[0-9]*.dat"))
        self._subjects = tuple(pick_subjects(found, subjects, str(self._folder)))
        self._truth = _read_truth(root)
        self._shape = tuple(self._truth["shape"]) if self._truth else SHAPE
        self._stimuli = _read_stimuli(root)
        self._presented = _read_presented(root)
        audio = root / "stimuli" / "audio"
        self._audio = numbered_audio(audio) if self._stimuli is None and audio.is_dir() else {}
        self._montage: Montage = make_montage(CHANNELS)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""
        return self._subjects

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return self._truth is not None

    def content_key(self, subject: str) -> str:
        """Return what decides the subject's trials, as a hash of the files' content."""
        stimuli = sorted(path for path in (self._root / "stimuli").rglob("*") if path.is_file())
        presented = [path for path in _presented_files(self._root) if path.is_file()]
        return hash_files([self._folder / f"{subject}.dat", *stimuli, *presented])

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials in the order in which they were presented.

        Raises
        ------
        BciAffectError
            If the file is damaged, is no pickle of arrays, has another shape, NaN samples or
            ratings outside 1-9.
        """
        path = self._folder / f"{subject}.dat"
        arrays = read_pickled_arrays(path)
        data, labels = (arrays.get(key) for key in ("data", "labels"))
        if data is None or labels is None:
            raise BciAffectError(f"{path} has no 'data' or no 'labels'; it is no file of DEAP.")
        n_trials = self._shape[0]
        if data.shape != self._shape or labels.shape != (n_trials, 4):
            raise BciAffectError(
                f"{path}: shapes {data.shape} and {labels.shape} where DEAP has {self._shape} and "
                f"({n_trials}, 4); use the preprocessed Python files."
            )
        tracks = self._track_of_video(n_trials)
        trials = [
            self._trial(subject, index, video, data[video], labels[video], tracks[video])
            for index, video in enumerate(v for v in self._order(subject, n_trials) if v in tracks)
        ]
        return check_trials(trials, str(path))

    def _order(self, subject: str, n_trials: int) -> list[int]:
        """Return the videos, from 0, as they were presented; see the module where nobody knows."""
        known = self._presented.get(int(subject[1:]), {})
        if len(known) == n_trials:
            return [known[place] for place in sorted(known)]
        drawn = np.random.default_rng(zlib.crc32(subject.encode())).permutation(n_trials)
        return [int(video) for video in drawn]

    def _trial(
        self,
        subject: str,
        index: int,
        video: int,
        data: NDArray[np.float64],
        labels: NDArray[np.float64],
        track: int | None,
    ) -> Trial:
        ratings = dict(zip(LABELS, map(float, labels), strict=True))
        music = times = None
        if video in self._audio:
            times, music = tagged(self._audio[video])
        if track is not None and self._stimuli is not None:
            music, times = self._stimuli.rows[track], self._stimuli.times[track]
            mean = self._stimuli.mean_ratings[track]
            for name, value in zip(("music_valence", "music_arousal"), mean, strict=True):
                if np.isfinite(value):
                    ratings[name] = value
        return Trial(
            eeg=data[: len(CHANNELS)].astype(np.float32),
            rate_hz=RATE_HZ,
            montage=self._montage,
            subject=subject,
            session="1",
            stimulus=f"video{video + 1:02d}",
            onset_s=BASELINE_S,
            ratings=ratings,
            music=music,
            music_times=times,
            index=index,
        )

    def _track_of_video(self, n_trials: int) -> dict[int, int | None]:
        """Map the videos that are used to their track's number, in order."""
        if self._audio:
            return dict.fromkeys(video for video in sorted(self._audio) if video < n_trials)
        if self._stimuli is None:
            return dict.fromkeys(range(n_trials))
        tracks = sorted(self._stimuli.rows)
        if len(tracks) == n_trials:
            return dict(zip(range(n_trials), tracks, strict=True))
        kept = [video for video in range(n_trials) if video not in WITHOUT_MUSIC]
        if n_trials == SHAPE[0] and len(tracks) == len(kept):
            return dict(zip(kept, tracks, strict=True))
        raise BciAffectError(
            f"{self._root / 'stimuli'} has {len(tracks)} tracks, which fit neither {n_trials} "
            "trials nor DEAP's 34 with music; get the stimulus files again."
        )


def _read_truth(root: Path) -> dict[str, list[int]] | None:
    path = root / TRUTH
    if not path.is_file():
        return None
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        shape = [int(size) for size in truth["shape"]]
        if len(shape) != len(SHAPE) or min(shape) < 1:
            raise ValueError
        return {"shape": shape}
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        raise BciAffectError(f"{path} is damaged; simulate the data again.") from None


def _presented_files(root: Path) -> list[Path]:
    return [root / PRESENTED, root / "metadata_csv" / PRESENTED]


def _read_presented(root: Path) -> dict[int, dict[int, int]]:
    """Return each person's videos, from 0, by their place in the sitting."""
    presented: dict[int, dict[int, int]] = {}
    for path in _presented_files(root):
        if not path.is_file():
            continue
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                table = csv.DictReader(file)
                if not set(table.fieldnames or ()) >= {"Participant_id", "Trial", "Experiment_id"}:
                    raise ValueError
                for row in table:
                    person, place, video = (
                        int(row[name]) for name in ("Participant_id", "Trial", "Experiment_id")
                    )
                    presented.setdefault(person, {})[place] = video - 1
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            raise BciAffectError(
                f"{path} is not DEAP's table of ratings (columns Participant_id, Trial, "
                "Experiment_id); get it again or take it away."
            ) from None
        for person, videos in presented.items():
            if sorted(videos.values()) != list(range(len(videos))):
                raise BciAffectError(
                    f"{path}: participant {person} did not see each video once; get it again or "
                    "take it away."
                )
        break
    return presented


def _read_stimuli(root: Path) -> Stimuli | None:
    folder = root / "stimuli"
    rows_path, labels_path = folder / "tracks_embeds.npy", folder / "tracks_labels.npy"
    if rows_path.is_file() or labels_path.is_file():
        return _stimuli_from_arrays(_load(rows_path, 2), _load(labels_path, 2), folder)
    return None


def _stimuli_from_arrays(
    rows: NDArray[np.float32], labels: NDArray[np.float32], folder: Path
) -> Stimuli:
    if labels.shape != (len(rows), 3):
        raise BciAffectError(
            f"{folder}: {rows.shape} features do not fit {labels.shape} labels; each row needs "
            "mean valence, mean arousal and track number."
        )
    numbers = labels[:, 2]
    if not ((numbers == np.round(numbers)) & (np.abs(numbers) < _MOST_TRACKS)).all():
        raise BciAffectError(f"{folder}: a track number is no number of a track; get it again.")
    by_track: dict[int, NDArray[np.float32]] = {}
    times: dict[int, NDArray[np.float64]] = {}
    ratings: dict[int, tuple[float, float]] = {}
    for track in np.unique(labels[:, 2]).astype(int):
        mine = labels[:, 2] == track
        by_track[track] = rows[mine].astype(np.float32)
        times[track] = np.arange(mine.sum()) * ROW_STEP_S + ROW_LENGTH_S / 2
        ratings[track] = (float(labels[mine, 0].mean()), float(labels[mine, 1].mean()))
    return Stimuli(by_track, times, ratings)


def _load(path: Path, n_dims: int) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that Python 2 wrote the header
            array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except Exception as error:  # numpy raises whatever a damaged header leads its parser to
        raise BciAffectError(
            f"{path} is no whole .npy file of numbers ({type(error).__name__}); get it again."
        ) from None
    if array.ndim != n_dims or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise BciAffectError(f"{path} must be a {n_dims}-dimensional array of finite numbers.")
    plain: NDArray[np.float32] = array.astype(np.float32)
    return plain
