"""Simulated people listening to simulated music: data with known ground truth, or known nothing.

What is put in, so that it can be found again:

- Every track has a mood, valence and arousal in [-1, 1], spread over the four quadrants, that
  wanders a little within the track.
- **Music**: its tagger rows (128-d, one a second) carry that mood along two fixed directions,
  beside a signature of the track and noise; ``music_effect`` scales the mood's part.
- **Person**: each hears the tracks in an order of their own, feels a track as a mixture of its
  mood and something of their own, and rates the feeling on 1-9 with noise.
- **EEG**: `streams.EegSimulator` follows the feeling, moment by moment, with size ``effect``
  (1: 0.3 nats of log power per unit of mood at the best electrode, over slow drifts of about
  0.25 nats that have nothing to do with it), through responses that are partly the person's own.

So EEG and music share a cause in time. With ``effect = 0`` nothing in the EEG depends on the
music, the mood or the rating; with ``music_effect = 0`` nothing in the music's rows depends on the
mood: together the null that every metric must find to be nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.signal import butter, sosfiltfilt

from bci_affect.config import Section
from bci_affect.datasets import deap
from bci_affect.datasets.arrays import write_python2_pickle
from bci_affect.datasets.checks import check_trials, pick_subjects
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.simulation import CLEAN, EegSimulator, SimulatedPerson

Array = NDArray[np.float64]

_OWN_FEELING = 0.3  # how far a person's feeling strays from the track's mood, SD
_SHARED_FEELING = 0.8
_RATING_SPREAD, _RATING_NOISE = 3.0, 0.6
_N_DIM = 128
_VERSION = 2
"""Of what is simulated from the same settings: counts up when that changes."""


class SimulationSettings(Section):
    """How many people hear how much, and what is there to be found."""

    subjects: int = Field(32, ge=1, le=99)
    trials: int = Field(40, ge=2, le=40)
    seconds: float = Field(60.0, ge=8, le=60)
    """Length of a trial after the 3 s baseline."""
    effect: float = Field(1.0, ge=0, le=10)
    music_effect: float = Field(1.0, ge=0, le=10)
    individuality: float = Field(0.5, ge=0, le=5)
    """Size of a person's own response pattern, relative to the common one."""
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class _Tracks:
    """Ground truth of the music: mood (n_tracks, 2) and its course (n_tracks, 2, n_seconds)."""

    mood: Array
    course: Array
    rows: NDArray[np.float32]  # (n_tracks, n_rows, 128)

    def mean_ratings(self) -> Array:
        """Return what a large population rates on average, (n_tracks, 2) on 1-9."""
        return np.clip(5 + _RATING_SPREAD * _SHARED_FEELING * self.mood, 1, 9)


class Simulated:
    """Simulated people as a data set, made when asked for and the same each time.

    Parameters
    ----------
    settings : SimulationSettings
        Numbers and sizes.
    subjects : sequence of str, optional
        Such as ``("s01",)``; all when absent.
    """

    name = "simulated"

    def __init__(self, settings: SimulationSettings, subjects: Sequence[str] | None = None) -> None:
        found = [f"s{number + 1:02d}" for number in range(settings.subjects)]
        self._subjects = tuple(pick_subjects(found, subjects, "simulated data"))
        self._settings = settings
        self._tracks = _make_tracks(settings)
        self._montage = make_montage(deap.CHANNELS)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""
        return self._subjects

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return True

    def content_key(self, subject: str) -> str:
        """Return what decides the subject's trials, as a hash."""
        text = f"{_VERSION} {self._settings.model_dump_json()} {subject}"
        return hashlib.sha256(text.encode()).hexdigest()

    def trials(self, subject: str) -> list[Trial]:
        """Return one simulated person's trials."""
        number = int(subject[1:])
        eeg, ratings = _listen(self._settings, self._tracks, number)
        means = self._tracks.mean_ratings()
        rows = np.arange(self._tracks.rows.shape[1], dtype=np.float64)
        times = rows * deap.ROW_STEP_S + deap.ROW_LENGTH_S / 2
        trials = []
        for index, track in enumerate(_order(self._settings, number)):
            named = dict(zip(deap.LABELS, map(float, ratings[track]), strict=True))
            named["music_valence"], named["music_arousal"] = map(float, means[track])
            trials.append(
                Trial(
                    eeg=eeg[track].astype(np.float32),
                    rate_hz=deap.RATE_HZ,
                    montage=self._montage,
                    subject=subject,
                    session="1",
                    stimulus=f"video{track + 1:02d}",
                    onset_s=deap.BASELINE_S,
                    ratings=named,
                    music=self._tracks.rows[track],
                    music_times=times,
                    index=index,
                )
            )
        return check_trials(trials, f"simulated {subject}")


def write_deap(root: Path, settings: SimulationSettings) -> list[Path]:
    """Write simulated people in DEAP's true layout, one file after the other.

    Parameters
    ----------
    root : Path
        Folder that must not hold a data set yet; made if it is not there.
    settings : SimulationSettings
        With 32 subjects, 40 trials and 60 s the files have DEAP's own shapes, and stimuli for the
        34 videos that it has music for.

    Returns
    -------
    list of Path
        Subject files that were written.

    Raises
    ------
    BciAffectError
        If the folder holds subjects already or cannot be written.
    """
    if any(root.glob("s[0-9]*.dat")):
        raise BciAffectError(f"{root} holds subjects already; give a new folder.")
    tracks = _make_tracks(settings)
    written = []
    try:
        (root / "stimuli").mkdir(parents=True, exist_ok=True)
        _write_stimuli(root / "stimuli", tracks, settings)
        _write_truth(root / deap.TRUTH, tracks, settings)
        _write_presented(root / deap.PRESENTED, settings)
        for number in range(1, settings.subjects + 1):
            path = root / f"s{number:02d}.dat"
            eeg, ratings = _listen(settings, tracks, number)
            write_python2_pickle(path, {"data": _with_periphery(eeg, number), "labels": ratings})
            written.append(path)
    except OSError as error:
        raise BciAffectError(f"Cannot write to {root}: {error.strerror or error}.") from None
    return written


def _make_tracks(settings: SimulationSettings) -> _Tracks:
    rng = np.random.default_rng([settings.seed, 0x7AC])
    n, seconds = settings.trials, int(settings.seconds)
    quadrant = rng.permutation(np.arange(n) % 4)
    signs = np.stack([1 - 2 * (quadrant % 2), 1 - 2 * (quadrant // 2)], axis=1)
    mood = signs * rng.uniform(0.35, 1.0, (n, 2))
    time = np.arange(seconds)
    period, phase = rng.uniform(12, 30, (n, 2, 1)), rng.uniform(0, 2 * np.pi, (n, 2, 1))
    course = mood[:, :, None] + 0.25 * np.sin(2 * np.pi * time / period + phase)

    n_rows = int(settings.seconds - deap.ROW_LENGTH_S) + 1
    heard = np.stack([course[:, :, row : row + 3].mean(axis=2) for row in range(n_rows)], axis=1)
    directions = rng.standard_normal((2, _N_DIM)) * np.array([[0.12], [0.2]])
    signature = rng.standard_normal((n, 1, 10)) @ rng.standard_normal((10, _N_DIM)) * 0.08
    noise = 0.25 * rng.standard_normal((n, n_rows, _N_DIM))
    rows = settings.music_effect * heard @ directions + signature + noise
    return _Tracks(mood, np.clip(course, -1, 1), rows.astype(np.float32))


def _order(settings: SimulationSettings, number: int) -> list[int]:
    """Return the tracks in the order in which a person hears them.

    Were it the same for all, a track could be told by how far the EEG's slow drifts and the
    normalisation had come.
    """
    rng = np.random.default_rng([settings.seed, number, 0x04D])
    return [int(track) for track in rng.permutation(settings.trials)]


def _listen(settings: SimulationSettings, tracks: _Tracks, number: int) -> tuple[Array, Array]:
    """Return one person's EEG (n_tracks, 32, n_samples) and ratings (n_tracks, 4), by track."""
    rng = np.random.default_rng([settings.seed, number, 0xE46])
    person = SimulatedPerson.draw(
        int(rng.integers(2**31)), effect=settings.effect, individuality=settings.individuality
    )
    montage = make_montage(deap.CHANNELS)
    simulator = EegSimulator(
        montage.names, montage.positions, deap.RATE_HZ, person, int(rng.integers(2**31)), CLEAN
    )
    n_trials = settings.trials
    own = _OWN_FEELING * rng.standard_normal((n_trials, 2))
    before = round(deap.BASELINE_S * deap.RATE_HZ)
    during = round(settings.seconds * deap.RATE_HZ)
    second = np.minimum(np.arange(during) // int(deap.RATE_HZ), tracks.course.shape[2] - 1)
    eeg = np.empty((n_trials, len(deap.CHANNELS), before + during))
    for track in _order(settings, number):
        feeling = _SHARED_FEELING * tracks.course[track][:, second] + own[track][:, None]
        feeling = np.concatenate([np.zeros((2, before)), feeling], axis=1)
        eeg[track] = simulator.block(before + during, feeling[0], feeling[1])
    # As DEAP was prepared: band-passed 4-45 Hz, over the whole trial and in both directions.
    eeg = sosfiltfilt(butter(4, (4, 45), "bandpass", fs=deap.RATE_HZ, output="sos"), eeg, axis=-1)

    felt = _SHARED_FEELING * tracks.mood + own
    ratings = 5 + _RATING_SPREAD * felt + _RATING_NOISE * rng.standard_normal((n_trials, 2))
    others = rng.uniform(1, 9, (n_trials, 2))  # dominance and liking: nothing depends on them
    return eeg, np.clip(np.concatenate([ratings, others], axis=1), 1, 9).round(2)


def _with_periphery(eeg: Array, number: int) -> Array:
    """Append DEAP's eight other channels, as slow random walks: present, and meaningless."""
    rng = np.random.default_rng([number, 0x9E])
    steps = rng.standard_normal((len(eeg), len(deap.PERIPHERAL), eeg.shape[2]))
    return np.concatenate([eeg, np.cumsum(steps, axis=2)], axis=1)


def _write_stimuli(folder: Path, tracks: _Tracks, settings: SimulationSettings) -> None:
    full = settings.trials == deap.SHAPE[0]
    heard = [i for i in range(settings.trials) if not (full and i in deap.WITHOUT_MUSIC)]
    n_rows = tracks.rows.shape[1]
    means = tracks.mean_ratings()
    rows = tracks.rows[heard].reshape(-1, _N_DIM)
    labels = np.concatenate(
        [np.tile([*means[video], number], (n_rows, 1)) for number, video in enumerate(heard)]
    )
    np.save(folder / "tracks_embeds.npy", rows.astype(np.float64))
    np.save(folder / "tracks_labels.npy", labels)


def _write_presented(path: Path, settings: SimulationSettings) -> None:
    """Write who heard which track when, as DEAP's table of ratings has it."""
    lines = ["Participant_id,Trial,Experiment_id"]
    for number in range(1, settings.subjects + 1):
        order = enumerate(_order(settings, number), start=1)
        lines += [f"{number},{place},{track + 1}" for place, track in order]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_truth(path: Path, tracks: _Tracks, settings: SimulationSettings) -> None:
    samples = round((deap.BASELINE_S + settings.seconds) * deap.RATE_HZ)
    n_channels = len(deap.CHANNELS) + len(deap.PERIPHERAL)
    truth = {
        "simulated": True,
        "shape": [settings.trials, n_channels, samples],
        "settings": settings.model_dump(),
        "track_mood": tracks.mood.round(6).tolist(),
        "meaning": "effect: size of the EEG's response to the felt mood (1: 0.3 nats of log power "
        "per unit of mood at the best electrode); 0 with music_effect 0 is the null",
    }
    path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
