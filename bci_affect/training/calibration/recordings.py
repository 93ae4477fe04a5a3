"""From XDF recordings with markers to rated clips, along the one path that live use has.

Each recording runs through `AffectPath` with the population's head, exactly as in a live session;
what the encoder says is taken where live use would take it, after smoothing. The normalisation
goes on from one recording to the next, as a profile's does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import LiveSettings
from bci_affect.datasets import Labels, Segment, find_segments, marker_names, session_of, subject_of
from bci_affect.eeg import Normaliser, State
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.session.affect import AffectPath
from bci_affect.session.fusion import (
    DIMENSIONS,
    Array,
    Personalisation,
    PersonalModel,
    PersonalReading,
    music_log_odds,
)
from bci_affect.session.offline import analyse
from bci_affect.session.profiles import normalisation_key
from bci_affect.streams import Marker, XdfSource
from bci_affect.training.calibration.clips import ClipTable, sides

log = logging.getLogger(__name__)

MIN_CLEAN_S = 3.0
"""A clip with less clean EEG than this (after the window has filled) is left out."""
EVERY_S = 0.5
"""Spacing of the readings that are kept of a clip."""


class _Tap(Personalisation):
    """Keeps what the live path would give to a person's head."""

    def __init__(self, n_dim: int) -> None:
        super().__init__(PersonalModel.population(n_dim))
        self.seen: list[tuple[float, Array, Array]] = []

    def apply(
        self,
        logits: NDArray[np.floating],
        embedding: NDArray[np.floating],
        quality: float,
        music_logits: NDArray[np.floating] | None,
        age_s: float,
        *,
        time_s: float | None = None,
    ) -> PersonalReading:
        if time_s is not None:
            self.seen.append((time_s, np.array(logits, float), np.array(embedding, float)))
        return super().apply(logits, embedding, quality, music_logits, age_s, time_s=time_s)


@dataclass(frozen=True)
class Run:
    """One recording after the live path.

    Attributes
    ----------
    path : Path
    subject, session : str
    channels : tuple of str
    positions : ndarray, shape (n_channels, 3)
    time : ndarray, shape (n,)
        LSL times of the readings.
    logit : ndarray, shape (n, 2)
        Smoothed population log-odds.
    embedding : ndarray, shape (n, d)
        Smoothed.
    attention : ndarray, shape (n_channels,)
        Mean share of each electrode.
    quality_time, quality : ndarray, shape (m,)
        Share of good electrodes at every window, readings or not.
    segments : list of Segment
    alpha_rise : float
        Rise of alpha with closed eyes in nats, NaN without both rests.
    messages : tuple of str
        What the signal path found.
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


@dataclass(frozen=True)
class Gathered:
    """All recordings of one person.

    Attributes
    ----------
    table : ClipTable
    runs : list of Run
    kept : list of (int, Segment)
        Run and segment of each row of the table.
    dropped : list of str
        Clips that could not be used, and why.
    normalisation : dict of str to dict
        State of the normaliser after the last recording of each montage, by its profile key.
    """

    table: ClipTable
    runs: list[Run]
    kept: list[tuple[int, Segment]]
    dropped: list[str]
    normalisation: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)


def gather(
    paths: Sequence[Path],
    labels: Labels | Sequence[Labels],
    predictor: Predictor,
    *,
    model: str,
    stream: str | None = None,
    settings: LiveSettings | None = None,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> Gathered:
    """Read recordings of one person into rated clips.

    Parameters
    ----------
    paths : sequence of Path
        In the order in which they were recorded.
    labels : Labels, or a sequence of them
        What markers mean: in all files, or in each.
    predictor : Predictor
    model : str
        `profiles.model_identity` of the predictor's file.
    stream : str, optional
        EEG stream, where a file has several.
    settings : LiveSettings, optional
        Filters and smoothing, as for `live`.
    progress : callable
        Takes the name of the file and the share that is done.

    Raises
    ------
    BciAffectError
        If files are of several people, markers match nothing, or no clip has clean EEG.
    """
    meanings = [labels] * len(paths) if isinstance(labels, Labels) else labels
    plans = [_plan(path, one, stream) for path, one in zip(paths, meanings, strict=True)]
    subjects = sorted({plan.subject for plan in plans if plan.subject})
    if len(subjects) > 1:
        raise BciAffectError(
            f"The files are of several people ({', '.join(subjects)}); calibrate one at a time, "
            "or say whose they are under [files] in the labels."
        )
    _check_ratings([s for plan in plans for s in plan.segments if not s.rest])
    runs: list[Run] = []
    states: dict[str, dict[str, NDArray[Any]]] = {}
    smoothing_s = 0.0
    for plan in plans:
        run, state, smoothing_s = _run(
            plan, predictor, model, settings or LiveSettings(), states, progress
        )
        states.update(state)
        runs.append(run)
    window_s = predictor.card.window_s
    kept, rows, dropped = _rows(runs, window_s, smoothing_s)
    if not rows:
        why = f" ({dropped[0]})" if dropped else ""
        raise BciAffectError(
            f"None of the {len(dropped)} clips has enough clean EEG{why}; check the electrodes "
            "with 'bci-affect inspect FILE'."
        )
    return Gathered(_table(rows), runs, kept, dropped, states)


@dataclass(frozen=True)
class _Plan:
    """A recording that was opened, and what its markers say."""

    source: XdfSource
    path: Path
    subject: str
    session: str
    segments: list[Segment]


def _plan(path: Path, labels: Labels, stream: str | None) -> _Plan:
    """Open a recording and read its markers, before any long work."""
    source = XdfSource(path, stream=stream, speed=float("inf"))
    source.open()
    eeg = source.recording.find_eeg(stream)
    end = float(eeg.corrected()[-1])
    return _Plan(
        source=source,
        path=path,
        subject=subject_of(path, labels),
        session=session_of(path, labels),
        segments=_segments(path, source.recording.markers(), end, labels),
    )


def _check_ratings(clips: list[Segment]) -> None:
    """Refuse at once what could be calibrated on neither dimension."""
    reasons = []
    for dimension in DIMENSIONS:
        try:
            sides(np.array([getattr(clip, dimension) for clip in clips]), dimension)
        except BciAffectError as error:
            reasons.append(error)
    if len(reasons) == len(DIMENSIONS):
        raise reasons[0]


def _run(
    plan: _Plan,
    predictor: Predictor,
    model: str,
    settings: LiveSettings,
    states: dict[str, dict[str, NDArray[Any]]],
    progress: Callable[[str, float], None],
) -> tuple[Run, dict[str, dict[str, NDArray[Any]]], float]:
    """Run one recording through the live path."""
    source, path, segments = plan.source, plan.path, plan.segments
    info = source.info
    key = normalisation_key(model, info.labels)
    tap = _Tap(predictor.space)
    live = AffectPath(
        predictor,
        info.rate_hz,
        info.montage,
        units=info.units,
        signal=settings.signal,
        affect=settings.affect,
        normaliser=Normaliser.from_state(states[key]) if key in states else None,
        personal=tap,
    )
    alpha = list(live.settings.bands).index("alpha") if "alpha" in live.settings.bands else None
    times: list[float] = []
    quality: list[float] = []
    attention = np.zeros(len(info.labels))
    alphas: list[tuple[float, float]] = []
    first: float | None = None
    for window, estimate in analyse(source, live):
        first = window.time if first is None else first
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
        subject=plan.subject,
        session=plan.session,
        channels=info.labels,
        positions=info.montage.positions,
        time=np.array([time for time, _, _ in tap.seen]),
        logit=np.array([logit for _, logit, _ in tap.seen]).reshape(-1, 2),
        embedding=np.array([x for _, _, x in tap.seen]).reshape(-1, predictor.space),
        attention=attention / max(attention.sum(), 1e-12),
        quality_time=np.array(times),
        quality=np.array(quality),
        segments=segments,
        alpha_rise=_alpha_rise(segments, alphas),
        messages=live.pipeline.messages,
    )
    return run, {key: live.estimator.normaliser.state()}, live.smoothing_s


def _segments(path: Path, markers: list[Marker], end: float, labels: Labels) -> list[Segment]:
    segments = find_segments(markers, end, labels)
    clips = [s for s in segments if not s.rest]
    if not clips:
        wanted = ", ".join(f"'{name}'" for name in labels.labels) or "clip_start with ratings"
        raise BciAffectError(
            f"No marker of {path.name} ({marker_names(markers)}) is one of the labels "
            f"({wanted}); name its markers under [labels]."
        )
    if not any(np.isfinite(s.valence) for s in clips):
        raise BciAffectError(
            f"{path.name} has {len(clips)} clips and no rating of any of them; add [labels] for "
            "its markers or rate clips while recording."
        )
    return segments


def _alpha_rise(segments: list[Segment], alphas: list[tuple[float, float]]) -> float:
    """Alpha with closed eyes against open ones, in nats of power."""
    found = {}
    for kind in ("open", "closed"):
        names = (kind, f"eyes_{kind}")
        spans = [(s.start + 2.0, s.stop) for s in segments if s.rest in names]
        values = [a for t, a in alphas if any(low <= t <= high for low, high in spans)]
        found[kind] = float(np.median(values)) if values else float("nan")
    return found["closed"] - found["open"]


@dataclass(frozen=True)
class _Row:
    embedding: Array  # (n, d), readings of the clip
    logit: Array  # (n, 2)
    quality: float
    session: str
    run: int
    segment: Segment


def _rows(
    runs: list[Run], window_s: float, smoothing_s: float
) -> tuple[list[tuple[int, Segment]], list[_Row], list[str]]:
    """Take the readings of each rated clip that lie whole inside it."""
    rows: list[_Row] = []
    dropped: list[str] = []
    for number, run in enumerate(runs):
        for segment in run.segments:
            if segment.rest or not np.isfinite(segment.valence):
                continue
            # The window must have left what was before; the smoothing mostly, if there is time.
            length = segment.stop - segment.start
            lead = window_s + min(smoothing_s, max(0.0, length - window_s - 2 * MIN_CLEAN_S))
            inside = (run.time >= segment.start + lead) & (run.time <= segment.stop)
            index = np.flatnonzero(inside)
            seconds = _seconds(run.time[index])
            heard = (run.quality_time >= segment.start) & (run.quality_time <= segment.stop)
            quality = float(run.quality[heard].mean()) if heard.any() else 0.0
            if seconds < MIN_CLEAN_S:
                at = segment.start - run.quality_time[0]
                dropped.append(
                    f"'{segment.name}' at {at:.0f} s of {run.path.name}: {seconds:.1f} s of clean "
                    f"EEG after the first {lead:.0f} s"
                )
                continue
            keep = index[:: max(1, round(EVERY_S / _hop(run.time)))]
            rows.append(
                _Row(run.embedding[keep], run.logit[keep], quality, run.session, number, segment)
            )
    return [(row.run, row.segment) for row in rows], rows, dropped


def _hop(time: Array) -> float:
    return float(np.median(np.diff(time))) if len(time) > 1 else EVERY_S


def _seconds(time: Array) -> float:
    """Seconds that readings cover."""
    return len(time) * _hop(time) if len(time) > 1 else 0.0


def _table(rows: list[_Row]) -> ClipTable:
    segments = [row.segment for row in rows]
    # A clip whose stimulus is unknown is a stimulus of its own.
    stimuli = [s.stimulus or f"#{i}" for i, s in enumerate(segments)]
    sessions = [row.session for row in rows]
    blocks = [(row.run, row.segment.block) for row in rows]
    return ClipTable(
        embedding=np.array([row.embedding.mean(axis=0) for row in rows]),
        eeg_logit=np.array([row.logit.mean(axis=0) for row in rows]),
        music_logit=np.array([music_log_odds(s.music_valence, s.music_arousal) for s in segments]),
        ratings=np.array([[s.valence, s.arousal] for s in segments]),
        group=_numbers(stimuli),
        session=_numbers(sessions),
        block=_numbers(blocks) if any(s.block for s in segments) else np.zeros(len(rows), np.int64),
        quality=np.array([row.quality for row in rows]),
        names=tuple(s.name for s in segments),
        windows=tuple((row.embedding, row.logit) for row in rows),
    )


def _numbers(values: Sequence[Any]) -> NDArray[np.int64]:
    """Give different values numbers, in the order of their first appearance."""
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.int64)
