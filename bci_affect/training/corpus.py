"""Features of a complete data set in memory, with a cache on disk.

The cache holds one file per subject, named by a hash of the subject's data, the settings and the
feature extraction code, so that outdated features are never used and a moved data set needs no
new extraction.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.datasets import Dataset, rests_of
from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.training.executors import run_calls
from bci_affect.training.extract import (
    ExtractionSettings,
    SubjectWindows,
    code_hash,
    extract_subject,
)
from bci_affect.training.features import FeatureSet
from bci_affect.training.person import PersonWindows, pack, unpack

logger = logging.getLogger(__name__)

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class MusicCatalogue:
    """Music embeddings of all tracks, the items of retrieval.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n_items, n_dim)
        Tagger embeddings, one for each time at which a window may end.
    stimulus : ndarray of int64, shape (n_items,)
        Track of each item, as in `FeatureSet.stimulus`.
    labels : ndarray of float32, shape (n_items, 2)
        High or low valence and arousal of the track; NaN if unknown.
    """

    embeddings: NDArray[np.float32]
    stimulus: NDArray[np.int64]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.embeddings)


@dataclass(frozen=True)
class Corpus:
    """Features of a data set, with the names of subjects, sessions and stimuli.

    Attributes
    ----------
    features : FeatureSet
        Windows of all subjects.
    catalogue : MusicCatalogue
        Music of all tracks with embeddings.
    subjects, stimuli : tuple of str
        Names by index.
    sessions : tuple of (str, str)
        Subject and session by index.
    channels : tuple of tuple of str
        Channel names of each montage.
    covariance : ndarray of float32, shape (n_trials, n_channels, n_channels)
        Covariance between electrodes by trial; NaN for channels missing in a montage.
    raw_mean, raw_sd : ndarray of float32, shape (n_subjects, n_bands)
        Statistics of each subject's features before normalisation.

    Examples
    --------
    See `load_corpus`.
    """

    features: FeatureSet
    catalogue: MusicCatalogue
    subjects: tuple[str, ...]
    sessions: tuple[tuple[str, str], ...]
    stimuli: tuple[str, ...]
    channels: tuple[tuple[str, ...], ...]
    covariance: NDArray[np.float32]
    raw_mean: NDArray[np.float32]
    raw_sd: NDArray[np.float32]

    def __repr__(self) -> str:
        return (
            f"Corpus({len(self.subjects)} subjects, {len(self.covariance)} trials, "
            f"{len(self.features)} windows, {len(self.stimuli)} stimuli)"
        )


def load_corpus(
    dataset: Dataset,
    signal: SignalSettings | None = None,
    settings: ExtractionSettings | None = None,
    *,
    cache: Path | None = None,
    keys: Mapping[str, str] | None = None,
    n_jobs: int = 1,
    progress: Callable[[str, str, int, int], None] | None = None,
) -> Corpus:
    """Return the features of all subjects of a data set, from the cache where possible.

    Parameters
    ----------
    dataset : Dataset
        Data set from `datasets.open_dataset`.
    signal : SignalSettings, optional
        Settings of the pipeline.
    settings : ExtractionSettings, optional
        Selection of windows.
    cache : Path, optional
        Folder of the cache; by default in the user's folder.
    keys : mapping of str to str, optional
        `Dataset.content_key` of each subject, if known: reading the files for it takes seconds.
    n_jobs : int
        Number of processes, one subject each.
    progress : callable, optional
        Called with "Features", the subject's name, the number of subjects done, and the total.

    Raises
    ------
    BciAffectError
        If the data of a subject are damaged or inconsistent.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import bci_affect as ba
    >>> from bci_affect.datasets import SimulationSettings, write_deap
    >>> folder = Path(tempfile.mkdtemp())
    >>> small = SimulationSettings(subjects=1, trials=4, seconds=8)
    >>> _ = write_deap(folder / "deap", small)
    >>> ba.load_corpus(ba.open_dataset("deap", folder / "deap"), cache=folder)
    Corpus(1 subjects, 4 trials, 12 windows, 4 stimuli)
    """
    signal = signal or SignalSettings()
    settings = settings or ExtractionSettings()
    folder = cache if cache is not None else user_home() / "cache" / "features"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BciAffectError(f"Cannot create the cache {folder}: {error.strerror}.") from None
    subjects: dict[str, SubjectWindows] = {}
    parts = (signal.model_dump_json(), settings.model_dump_json(), code_hash())

    def path_of(name: str) -> Path:
        key = keys[name] if keys is not None else dataset.content_key(name)
        return folder / f"{hashlib.sha256('|'.join((key, *parts)).encode()).hexdigest()[:32]}.npz"

    if progress is not None:
        progress("Features", "", 0, len(dataset.subjects))
    calls = ((dataset, name, signal, settings, path_of(name)) for name in dataset.subjects)
    for name, windows in run_calls(_load_or_extract, calls, min(n_jobs, len(dataset.subjects))):
        subjects[name] = windows
        if progress is not None:
            progress("Features", name, len(subjects), len(dataset.subjects))
    return build_corpus({name: subjects[name] for name in dataset.subjects})


def _load_or_extract(
    dataset: Dataset,
    name: str,
    signal: SignalSettings,
    settings: ExtractionSettings,
    path: Path,
) -> tuple[str, SubjectWindows]:
    if path.is_file():
        try:
            return name, SubjectWindows.load(path)
        except Exception as error:  # a truncated file can fail in many ways; extract again
            logger.warning("cached features %s are damaged (%s); recomputed", path.name, error)
    rests = rests_of(dataset, name) if signal.covariance else []
    windows = extract_subject(dataset.trials(name), signal, settings, rests)
    try:
        windows.save(path)
    except BciAffectError as error:
        logger.warning("the features of %s are not cached: %s", name, error)
    return name, windows


def build_corpus(people: dict[str, SubjectWindows]) -> Corpus:
    """Concatenate the windows of all subjects, with indices in place of names.

    Parameters
    ----------
    people : dict of str to SubjectWindows
        Windows by subject name.

    Raises
    ------
    BciAffectError
        If the subjects differ in steps, bands or the dimension of the music embeddings.
    """
    parts = list(people.values())
    shapes = {(p.bands.shape[1], p.bands.shape[3]) for p in parts}
    if len(shapes) > 1:
        raise BciAffectError(
            "The features of the subjects differ in time steps or bands; extract them with the "
            "same settings."
        )
    dims = {p.music.shape[1] for p in parts if p.music.shape[1]}
    if len(dims) > 1:
        raise BciAffectError(
            "The music embeddings of the subjects differ in dimension; embed all stimuli with the "
            "same tagger."
        )
    n_dim = dims.pop() if dims else 0
    montages, montage_of = _montages(parts)
    n_channels = max(len(names) for names, _ in montages)
    stimuli = tuple(sorted({str(s) for p in parts for s in p.stimuli if s}))
    stimulus_number = {name: number for number, name in enumerate(stimuli)} | {"": -1}
    sessions = tuple(
        dict.fromkeys((subject, str(s)) for subject, p in people.items() for s in p.sessions)
    )
    session_number = {key: number for number, key in enumerate(sessions)}
    first_trial = np.cumsum([0, *(len(p.stimuli) for p in parts)])

    columns: dict[str, list[NDArray[np.generic]]] = {}
    for number, (subject, part) in enumerate(people.items()):
        n = len(part.trial)
        stimulus = np.array([stimulus_number[str(s)] for s in part.stimuli], np.int64)
        session = np.array([session_number[subject, str(s)] for s in part.sessions], np.int64)
        missing = n_channels - part.bands.shape[2]
        music = part.music if part.music.shape[1] else np.full((n, n_dim), np.nan, np.float32)
        row: dict[str, NDArray[np.generic]] = {
            "bands": _pad(part.bands, ((0, 0), (0, 0), (0, missing), (0, 0))),
            "mask": _pad(part.mask, ((0, 0), (0, missing))),
            "montage": np.full(n, montage_of[number], np.int64),
            "labels": part.labels[part.trial],
            "music": music,
            "music_labels": part.music_labels[part.trial],
            "trial": part.trial + first_trial[number],
            "subject": np.full(n, number, np.int64),
            "session": session[part.trial],
            "stimulus": stimulus[part.trial],
            "time_s": part.time_s,
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    positions = np.full((len(montages), n_channels, 3), np.nan, np.float32)
    for number, (names, xyz) in enumerate(montages):
        positions[number, : len(names)] = xyz
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    person = _join_person(parts, n_channels) if parts[0].sums.shape[2] else None
    features = FeatureSet(positions=positions, **joined, person=person)
    return Corpus(
        features,
        build_catalogue(features),
        tuple(people),
        sessions,
        stimuli,
        tuple(names for names, _ in montages),
        np.concatenate([_padded(part.covariance, n_channels) for part in parts]),
        np.stack([part.raw_mean for part in parts]),
        np.stack([part.raw_sd for part in parts]),
    )


def build_catalogue(features: FeatureSet) -> MusicCatalogue:
    """Return the distinct music embeddings of a feature set, by track and time."""
    known = np.flatnonzero(np.isfinite(features.music).all(axis=1) & (features.stimulus >= 0))
    if not features.music.shape[1]:
        known = known[:0]
    keys = np.stack([features.stimulus[known], np.round(features.time_s[known] * 100)], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    rows = known[np.sort(first)]
    rows = rows[np.lexsort((features.time_s[rows], features.stimulus[rows]))]
    return MusicCatalogue(
        features.music[rows], features.stimulus[rows], features.music_labels[rows]
    )


def _pad(array: NDArray[Scalar], widths: tuple[tuple[int, int], ...]) -> NDArray[Scalar]:
    """Pad with zeros; without copying where there is nothing to pad."""
    return np.pad(array, widths) if any(map(any, widths)) else array


def _join_person(parts: Sequence[SubjectWindows], n_channels: int) -> PersonWindows:
    """Concatenate the covariances of all subjects, with absent channels padded."""

    def wide(sums: NDArray[np.float32]) -> NDArray[np.float32]:
        full = unpack(sums)
        missing = n_channels - full.shape[-1]
        return pack(np.pad(full, ((0, 0), (0, 0), (0, missing), (0, missing))))

    def tall(samples: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.pad(samples, ((0, 0), (0, n_channels - samples.shape[1])))

    return PersonWindows(
        np.concatenate([wide(part.sums) for part in parts]),
        np.concatenate([tall(part.samples) for part in parts]),
        tuple(wide(part.rest_sums) for part in parts),
        tuple(tall(part.rest_samples) for part in parts),
    )


def _padded(covariance: NDArray[np.float32], n_channels: int) -> NDArray[np.float32]:
    missing = n_channels - covariance.shape[1]
    return np.pad(covariance, ((0, 0), (0, missing), (0, missing)), constant_values=np.nan)


def _montages(
    parts: Sequence[SubjectWindows],
) -> tuple[list[tuple[tuple[str, ...], NDArray[np.float32]]], list[int]]:
    """Return the distinct montages (names, positions) and the index of each subject's montage."""
    index: dict[tuple[str, ...], int] = {}
    montages: list[tuple[tuple[str, ...], NDArray[np.float32]]] = []
    numbers = []
    for part in parts:
        names = tuple(map(str, part.channels))
        if names not in index:
            index[names] = len(montages)
            montages.append((names, part.positions))
        numbers.append(index[names])
    return montages, numbers
