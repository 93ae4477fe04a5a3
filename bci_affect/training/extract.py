"""From trials to feature windows, along the one path that live use has.

Each session's trials run through one `eeg.Pipeline` and one `eeg.Normaliser` in the order in which
they were recorded, with a gap between them: what a window knows of its person is what came before
it. Only windows that lie whole within the stimulus are kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import bci_affect.eeg
from bci_affect.config import Section, SignalSettings
from bci_affect.datasets import Trial
from bci_affect.eeg import TRACE_S, Chunk, FeatureWindow, Normaliser, Pipeline, State
from bci_affect.errors import BciAffectError
from bci_affect.storage import atomic_file

log = logging.getLogger(__name__)

_PAUSE_S = 1.0  # between trials, where the file does not say how long it was


class ExtractionSettings(Section):
    """Which windows are taken from trials, and what they are labelled with."""

    every_s: float = Field(1.0, gt=0)
    """Time between two windows that are kept; a multiple of the signal's hop."""
    threshold: float = Field(5.0, ge=1, le=9)
    """Ratings above it are high."""
    music_delay_s: float = Field(0.2, ge=0, le=2)
    """How much later than the music the EEG is taken to be."""
    memory_s: float = Field(300.0, gt=0)
    """Time constant of the running normalisation to the person."""


@dataclass(frozen=True)
class SubjectWindows:
    """Feature windows of one person, by trial of the person's list.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_windows, n_steps, n_channels, n_bands)
    mask : ndarray of bool, shape (n_windows, n_channels)
    trial : ndarray of int64, shape (n_windows,)
        Row of the per-trial arrays.
    time_s : ndarray of float32, shape (n_windows,)
        End of the window, from the stimulus' onset.
    music : ndarray of float32, shape (n_windows, n_dim)
        NaN where the stimulus has no features; n_dim is 0 where no stimulus has.
    labels, music_labels : ndarray of float32, shape (n_trials, 2)
    sessions, stimuli : ndarray of str, shape (n_trials,)
    channels : ndarray of str, shape (n_channels,)
    positions : ndarray of float32, shape (n_channels, 3)
    covariance : ndarray of float32, shape (n_trials, n_channels, n_channels)
        Of the pipeline's filtered traces over a trial's last 30 s, in square microvolts.
    raw_mean, raw_sd : ndarray of float32, shape (n_bands,)
        Of the features before normalisation: mean over everything, and mean over electrodes of the
        standard deviation in time. They become a model's population prior.
    """

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    trial: NDArray[np.int64]
    time_s: NDArray[np.float32]
    music: NDArray[np.float32]
    labels: NDArray[np.float32]
    music_labels: NDArray[np.float32]
    sessions: NDArray[np.str_]
    stimuli: NDArray[np.str_]
    channels: NDArray[np.str_]
    positions: NDArray[np.float32]
    covariance: NDArray[np.float32]
    raw_mean: NDArray[np.float32]
    raw_sd: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write to an ``.npz``; raises `BciAffectError` if it cannot be written."""
        with atomic_file(path) as partial, partial.open("wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> SubjectWindows:
        """Read what `save` wrote; raises `OSError`, `ValueError` or `KeyError` if damaged."""
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})


def extract_subject(
    trials: Sequence[Trial], signal: SignalSettings, settings: ExtractionSettings
) -> SubjectWindows:
    """Return the feature windows of one person's trials.

    Parameters
    ----------
    trials : sequence of Trial
        Of one person; sessions one after the other, in their order.
    signal : SignalSettings
        What the pipeline does; its hop decides how often windows are made.
    settings : ExtractionSettings
        Which of them are kept.

    Raises
    ------
    BciAffectError
        If the trials differ in rate or channels, or are too short to hold a single window.
    """
    first = trials[0]
    for trial in trials:
        if trial.rate_hz != first.rate_hz or trial.montage.names != first.montage.names:
            raise BciAffectError(
                f"{first.subject}: trials differ in rate or channels; split them into subjects."
            )
    ratio = settings.every_s / signal.window.hop_s
    if abs(ratio - round(ratio)) > 1e-6 or round(ratio) < 1:
        raise BciAffectError(
            f"every_s ({settings.every_s:g}) must be a whole multiple of the signal's hop_s "
            f"({signal.window.hop_s:g})."
        )
    kept: list[_Kept] = []
    covariances: list[NDArray[np.float32]] = []
    for _, session in groupby(enumerate(trials), key=lambda item: item[1].session):
        kept.extend(_session_windows(list(session), signal, settings, covariances))
    if not kept:
        raise BciAffectError(
            f"{first.subject}: no clean window of {signal.window.window_s:g} s lies within a "
            "stimulus; the trials are too short or too noisy."
        )
    trial_of = np.array([one.trial for one in kept], np.int64)
    time_s = np.array([one.time_s for one in kept], np.float32)
    raw = np.stack([one.newest for one in kept])  # (n_windows, n_channels, n_bands)
    usable = np.stack([one.mask for one in kept]).any(axis=0)
    return SubjectWindows(
        bands=np.stack([one.bands for one in kept]),
        mask=np.stack([one.mask for one in kept]),
        trial=trial_of,
        time_s=time_s,
        music=_music_of(trials, trial_of, time_s, signal.window.window_s, settings),
        labels=_labels(trials, ("valence", "arousal"), settings.threshold),
        music_labels=_labels(trials, ("music_valence", "music_arousal"), settings.threshold),
        sessions=np.array([trial.session for trial in trials]),
        stimuli=np.array([trial.stimulus for trial in trials]),
        channels=np.array(first.montage.names),
        positions=np.asarray(first.montage.positions, np.float32),
        covariance=np.stack(covariances),
        raw_mean=raw[:, usable].mean(axis=(0, 1)),
        raw_sd=raw[:, usable].std(axis=0).mean(axis=0),
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """One window that is kept: normalised, and its newest step before normalisation."""

    trial: int
    time_s: float
    mask: NDArray[np.bool_]
    bands: NDArray[np.float32]
    newest: NDArray[np.float32]


def _session_windows(
    session: list[tuple[int, Trial]],
    signal: SignalSettings,
    settings: ExtractionSettings,
    covariances: list[NDArray[np.float32]],
) -> Iterator[_Kept]:
    """Yield the windows that are kept, and append each trial's covariance."""
    example = session[0][1]
    units = ("microvolts",) * len(example.montage)
    pipeline = Pipeline(signal, example.rate_hz, example.montage, units=units)
    normaliser = Normaliser(
        len(example.montage),
        len(signal.bands),
        hop_s=signal.window.hop_s,
        memory_s=settings.memory_s,
    )
    clock = 0.0
    for order, (index, trial) in enumerate(session):
        times = clock + np.arange(trial.eeg.shape[1]) / trial.rate_hz
        onset = clock + trial.onset_s
        for window in pipeline.push(Chunk(trial.eeg, times, _PAUSE_S if order else 0.0)):
            time_s = window.time + 1.0 / trial.rate_hz - onset
            if _is_kept(window, time_s, signal, settings):
                bands = normaliser.apply(window)
                yield _Kept(index, time_s, window.mask, bands, window.bands[-1])
            else:
                normaliser.follow(window)
        during = trial.eeg.shape[1] / trial.rate_hz - trial.onset_s
        _, traces = pipeline.traces(min(during, TRACE_S))
        covariances.append(_covariance(traces))
        clock = float(times[-1]) + 1.0 / trial.rate_hz + _PAUSE_S


def _covariance(traces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Covariance between electrodes over time, columns that mark gaps left out."""
    whole = traces[:, np.isfinite(traces).all(axis=0)].astype(np.float64)
    covariance: NDArray[np.float32] = np.atleast_2d(np.cov(whole)).astype(np.float32)
    return covariance


def _is_kept(
    window: FeatureWindow, time_s: float, signal: SignalSettings, settings: ExtractionSettings
) -> bool:
    """Tell whether a window is a reading, lies within the stimulus, and is due."""
    half_hop = signal.window.hop_s / 2
    due = abs(time_s - round(time_s / settings.every_s) * settings.every_s) < half_hop - 1e-9
    return window.state is State.OK and due and time_s > signal.window.window_s - half_hop


def _labels(
    trials: Sequence[Trial], names: tuple[str, str], threshold: float
) -> NDArray[np.float32]:
    ratings = np.array([[trial.ratings.get(name, np.nan) for name in names] for trial in trials])
    high = np.where(np.isfinite(ratings), ratings > threshold, np.nan)
    return high.astype(np.float32)


def _music_of(
    trials: Sequence[Trial],
    trial_of: NDArray[np.int64],
    time_s: NDArray[np.float32],
    window_s: float,
    settings: ExtractionSettings,
) -> NDArray[np.float32]:
    """Mean tagger row of what was heard during each window, the EEG's delay taken off."""
    dims = {trial.music.shape[1] for trial in trials if trial.music is not None}
    if len(dims) > 1:
        raise BciAffectError(f"{trials[0].subject}: stimuli have music features of several widths.")
    n_dim = dims.pop() if dims else 0
    music = np.full((len(trial_of), n_dim), np.nan, np.float32)
    for row, (index, end) in enumerate(zip(trial_of, time_s - settings.music_delay_s, strict=True)):
        rows, times = trials[index].music, trials[index].music_times
        if rows is None or times is None or not len(rows):
            continue
        inside = (times > end - window_s) & (times <= end)
        nearest = int(np.abs(times - (end - window_s / 2)).argmin())
        if inside.any():
            music[row] = rows[inside].mean(axis=0)
        elif abs(times[nearest] - (end - window_s / 2)) <= window_s:
            music[row] = rows[nearest]
    return music


def code_key() -> str:
    """Return a hash of the code that makes features, so that a change of it empties the cache."""
    folder = Path(bci_affect.eeg.__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.py")), Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
