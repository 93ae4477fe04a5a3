"""Extraction of feature windows from trials, with the same signal path as live sessions.

The trials of a session run through one `eeg.Pipeline` and one `eeg.Normaliser` in chronological
order, with a gap between trials, so that the normalisation depends only on earlier data. Only
windows entirely within the stimulus are selected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import bci_affect.eeg
from bci_affect.affect import RestNormaliser
from bci_affect.config import Section, SignalSettings
from bci_affect.datasets import Trial
from bci_affect.eeg import (
    TRACE_S,
    ChannelCovariance,
    Chunk,
    FeatureWindow,
    Normaliser,
    Pipeline,
    State,
)
from bci_affect.errors import BciAffectError
from bci_affect.model import ModelCard
from bci_affect.storage import atomic_file
from bci_affect.training.person import pack

_GAP_S = 1.0  # nominal gap between trials; the files do not contain its duration


class ExtractionSettings(Section):
    """Selection and labelling of feature windows."""

    every_s: float = Field(1.0, gt=0)
    """Interval between selected windows; a multiple of the signal's hop."""
    threshold: float = Field(5.0, ge=1, le=9)
    """Ratings above the threshold are high."""
    music_delay_s: float = Field(0.2, ge=0, le=2)
    """Assumed delay of the EEG response to the music."""
    memory_s: float = Field(300.0, gt=0)
    """Time constant of the running normalisation to the person."""


@dataclass(frozen=True)
class SubjectWindows:
    """Feature windows of one subject, with per-trial arrays.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_windows, n_steps, n_channels, n_bands)
        Normalised band features.
    mask : ndarray of bool, shape (n_windows, n_channels)
        Valid electrodes.
    trial : ndarray of int64, shape (n_windows,)
        Index into the per-trial arrays.
    time_s : ndarray of float32, shape (n_windows,)
        End of the window in seconds from the stimulus onset.
    music : ndarray of float32, shape (n_windows, n_dim)
        Tagger embedding; NaN if the stimulus has none. n_dim is 0 if no stimulus has any.
    labels, music_labels : ndarray of float32, shape (n_trials, 2)
        High (1) or low (0) valence and arousal, rated by the subject and of the music; NaN if
        missing.
    sessions, stimuli : ndarray of str, shape (n_trials,)
        Session and stimulus of each trial.
    channels : ndarray of str, shape (n_channels,)
        Channel names.
    positions : ndarray of float32, shape (n_channels, 3)
        Electrode positions in metres.
    covariance : ndarray of float32, shape (n_trials, n_channels, n_channels)
        Covariance of the filtered traces over the last 30 s of each trial, in square microvolts.
    raw_mean, raw_sd : ndarray of float32, shape (n_bands,)
        Statistics before normalisation: mean over windows and electrodes, and standard deviation
        over time averaged over electrodes. They become the population prior of a model.
    sums, samples : ndarray
        Covariance of each window, as in `PersonWindows`; no pairs unless `signal.covariance` is on.
    rest_sums, rest_samples : ndarray
        The same of the windows of rest.
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
    sums: NDArray[np.float32]
    samples: NDArray[np.int64]
    rest_sums: NDArray[np.float32]
    rest_samples: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file atomically; raises `BciAffectError` if that fails."""
        with atomic_file(path) as partial, partial.open("wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> SubjectWindows:
        """Load a file; raises `OSError`, `ValueError` or `KeyError` if it is damaged."""
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})


def extract_subject(
    trials: Sequence[Trial],
    signal: SignalSettings,
    settings: ExtractionSettings,
    rests: Sequence[Trial] = (),
) -> SubjectWindows:
    """Return the feature windows of one subject's trials.

    Parameters
    ----------
    trials : sequence of Trial
        Trials of one subject in chronological order, session by session.
    signal : SignalSettings
        Settings of the pipeline.
    settings : ExtractionSettings
        Selection of windows.
    rests : sequence of Trial
        Rests of the subject, for models that need the person's rest; without any, the first half
        minute of the trials serves as rest.

    Raises
    ------
    BciAffectError
        If the trials differ in rate or channels, or contain no valid window.
    """
    first = trials[0]
    for trial in (*trials, *rests):
        if trial.rate_hz != first.rate_hz or trial.montage.names != first.montage.names:
            raise BciAffectError(
                f"{first.subject}: trials differ in rate or channels; split them into subjects."
            )
    ratio = settings.every_s / signal.window.hop_s
    if abs(ratio - round(ratio)) > 1e-6 or round(ratio) < 1:
        raise BciAffectError(
            f"every_s ({settings.every_s:g}) must be an integer multiple of the signal's hop_s "
            f"({signal.window.hop_s:g})."
        )
    windows: list[_ExtractedWindow] = []
    covariances: list[NDArray[np.float32]] = []
    rest = _rest_normaliser(rests, signal, first) if signal.covariance else None
    for _, session in groupby(enumerate(trials), key=lambda item: item[1].session):
        windows.extend(_session_windows(list(session), signal, settings, covariances, rest))
    if not windows:
        raise BciAffectError(
            f"{first.subject}: no clean window of {signal.window.window_s:g} s lies within a "
            "stimulus; the trials are too short or too noisy."
        )
    trial_of = np.array([one.trial for one in windows], np.int64)
    time_s = np.array([one.time_s for one in windows], np.float32)
    raw = np.stack([one.newest for one in windows])  # (n_windows, n_channels, n_bands)
    usable = np.stack([one.mask for one in windows]).any(axis=0)
    return SubjectWindows(
        bands=np.stack([one.bands for one in windows]),
        mask=np.stack([one.mask for one in windows]),
        trial=trial_of,
        time_s=time_s,
        music=_music_embeddings(trials, trial_of, time_s, signal.window.window_s, settings),
        labels=_labels(trials, ("valence", "arousal"), settings.threshold),
        music_labels=_labels(trials, ("music_valence", "music_arousal"), settings.threshold),
        sessions=np.array([trial.session for trial in trials]),
        stimuli=np.array([trial.stimulus for trial in trials]),
        channels=np.array(first.montage.names),
        positions=np.asarray(first.montage.positions, np.float32),
        covariance=np.stack(covariances),
        raw_mean=raw[:, usable].mean(axis=(0, 1)),
        raw_sd=raw[:, usable].std(axis=0).mean(axis=0),
        sums=_packed([one.covariance for one in windows]),
        samples=_samples([one.covariance for one in windows], len(first.montage)),
        rest_sums=_packed(rest.windows if rest else []),
        rest_samples=_samples(rest.windows if rest else [], len(first.montage)),
    )


@dataclass(frozen=True, slots=True)
class _ExtractedWindow:
    """Selected window: normalised bands, and its newest step before normalisation."""

    trial: int
    time_s: float
    mask: NDArray[np.bool_]
    bands: NDArray[np.float32]
    newest: NDArray[np.float32]
    covariance: ChannelCovariance | None


def _session_windows(
    session: list[tuple[int, Trial]],
    signal: SignalSettings,
    settings: ExtractionSettings,
    covariances: list[NDArray[np.float32]],
    rest: RestNormaliser | None,
) -> Iterator[_ExtractedWindow]:
    """Yield the selected windows of a session, and append each trial's covariance."""
    example = session[0][1]
    pipeline = Pipeline(signal, example.rate_hz, example.montage)
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
        for window in pipeline.push(Chunk(trial.eeg, times, _GAP_S if order else 0.0)):
            time_s = window.time + 1.0 / trial.rate_hz - onset
            selected = _is_selected(window, time_s, signal, settings)
            if rest is not None:
                bands = rest.apply(window).bands
            elif selected:
                bands = normaliser.apply(window)
            else:
                normaliser.follow(window)
            if selected:
                yield _ExtractedWindow(
                    index, time_s, window.mask, bands, window.bands[-1], window.covariance
                )
        during = trial.eeg.shape[1] / trial.rate_hz - trial.onset_s
        _, traces = pipeline.traces(min(during, TRACE_S))
        covariances.append(_covariance(traces))
        clock = float(times[-1]) + 1.0 / trial.rate_hz + _GAP_S


def _rest_normaliser(
    rests: Sequence[Trial], signal: SignalSettings, example: Trial
) -> RestNormaliser:
    """Return the normalisation to a person's rest, measured as a live session does.

    The same object as live; its population is unknown, as it belongs to the people of a fold.
    """
    window = signal.window
    card = ModelCard(
        name="",
        summary="",
        simulated=False,
        bands=dict(signal.bands),
        window_s=window.window_s,
        step_s=window.step_s,
        hop_s=window.hop_s,
        prior_mean=(),
        prior_sd=(),
    )
    rest = RestNormaliser(card, example.montage)
    clock = -1e6  # before all trials
    for trial in rests:
        pipeline = Pipeline(signal, trial.rate_hz, trial.montage)
        times = clock + np.arange(trial.eeg.shape[1]) / trial.rate_hz
        rest.begin(clock + trial.onset_s, float(times[-1]))
        for one in pipeline.push(Chunk(trial.eeg, times)):
            rest.apply(one)
        clock = float(times[-1]) + _GAP_S
    return rest


def _packed(windows: Sequence[ChannelCovariance | None]) -> NDArray[np.float32]:
    kept = [pack(one.sums) for one in windows if one is not None]
    return np.stack(kept) if kept else np.zeros((len(windows), 0, 0), np.float32)


def _samples(windows: Sequence[ChannelCovariance | None], n_channels: int) -> NDArray[np.int64]:
    kept = [one.samples for one in windows if one is not None]
    return np.stack(kept) if kept else np.zeros((len(windows), n_channels), np.int64)


def _covariance(traces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the covariance between electrodes over time, without the samples in gaps."""
    finite = traces[:, np.isfinite(traces).all(axis=0)].astype(np.float64)
    covariance: NDArray[np.float32] = np.atleast_2d(np.cov(finite)).astype(np.float32)
    return covariance


def _is_selected(
    window: FeatureWindow, time_s: float, signal: SignalSettings, settings: ExtractionSettings
) -> bool:
    """Return True if a window is valid, lies within the stimulus and is due."""
    half_hop = signal.window.hop_s / 2
    due = abs(time_s - round(time_s / settings.every_s) * settings.every_s) < half_hop - 1e-9
    return window.state is State.OK and due and time_s > signal.window.window_s - half_hop


def _labels(
    trials: Sequence[Trial], names: tuple[str, str], threshold: float
) -> NDArray[np.float32]:
    ratings = np.array([[trial.ratings.get(name, np.nan) for name in names] for trial in trials])
    high = np.where(np.isfinite(ratings), ratings > threshold, np.nan)
    return high.astype(np.float32)


def _music_embeddings(
    trials: Sequence[Trial],
    trial_of: NDArray[np.int64],
    time_s: NDArray[np.float32],
    window_s: float,
    settings: ExtractionSettings,
) -> NDArray[np.float32]:
    """Return the mean tagger embedding during each window, corrected for the EEG delay."""
    dims = {trial.music.shape[1] for trial in trials if trial.music is not None}
    if len(dims) > 1:
        raise BciAffectError(
            f"{trials[0].subject}: the stimuli have music embeddings of different dimensions; "
            "embed all of them with the same tagger."
        )
    n_dim = dims.pop() if dims else 0
    music = np.full((len(trial_of), n_dim), np.nan, np.float32)
    for row, (index, end) in enumerate(zip(trial_of, time_s - settings.music_delay_s, strict=True)):
        embeddings, times = trials[index].music, trials[index].music_times
        if embeddings is None or times is None or not len(embeddings):
            continue
        inside = (times > end - window_s) & (times <= end)
        nearest = int(np.abs(times - (end - window_s / 2)).argmin())
        if inside.any():
            music[row] = embeddings[inside].mean(axis=0)
        elif abs(times[nearest] - (end - window_s / 2)) <= window_s:
            music[row] = embeddings[nearest]
    return music


def code_hash() -> str:
    """Return a hash of the feature extraction code, part of the cache key."""
    folder = Path(bci_affect.eeg.__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.py")), Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
