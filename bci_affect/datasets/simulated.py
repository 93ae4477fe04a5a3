"""Simulated subjects listening to simulated music: a data set with known ground truth.

Generative model:

- **Track**: a mood, valence and arousal in [-1, 1], balanced over the four quadrants, with slow
  variation within the track.
- **Music**: tagger embeddings (128-d, one per second) are the sum of the mood along two fixed
  directions, scaled by ``music_effect``, a signature of the track, and noise.
- **Subject**: listens to the tracks in a random order, has an emotion that mixes the track's mood
  with an individual part, and rates it on 1-9 with noise.
- **EEG**: `simulation.EegSimulator` follows the emotion over time with size ``effect`` (1: 0.3 nats
  of log power per unit of mood at the best electrode, over unrelated slow drifts of about 0.25
  nats), through a response pattern that is partly individual.

EEG and music thus share a common cause over time. With ``effect = 0`` the EEG does not depend on
the music, the mood or the rating; with ``music_effect = 0`` the embeddings do not depend on the
mood. Both together give the null model, for which every metric must be at chance.
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
from bci_affect.datasets.checks import check_trials, select_subjects
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.simulation import CLEAN, EegSimulator, SimulatedPerson

Array = NDArray[np.float64]

_INDIVIDUAL_EMOTION_SD = 0.3
_SHARED_EMOTION = 0.8
_RATING_SPREAD, _RATING_NOISE = 3.0, 0.6
_N_DIM = 128
_VERSION = 2
"""Version of the generative model; increases when the same settings give different data."""


class SimulationSettings(Section):
    """Size of a simulated data set and of its effects."""

    subjects: int = Field(32, ge=1, le=99)
    trials: int = Field(40, ge=2, le=40)
    seconds: float = Field(60.0, ge=8, le=60)
    """Length of a trial after the 3 s baseline."""
    effect: float = Field(1.0, ge=0, le=10)
    music_effect: float = Field(1.0, ge=0, le=10)
    individuality: float = Field(0.5, ge=0, le=5)
    """Size of a subject's individual response pattern, relative to the common one."""
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class _Tracks:
    """Ground truth of the music."""

    mood: Array  # (n_tracks, 2)
    course: Array  # (n_tracks, 2, n_seconds)
    embeddings: NDArray[np.float32]  # (n_tracks, n_embeddings, 128)

    def mean_ratings(self) -> Array:
        """Return the expected ratings, averaged over subjects, (n_tracks, 2) on 1-9."""
        return np.clip(5 + _RATING_SPREAD * _SHARED_EMOTION * self.mood, 1, 9)


class SimulatedDataset:
    """Simulated subjects as a data set, generated on demand and reproducible.

    Parameters
    ----------
    settings : SimulationSettings
        Sizes and seed.
    subjects : sequence of str, optional
        Subjects to generate, for example ``("s01",)``; by default all.
    """

    name = "simulated"
    simulated = True

    def __init__(self, settings: SimulationSettings, subjects: Sequence[str] | None = None) -> None:
        found = [f"s{number + 1:02d}" for number in range(settings.subjects)]
        self.subjects = tuple(select_subjects(found, subjects, "simulated data"))
        self._settings = settings
        self._tracks = _make_tracks(settings)
        self._montage = make_montage(deap.CHANNELS)

    def content_key(self, subject: str) -> str:
        """Return a hash of the settings and the subject."""
        text = f"{_VERSION} {self._settings.model_dump_json()} {subject}"
        return hashlib.sha256(text.encode()).hexdigest()

    def trials(self, subject: str) -> list[Trial]:
        """Return the trials of one simulated subject."""
        number = int(subject[1:])
        eeg, ratings = _simulate_subject(self._settings, self._tracks, number)
        means = self._tracks.mean_ratings()
        steps = np.arange(self._tracks.embeddings.shape[1], dtype=np.float64)
        times = steps * deap.EMBEDDING_STEP_S + deap.EMBEDDING_WINDOW_S / 2
        trials = []
        for index, track in enumerate(_presentation_order(self._settings, number)):
            trial_ratings = dict(zip(deap.LABELS, map(float, ratings[track]), strict=True))
            trial_ratings["music_valence"], trial_ratings["music_arousal"] = map(
                float, means[track]
            )
            trials.append(
                Trial(
                    eeg=eeg[track].astype(np.float32),
                    rate_hz=deap.RATE_HZ,
                    montage=self._montage,
                    subject=subject,
                    session="1",
                    stimulus=f"video{track + 1:02d}",
                    onset_s=deap.BASELINE_S,
                    ratings=trial_ratings,
                    music=self._tracks.embeddings[track],
                    music_times=times,
                    index=index,
                )
            )
        return check_trials(trials, f"simulated {subject}")


def write_deap(root: Path, settings: SimulationSettings) -> list[Path]:
    """Write simulated subjects in the layout of DEAP.

    Parameters
    ----------
    root : Path
        Folder without a data set; created if it does not exist.
    settings : SimulationSettings
        With 32 subjects, 40 trials and 60 s the files have the shapes of DEAP, and stimuli for the
        34 videos with music.

    Returns
    -------
    list of Path
        Subject files written.

    Raises
    ------
    BciAffectError
        If the folder already holds subjects or cannot be written.
    """
    if any(root.glob("s[0-9]*.dat")):
        raise BciAffectError(f"{root} already holds subjects; give a new folder.")
    tracks = _make_tracks(settings)
    written = []
    try:
        (root / "stimuli").mkdir(parents=True, exist_ok=True)
        _write_stimuli(root / "stimuli", tracks, settings)
        _write_truth(root / deap.TRUTH_FILE, tracks, settings)
        _write_presentation_order(root / deap.ORDER_FILE, settings)
        for number in range(1, settings.subjects + 1):
            path = root / f"s{number:02d}.dat"
            eeg, ratings = _simulate_subject(settings, tracks, number)
            data = _append_peripheral_channels(eeg, number)
            write_python2_pickle(path, {"data": data, "labels": ratings})
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

    n_steps = int(settings.seconds - deap.EMBEDDING_WINDOW_S) + 1
    smoothed = np.stack([course[:, :, i : i + 3].mean(axis=2) for i in range(n_steps)], axis=1)
    directions = rng.standard_normal((2, _N_DIM)) * np.array([[0.12], [0.2]])
    signature = rng.standard_normal((n, 1, 10)) @ rng.standard_normal((10, _N_DIM)) * 0.08
    noise = 0.25 * rng.standard_normal((n, n_steps, _N_DIM))
    embeddings = settings.music_effect * smoothed @ directions + signature + noise
    return _Tracks(mood, np.clip(course, -1, 1), embeddings.astype(np.float32))


def _presentation_order(settings: SimulationSettings, number: int) -> list[int]:
    """Return the tracks in the order presented to a subject.

    The order is random per subject: in a common order, slow drifts and the state of the
    normalisation would identify the track.
    """
    rng = np.random.default_rng([settings.seed, number, 0x04D])
    return [int(track) for track in rng.permutation(settings.trials)]


def _simulate_subject(
    settings: SimulationSettings, tracks: _Tracks, number: int
) -> tuple[Array, Array]:
    """Return one subject's EEG, (n_tracks, 32, n_samples), and ratings, (n_tracks, 4), by track."""
    rng = np.random.default_rng([settings.seed, number, 0xE46])
    person = SimulatedPerson.draw(
        int(rng.integers(2**31)), effect=settings.effect, individuality=settings.individuality
    )
    montage = make_montage(deap.CHANNELS)
    simulator = EegSimulator(
        montage.names, montage.positions, deap.RATE_HZ, person, int(rng.integers(2**31)), CLEAN
    )
    n_trials = settings.trials
    individual = _INDIVIDUAL_EMOTION_SD * rng.standard_normal((n_trials, 2))
    before = round(deap.BASELINE_S * deap.RATE_HZ)
    during = round(settings.seconds * deap.RATE_HZ)
    second = np.minimum(np.arange(during) // int(deap.RATE_HZ), tracks.course.shape[2] - 1)
    eeg = np.empty((n_trials, len(deap.CHANNELS), before + during))
    for track in _presentation_order(settings, number):
        emotion = _SHARED_EMOTION * tracks.course[track][:, second] + individual[track][:, None]
        emotion = np.concatenate([np.zeros((2, before)), emotion], axis=1)
        eeg[track] = simulator.block(before + during, emotion[0], emotion[1])
    # The preprocessing of DEAP: zero-phase band-pass 4-45 Hz over the full trial.
    eeg = sosfiltfilt(butter(4, (4, 45), "bandpass", fs=deap.RATE_HZ, output="sos"), eeg, axis=-1)

    mean_emotion = _SHARED_EMOTION * tracks.mood + individual
    noise = _RATING_NOISE * rng.standard_normal((n_trials, 2))
    ratings = 5 + _RATING_SPREAD * mean_emotion + noise
    others = rng.uniform(1, 9, (n_trials, 2))  # dominance and liking, unrelated to anything
    return eeg, np.clip(np.concatenate([ratings, others], axis=1), 1, 9).round(2)


def _append_peripheral_channels(eeg: Array, number: int) -> Array:
    """Append DEAP's eight peripheral channels as random walks unrelated to anything."""
    rng = np.random.default_rng([number, 0x9E])
    steps = rng.standard_normal((len(eeg), len(deap.PERIPHERAL), eeg.shape[2]))
    return np.concatenate([eeg, np.cumsum(steps, axis=2)], axis=1)


def _write_stimuli(folder: Path, tracks: _Tracks, settings: SimulationSettings) -> None:
    full = settings.trials == deap.SHAPE[0]
    videos = [i for i in range(settings.trials) if not (full and i in deap.VIDEOS_WITHOUT_MUSIC)]
    n_steps = tracks.embeddings.shape[1]
    means = tracks.mean_ratings()
    embeddings = tracks.embeddings[videos].reshape(-1, _N_DIM)
    labels = np.concatenate(
        [np.tile([*means[video], number], (n_steps, 1)) for number, video in enumerate(videos)]
    )
    np.save(folder / "tracks_embeds.npy", embeddings.astype(np.float64))
    np.save(folder / "tracks_labels.npy", labels)


def _write_presentation_order(path: Path, settings: SimulationSettings) -> None:
    """Write the presentation order with the columns of DEAP's ``participant_ratings.csv``."""
    lines = ["Participant_id,Trial,Experiment_id"]
    for number in range(1, settings.subjects + 1):
        order = enumerate(_presentation_order(settings, number), start=1)
        lines += [f"{number},{trial},{track + 1}" for trial, track in order]
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
