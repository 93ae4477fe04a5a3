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
- **Conditions of real recordings**, each off by default: ``coupling`` is the size of a change of
  the coupling between regions with emotion, which leaves the power of every electrode as it is;
  ``gain_drift_db`` is the standard deviation of each electrode's gain, which walks over minutes;
  ``state_s`` puts tracks of one quadrant next to each other until the state has lasted that long;
  ``one_state_sittings`` puts each quadrant into a session of its own, with other noise and gains.

EEG and music thus share a common cause over time. With ``effect = 0`` and ``coupling = 0`` the EEG
does not depend on the music, the mood or the rating; with ``music_effect = 0`` the embeddings do
not depend on the mood. All three together give the null model, for which every metric must be at
chance on people held out, under all conditions. (Within a person any drift reveals a state that
lasts; that follows from the order of the trials and is not an effect.)
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
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
TRIAL_TRUTH_FILE = "truth.npz"
"""Ground truth of every trial of simulated files, stored next to them."""
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
    coupling: float = Field(0.0, ge=0, le=10)
    """Size of the change of coupling between regions with emotion."""
    gain_drift_db: float = Field(0.0, ge=0, le=12)
    """Standard deviation of each electrode's gain over minutes."""
    state_s: float = Field(0.0, ge=0, le=1800)
    """Duration of a state: tracks of one quadrant in succession; 0 for a random order."""
    one_state_sittings: bool = False
    """One session for each quadrant, in an order of each subject's own."""

    @model_validator(mode="after")
    def _one_order(self) -> SimulationSettings:
        if self.state_s and self.one_state_sittings:
            raise ValueError("state_s and one_state_sittings exclude each other")
        return self

    def key(self) -> str:
        """Return the settings as text; conditions that are off do not appear in it."""
        off = {name for name in _CONDITIONS if not getattr(self, name)}
        return self.model_dump_json(exclude=off)


_CONDITIONS = ("coupling", "gain_drift_db", "state_s", "one_state_sittings")


@dataclass(frozen=True)
class _Tracks:
    """Ground truth of the music."""

    mood: Array  # (n_tracks, 2)
    course: Array  # (n_tracks, 2, n_seconds)
    embeddings: NDArray[np.float32]  # (n_tracks, n_embeddings, 128)

    @property
    def quadrant(self) -> NDArray[np.int64]:
        """Quadrant of each track, 0 to 3."""
        low = (self.mood < 0).astype(np.int64)
        return low[:, 0] + 2 * low[:, 1]

    def mean_ratings(self) -> Array:
        """Return the expected ratings, averaged over subjects, (n_tracks, 2) on 1-9."""
        return np.clip(5 + _RATING_SPREAD * _SHARED_EMOTION * self.mood, 1, 9)


@dataclass(frozen=True)
class _Subject:
    """Data of one subject, by track, with their ground truth.

    Attributes
    ----------
    eeg : ndarray, shape (n_tracks, n_channels, n_samples)
    ratings : ndarray, shape (n_tracks, 4)
    emotion : ndarray, shape (n_tracks, 2)
        Mean valence and arousal felt, in [-1, 1].
    gain_db : ndarray, shape (n_tracks, n_channels)
        Mean gain of each electrode.
    """

    eeg: Array
    ratings: Array
    emotion: Array
    gain_db: Array


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
        text = f"{_VERSION} {self._settings.key()} {subject}"
        return hashlib.sha256(text.encode()).hexdigest()

    def trials(self, subject: str) -> list[Trial]:
        """Return the trials of one simulated subject."""
        number = int(subject[1:])
        data = _simulate_subject(self._settings, self._tracks, number)
        means = self._tracks.mean_ratings()
        steps = np.arange(self._tracks.embeddings.shape[1], dtype=np.float64)
        times = steps * deap.EMBEDDING_STEP_S + deap.EMBEDDING_WINDOW_S / 2
        trials = []
        order = _presentation_order(self._settings, self._tracks, number)
        for index, (track, sitting) in enumerate(order):
            trial_ratings = dict(zip(deap.LABELS, map(float, data.ratings[track]), strict=True))
            trial_ratings["music_valence"], trial_ratings["music_arousal"] = map(
                float, means[track]
            )
            trials.append(
                Trial(
                    eeg=data.eeg[track].astype(np.float32),
                    rate_hz=deap.RATE_HZ,
                    montage=self._montage,
                    subject=subject,
                    session=str(sitting),
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
        Folder without a data set; created if it does not exist. ``truth.json`` holds the settings
        and the moods of the tracks, ``truth.npz`` what varies by subject and trial.
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
        _write_presentation_order(root / deap.ORDER_FILE, tracks, settings)
        emotion, gain_db = [], []
        for number in range(1, settings.subjects + 1):
            path = root / f"s{number:02d}.dat"
            subject = _simulate_subject(settings, tracks, number)
            data = _append_peripheral_channels(subject.eeg, number)
            write_python2_pickle(path, {"data": data, "labels": subject.ratings})
            written.append(path)
            emotion.append(subject.emotion)
            gain_db.append(subject.gain_db)
        _write_trial_truth(root / TRIAL_TRUTH_FILE, tracks, settings, emotion, gain_db)
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


def _presentation_order(
    settings: SimulationSettings, tracks: _Tracks, number: int
) -> list[tuple[int, int]]:
    """Return track and session (from 1) of every trial of a subject, in order of presentation.

    The order is random per subject: in a common order, slow drifts and the state of the
    normalisation would identify the track.
    """
    rng = np.random.default_rng([settings.seed, number, 0x04D])
    order = [int(track) for track in rng.permutation(settings.trials)]
    if not settings.state_s and not settings.one_state_sittings:
        return [(track, 1) for track in order]
    by_quadrant = [[track for track in order if tracks.quadrant[track] == q] for q in range(4)]
    length = settings.trials
    if settings.state_s:
        length = max(1, round(settings.state_s / (deap.BASELINE_S + settings.seconds)))
    found: list[tuple[int, int]] = []
    last = -1
    while any(by_quadrant):
        turns = [int(q) for q in rng.permutation(4) if by_quadrant[q]]
        if turns[0] == last and len(turns) > 1:  # the same state would last twice as long
            turns[0], turns[1] = turns[1], turns[0]
        for sitting, quadrant in enumerate(turns, start=1):
            last = quadrant
            chosen, by_quadrant[quadrant] = (
                by_quadrant[quadrant][:length],
                by_quadrant[quadrant][length:],
            )
            found += [(track, sitting if settings.one_state_sittings else 1) for track in chosen]
    return found


def _simulate_subject(settings: SimulationSettings, tracks: _Tracks, number: int) -> _Subject:
    rng = np.random.default_rng([settings.seed, number, 0xE46])
    person = SimulatedPerson.draw(
        int(rng.integers(2**31)),
        effect=settings.effect,
        individuality=settings.individuality,
        coupling=settings.coupling,
    )
    montage = make_montage(deap.CHANNELS)
    artifacts = dataclasses.replace(CLEAN, gain_drift_db=settings.gain_drift_db)

    def begin(seed: int) -> EegSimulator:
        return EegSimulator(montage.names, montage.positions, deap.RATE_HZ, person, seed, artifacts)

    simulator, current = begin(int(rng.integers(2**31))), 1
    n_trials = settings.trials
    individual = _INDIVIDUAL_EMOTION_SD * rng.standard_normal((n_trials, 2))
    before = round(deap.BASELINE_S * deap.RATE_HZ)
    during = round(settings.seconds * deap.RATE_HZ)
    second = np.minimum(np.arange(during) // int(deap.RATE_HZ), tracks.course.shape[2] - 1)
    eeg = np.empty((n_trials, len(deap.CHANNELS), before + during))
    gain_db = np.zeros((n_trials, len(deap.CHANNELS)))
    for track, sitting in _presentation_order(settings, tracks, number):
        if sitting != current:
            own = np.random.default_rng([settings.seed, number, 0x517, sitting])
            simulator, current = begin(int(own.integers(2**31))), sitting
        emotion = _SHARED_EMOTION * tracks.course[track][:, second] + individual[track][:, None]
        emotion = np.concatenate([np.zeros((2, before)), emotion], axis=1)
        eeg[track] = simulator.block(before + during, emotion[0], emotion[1])
        gain_db[track] = simulator.gain_db
    # The preprocessing of DEAP: zero-phase band-pass 4-45 Hz over the full trial.
    eeg = sosfiltfilt(butter(4, (4, 45), "bandpass", fs=deap.RATE_HZ, output="sos"), eeg, axis=-1)

    mean_emotion = _SHARED_EMOTION * tracks.mood + individual
    noise = _RATING_NOISE * rng.standard_normal((n_trials, 2))
    ratings = 5 + _RATING_SPREAD * mean_emotion + noise
    others = rng.uniform(1, 9, (n_trials, 2))  # dominance and liking, unrelated to anything
    ratings = np.clip(np.concatenate([ratings, others], axis=1), 1, 9).round(2)
    return _Subject(eeg, ratings, mean_emotion, gain_db)


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


def _write_presentation_order(path: Path, tracks: _Tracks, settings: SimulationSettings) -> None:
    """Write the presentation order with the columns of DEAP's ``participant_ratings.csv``.

    With several sessions there is a further column, ``Session``.
    """
    several = settings.one_state_sittings
    lines = ["Participant_id,Trial,Experiment_id" + (",Session" if several else "")]
    for number in range(1, settings.subjects + 1):
        order = enumerate(_presentation_order(settings, tracks, number), start=1)
        lines += [
            f"{number},{trial},{track + 1}" + (f",{sitting}" if several else "")
            for trial, (track, sitting) in order
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_truth(path: Path, tracks: _Tracks, settings: SimulationSettings) -> None:
    samples = round((deap.BASELINE_S + settings.seconds) * deap.RATE_HZ)
    n_channels = len(deap.CHANNELS) + len(deap.PERIPHERAL)
    truth = {
        "simulated": True,
        "shape": [settings.trials, n_channels, samples],
        "settings": json.loads(settings.key()),
        "track_mood": tracks.mood.round(6).tolist(),
        "meaning": "effect: size of the EEG's response to the felt mood (1: 0.3 nats of log power "
        "per unit of mood at the best electrode); 0 with music_effect 0 is the null",
    }
    path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _write_trial_truth(
    path: Path,
    tracks: _Tracks,
    settings: SimulationSettings,
    emotion: list[Array],
    gain_db: list[Array],
) -> None:
    """Write the ground truth of every trial: arrays by subject and track."""
    sitting = np.zeros((settings.subjects, settings.trials), np.int64)
    position = np.zeros_like(sitting)
    for number in range(1, settings.subjects + 1):
        for place, (track, session) in enumerate(_presentation_order(settings, tracks, number)):
            sitting[number - 1, track], position[number - 1, track] = session, place
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        emotion=np.stack(emotion),  # (n_subjects, n_tracks, 2)
        gain_db=np.stack(gain_db),  # (n_subjects, n_tracks, n_channels)
        session=sitting,  # (n_subjects, n_tracks)
        position=position,  # place in the order of presentation, from 0
        quadrant=tracks.quadrant,  # (n_tracks,)
        channels=np.array(deap.CHANNELS),
    )
    path.write_bytes(buffer.getvalue())
