"""Reader of DEAP (Koelstra et al. 2012): 32 subjects, 40 music videos, preprocessed for Python.

``ROOT/s01.dat`` ... (or ``ROOT/data_preprocessed_python/s01.dat`` ...) hold a pickled dictionary of
``data`` (40 trials, 40 channels, 8064 samples at 128 Hz, the first 3 s before the video) and
``labels`` (40, 4): valence, arousal, dominance, liking on 1-9. Channels 0-31 are EEG in microvolts,
band-passed 4-45 Hz, so there is no delta band. The files are sorted by video; the order of
presentation is in ``participant_ratings.csv`` (in ROOT or ``ROOT/metadata_csv``). Trials are
returned in that order, because the normalisation to the person follows it. Without that file, the
order is random, seeded by the subject's name: in the order of the files, the same for all, the
state of the normalisation would identify the track.

The music is in ``ROOT/stimuli``: ``tracks_embeds.npy`` (n, 128), one tagger embedding for each
window of 3 s at steps of 1 s, and ``tracks_labels.npy`` (n, 3), mean valence, mean arousal (1-9,
over all raters) and the track number. Six of DEAP's 40 videos have no usable music; with 34 tracks
for 40 trials those six are left out. Instead of embeddings, ``ROOT/stimuli/audio`` may hold an
audio file for each video to be used, named by its number (``01.wav`` to ``40.wav``), which is
embedded once; mean ratings are then unknown.
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
from bci_affect.datasets.audio_stimuli import embed_stimulus, find_numbered_audio
from bci_affect.datasets.checks import check_trials, hash_files, select_subjects
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
VIDEOS_WITHOUT_MUSIC = (7, 9, 10, 15, 33, 35)
"""Videos (counted from 0) left out in the paper, because they have no usable music."""
EMBEDDING_STEP_S = 1.0
EMBEDDING_WINDOW_S = 3.0
_MAX_TRACKS = 1_000_000
TRUTH_FILE = "truth.json"
"""Ground truth and shape of simulated files, stored next to them."""
ORDER_FILE = "participant_ratings.csv"
"""DEAP's table of ratings, which contains the presentation order."""


@dataclass(frozen=True)
class Stimuli:
    """Tagger embeddings and mean ratings of all tracks, by track number.

    Attributes
    ----------
    embeddings : dict of int to ndarray of float32, shape (n_embeddings, n_dim)
        Embeddings in time order.
    times : dict of int to ndarray of float64, shape (n_embeddings,)
        Centre of each embedding in seconds from the onset.
    mean_ratings : dict of int to (float, float)
        Mean valence and arousal on 1-9; NaN if there are no ratings.
    """

    embeddings: dict[int, NDArray[np.float32]]
    times: dict[int, NDArray[np.float64]]
    mean_ratings: dict[int, tuple[float, float]]


class Deap:
    """Reader of DEAP's preprocessed Python files and of files written by `simulate deap`.

    Parameters
    ----------
    root : Path
        Folder with ``s01.dat`` ... or with ``data_preprocessed_python``.
    subjects : sequence of str, optional
        Subjects to read, for example ``("s01", "s07")``; by default all.

    Raises
    ------
    BciAffectError
        If the folder has no subjects, a requested one is missing, or the stimuli are invalid.
    """

    name = "deap"

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        nested = root / "data_preprocessed_python"
        self._folder = nested if nested.is_dir() else root
        self._root = root
        found = sorted(path.stem for path in self._folder.glob("s[0-9]*.dat"))
        self.subjects = tuple(select_subjects(found, subjects, str(self._folder)))
        self._truth = _read_truth(root)
        self._shape = tuple(self._truth["shape"]) if self._truth else SHAPE
        self._stimuli = _read_stimuli(root)
        self._orders, self._sessions = _read_presentation_orders(root)
        audio = root / "stimuli" / "audio"
        use_audio = self._stimuli is None and audio.is_dir()
        self._audio = find_numbered_audio(audio) if use_audio else {}
        self._montage: Montage = make_montage(CHANNELS)

    @property
    def simulated(self) -> bool:
        """True if the data are simulated."""
        return self._truth is not None

    def content_key(self, subject: str) -> str:
        """Return a hash of the subject's file, the stimuli and the presentation order."""
        stimuli = sorted(path for path in (self._root / "stimuli").rglob("*") if path.is_file())
        orders = [path for path in _order_files(self._root) if path.is_file()]
        return hash_files([self._folder / f"{subject}.dat", *stimuli, *orders])

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials in the order of presentation.

        Raises
        ------
        BciAffectError
            If the file is damaged, is not a pickle of arrays, has an unexpected shape, NaN samples
            or ratings outside 1-9.
        """
        path = self._folder / f"{subject}.dat"
        arrays = read_pickled_arrays(path)
        data, labels = (arrays.get(key) for key in ("data", "labels"))
        if data is None or labels is None:
            raise BciAffectError(f"{path} has no 'data' or no 'labels'; it is not a file of DEAP.")
        n_trials = self._shape[0]
        if data.shape != self._shape or labels.shape != (n_trials, 4):
            raise BciAffectError(
                f"{path}: shapes {data.shape} and {labels.shape} instead of {self._shape} and "
                f"({n_trials}, 4); use DEAP's preprocessed Python files."
            )
        tracks = self._track_of_video(n_trials)
        trials = [
            self._trial(subject, index, video, data[video], labels[video], tracks[video])
            for index, video in enumerate(v for v in self._order(subject, n_trials) if v in tracks)
        ]
        return check_trials(trials, str(path))

    def _order(self, subject: str, n_trials: int) -> list[int]:
        """Return the videos, from 0, in order of presentation, random if unknown."""
        videos = self._orders.get(int(subject[1:]), {})
        if len(videos) == n_trials:
            return [videos[trial] for trial in sorted(videos)]
        permutation = np.random.default_rng(zlib.crc32(subject.encode())).permutation(n_trials)
        return [int(video) for video in permutation]

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
            times, music = embed_stimulus(self._audio[video])
        if track is not None and self._stimuli is not None:
            music, times = self._stimuli.embeddings[track], self._stimuli.times[track]
            mean = self._stimuli.mean_ratings[track]
            for name, value in zip(("music_valence", "music_arousal"), mean, strict=True):
                if np.isfinite(value):
                    ratings[name] = value
        return Trial(
            eeg=data[: len(CHANNELS)].astype(np.float32),
            rate_hz=RATE_HZ,
            montage=self._montage,
            subject=subject,
            session=self._sessions.get((int(subject[1:]), video), "1"),
            stimulus=f"video{video + 1:02d}",
            onset_s=BASELINE_S,
            ratings=ratings,
            music=music,
            music_times=times,
            index=index,
        )

    def _track_of_video(self, n_trials: int) -> dict[int, int | None]:
        """Return the track number of each video to be used, in order of the videos."""
        if self._audio:
            return dict.fromkeys(video for video in sorted(self._audio) if video < n_trials)
        if self._stimuli is None:
            return dict.fromkeys(range(n_trials))
        tracks = sorted(self._stimuli.embeddings)
        if len(tracks) == n_trials:
            return dict(zip(range(n_trials), tracks, strict=True))
        videos = [video for video in range(n_trials) if video not in VIDEOS_WITHOUT_MUSIC]
        if n_trials == SHAPE[0] and len(tracks) == len(videos):
            return dict(zip(videos, tracks, strict=True))
        raise BciAffectError(
            f"{self._root / 'stimuli'} has {len(tracks)} tracks, which match neither {n_trials} "
            "trials nor DEAP's 34 with music; create the stimulus files again."
        )


def _read_truth(root: Path) -> dict[str, list[int]] | None:
    path = root / TRUTH_FILE
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


def _order_files(root: Path) -> list[Path]:
    return [root / ORDER_FILE, root / "metadata_csv" / ORDER_FILE]


def _read_presentation_orders(
    root: Path,
) -> tuple[dict[int, dict[int, int]], dict[tuple[int, int], str]]:
    """Return the video, from 0, of each trial number, by subject number; and sessions.

    Sessions are by subject number and video, where the table has a column ``Session``: simulated
    data have one, DEAP has not.
    """
    orders: dict[int, dict[int, int]] = {}
    sessions: dict[tuple[int, int], str] = {}
    for path in _order_files(root):
        if not path.is_file():
            continue
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                table = csv.DictReader(file)
                if not set(table.fieldnames or ()) >= {"Participant_id", "Trial", "Experiment_id"}:
                    raise ValueError
                for row in table:
                    subject, trial, video = (
                        int(row[name]) for name in ("Participant_id", "Trial", "Experiment_id")
                    )
                    orders.setdefault(subject, {})[trial] = video - 1
                    if "Session" in row:
                        sessions[subject, video - 1] = str(int(row["Session"]))
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            raise BciAffectError(
                f"{path} is not DEAP's table of ratings (columns Participant_id, Trial, "
                "Experiment_id); download it again or remove it."
            ) from None
        for subject, videos in orders.items():
            if sorted(videos.values()) != list(range(len(videos))):
                raise BciAffectError(
                    f"{path}: participant {subject} does not have each video once; download it "
                    "again or remove it."
                )
        break
    return orders, sessions


def _read_stimuli(root: Path) -> Stimuli | None:
    folder = root / "stimuli"
    embeddings_path, labels_path = folder / "tracks_embeds.npy", folder / "tracks_labels.npy"
    if embeddings_path.is_file() or labels_path.is_file():
        return _stimuli_from_arrays(_load(embeddings_path, 2), _load(labels_path, 2), folder)
    return None


def _stimuli_from_arrays(
    embeddings: NDArray[np.float32], labels: NDArray[np.float32], folder: Path
) -> Stimuli:
    if labels.shape != (len(embeddings), 3):
        raise BciAffectError(
            f"{folder}: embeddings of shape {embeddings.shape} do not match labels of shape "
            f"{labels.shape}; each row needs mean valence, mean arousal and track number."
        )
    numbers = labels[:, 2]
    if not ((numbers == np.round(numbers)) & (np.abs(numbers) < _MAX_TRACKS)).all():
        raise BciAffectError(
            f"{folder}: a track number is not an integer; create the stimulus files again."
        )
    by_track: dict[int, NDArray[np.float32]] = {}
    times: dict[int, NDArray[np.float64]] = {}
    ratings: dict[int, tuple[float, float]] = {}
    for track in np.unique(labels[:, 2]).astype(int):
        rows = labels[:, 2] == track
        by_track[track] = embeddings[rows].astype(np.float32)
        times[track] = np.arange(rows.sum()) * EMBEDDING_STEP_S + EMBEDDING_WINDOW_S / 2
        ratings[track] = (float(labels[rows, 0].mean()), float(labels[rows, 1].mean()))
    return Stimuli(by_track, times, ratings)


def _load(path: Path, n_dims: int) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # header written by Python 2
            array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except Exception as error:  # numpy raises many types for damaged headers
        raise BciAffectError(
            f"{path} is not a complete .npy file of numbers ({type(error).__name__}); create or "
            "download it again."
        ) from None
    if array.ndim != n_dims or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise BciAffectError(f"{path} must be a {n_dims}-dimensional array of finite numbers.")
    result: NDArray[np.float32] = array.astype(np.float32)
    return result
