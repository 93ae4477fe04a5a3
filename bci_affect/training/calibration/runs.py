"""Processing of one recording with the live signal path for calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectPath, AffectStep, Array, analyse
from bci_affect.config import LiveSettings
from bci_affect.datasets import (
    Labels,
    Segment,
    find_segments,
    format_marker_names,
    session_of,
    subject_of,
)
from bci_affect.eeg import State
from bci_affect.errors import BciAffectError
from bci_affect.event_log import REST_KINDS, Breaks
from bci_affect.model import Predictor
from bci_affect.profiles import normalisation_key
from bci_affect.streams import Marker, XdfSource

EVERY_S = 0.5
"""Interval in seconds at which readings and windows of a clip are stored."""


class EncoderInput(NamedTuple):
    """Input of the encoder for one window: bands, valid electrodes, and person features if used."""

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    person: NDArray[np.float32] | None


class _KeptWindows:
    """Encoder input of one window every `EVERY_S` within time spans."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        self.windows: dict[float, EncoderInput] = {}
        self._spans = spans
        self._last = -np.inf

    def add(self, step: AffectStep) -> None:
        """Store the window of a step if it is clean and `EVERY_S` have passed."""
        window = step.window
        inside = any(start <= window.time <= stop for start, stop in self._spans)
        if inside and window.state is State.OK and window.time - self._last >= EVERY_S - 1e-3:
            self._last = window.time
            self.windows[window.time] = EncoderInput(step.bands, window.mask, step.person)


@dataclass(frozen=True)
class Run:
    """Recording processed with the live signal path and the population model.

    Attributes
    ----------
    path : Path
    subject, session : str
    channels : tuple of str
    positions : ndarray, shape (n_channels, 3)
    time : ndarray, shape (n,)
        LSL times of the readings.
    logit : ndarray, shape (n, 2)
        Smoothed log-odds of high valence and arousal by the population head.
    embedding : ndarray, shape (n, d)
        Smoothed embeddings.
    attention : ndarray, shape (n_channels,)
        Mean attention of each electrode, as a share.
    quality_time, quality : ndarray, shape (m,)
        LSL time and share of good electrodes of every window, with and without a reading.
    segments : list of Segment
    alpha_rise : float
        Increase of log alpha power with closed eyes in nats; NaN unless both rests were recorded.
    messages : tuple of str
        Messages of the signal path.
    kept : dict of float to EncoderInput
        Stored encoder input by LSL time.
    """

    path: Path
    subject: str
    session: str
    channels: tuple[str, ...]
    positions: NDArray[np.float32]
    time: Array
    logit: Array
    embedding: Array
    attention: Array
    quality_time: Array
    quality: Array
    segments: list[Segment]
    alpha_rise: float
    messages: tuple[str, ...]
    kept: dict[float, EncoderInput] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class OpenedRecording:
    """Opened recording with the segments of its markers."""

    source: XdfSource
    path: Path
    subject: str
    session: str
    segments: list[Segment]


def open_recording(path: Path, labels: Labels, stream: str | None) -> OpenedRecording:
    """Open a recording and read its markers.

    Raises
    ------
    BciAffectError
        If the file cannot be read, its markers contain neither a rated clip nor a rest, or they are
        on another clock than the EEG.
    """
    source = XdfSource(path, stream=stream, offline=True, align=labels.align)
    source.open()
    difference = source.recording.clock_difference()
    if difference is not None:
        raise BciAffectError(difference.text)
    eeg = source.recording.find_eeg(stream)
    end = float(eeg.corrected()[-1])
    return OpenedRecording(
        source=source,
        path=path,
        subject=subject_of(path, labels),
        session=session_of(path, labels),
        segments=_segments(path, source.recording.markers(), end, labels),
    )


def process_recording(
    recording: OpenedRecording,
    predictor: Predictor,
    model: str,
    settings: LiveSettings,
    states: dict[str, dict[str, NDArray[Any]]],
    progress: Callable[[str, float], None],
) -> tuple[Run, dict[str, dict[str, NDArray[Any]]], float]:
    """Process a recording with the live signal path.

    Parameters
    ----------
    recording : OpenedRecording
    predictor : Predictor
        Population model.
    model : str
        `profiles.model_identity` of the predictor's file.
    settings : LiveSettings
    states : dict of str to dict
        Normaliser states of earlier recordings, by their profile key.
    progress : callable
        Called with the name of the file and the share done, 0 to 1.

    Returns
    -------
    run : Run
    state : dict
        State of the normaliser at the end of the recording, by its profile key.
    smoothing_s : float
        Time constant of the readings in seconds.
    """
    source, path, segments = recording.source, recording.path, recording.segments
    info = source.info
    key = normalisation_key(model, info.labels)
    live = AffectPath(
        predictor,
        info.rate_hz,
        info.montage,
        signal=settings.signal,
        affect=settings.affect,
        state=states.get(key),
    )
    for segment in segments:
        if segment.rest in REST_KINDS:
            live.begin_rest(segment.start, segment.stop)
    rated = [s for s in segments if not s.rest and np.isfinite(s.valence)]
    kept = _KeptWindows([stretch for segment in rated for stretch in segment.stretches])
    alpha = list(live.settings.bands).index("alpha") if "alpha" in live.settings.bands else None
    readings: list[tuple[float, Array, Array]] = []  # time, log-odds, embedding
    times: list[float] = []
    quality: list[float] = []
    attention = np.zeros(len(info.labels))
    alphas: list[tuple[float, float]] = []
    first: float | None = None
    for step in analyse(source, live, Breaks(source.recording.events())):
        window, estimate = step.window, step.estimate
        first = window.time if first is None else first
        kept.add(step)
        if step.log_odds is not None and step.embedding is not None:
            readings.append((window.time, step.log_odds, step.embedding))
        times.append(window.time)
        quality.append(estimate.quality)
        if estimate.state is State.OK:
            attention += estimate.attention.sum(axis=1)
            if alpha is not None:
                alphas.append((window.time, float(window.bands[-1, window.mask, alpha].mean())))
        progress(path.name, (window.time - first) / max(source.duration_s, 1e-9))
    source.close()
    if not times:
        raise BciAffectError(f"{path.name} is too short to hold one window of EEG.")
    run = Run(
        path=path,
        subject=recording.subject,
        session=recording.session,
        channels=info.labels,
        positions=info.montage.positions,
        time=np.array([time for time, _, _ in readings]),
        logit=np.array([logit for _, logit, _ in readings]).reshape(-1, 2),
        embedding=np.array([x for _, _, x in readings]).reshape(-1, predictor.space),
        attention=attention / max(attention.sum(), 1e-12),
        quality_time=np.array(times),
        quality=np.array(quality),
        segments=segments,
        alpha_rise=_alpha_rise(segments, alphas),
        messages=live.pipeline.messages,
        kept=kept.windows,
    )
    return run, {key: live.estimator.normaliser.state()}, live.smoothing_s


def _segments(path: Path, markers: list[Marker], end: float, labels: Labels) -> list[Segment]:
    segments = find_segments(markers, end, labels)
    clips = [s for s in segments if not s.rest]
    if not clips and any(s.rest in REST_KINDS for s in segments):
        return segments  # only a baseline: the reference of the recordings after it
    if not clips:
        expected = ", ".join(f"'{name}'" for name in labels.labels) or "clip_start with ratings"
        raise BciAffectError(
            f"No marker of {path.name} ({format_marker_names(markers)}) is one of the labels "
            f"({expected}); name its markers under [labels]."
        )
    if not any(np.isfinite(s.valence) for s in clips):
        raise BciAffectError(
            f"{path.name} has {len(clips)} clips and no rating of any of them; add [labels] for "
            "its markers or rate clips while recording."
        )
    return segments


def _alpha_rise(segments: list[Segment], alphas: list[tuple[float, float]]) -> float:
    """Return the log ratio of alpha power with closed to open eyes, in nats."""
    medians = {}
    for kind in ("open", "closed"):
        names = (kind, f"eyes_{kind}")
        stretches = [one for s in segments if s.rest in names for one in s.stretches]
        spans = [(start + 2.0, stop) for start, stop in stretches]
        values = [a for t, a in alphas if any(low <= t <= high for low, high in spans)]
        medians[kind] = float(np.median(values)) if values else float("nan")
    return medians["closed"] - medians["open"]
