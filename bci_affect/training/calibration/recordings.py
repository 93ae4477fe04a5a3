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

from bci_affect.affect import DIMENSIONS, Array, music_log_odds
from bci_affect.config import LiveSettings
from bci_affect.datasets import Labels, Segment
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.training.calibration.clips import ClipTable, ClipWindows, sides
from bci_affect.training.calibration.runs import EVERY_S, Run, plan_of, run_through

log = logging.getLogger(__name__)

MIN_CLEAN_S = 3.0
"""A clip with less clean EEG than this (after the window has filled) is left out."""


@dataclass(frozen=True)
class PersonClips:
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
    windows : list of ClipWindows
        What the encoder saw of each row of the table.
    """

    table: ClipTable
    runs: list[Run]
    kept: list[tuple[int, Segment]]
    dropped: list[str]
    normalisation: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    windows: list[ClipWindows] = field(default_factory=list)


def gather(
    paths: Sequence[Path],
    labels: Labels | Sequence[Labels],
    predictor: Predictor,
    *,
    model: str,
    stream: str | None = None,
    settings: LiveSettings | None = None,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> PersonClips:
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
    plans = [plan_of(path, one, stream) for path, one in zip(paths, meanings, strict=True)]
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
        run, state, smoothing_s = run_through(
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
    windows = [_windows(row, runs[row.run]) for row in rows]
    return PersonClips(_table(rows), runs, kept, dropped, states, windows)


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


@dataclass(frozen=True)
class _ClipReadings:
    embedding: Array  # (n, d), readings of the clip
    logit: Array  # (n, 2)
    quality: float
    session: str
    run: int
    segment: Segment
    times: Array  # (m,), of all its readings


def _windows(row: _ClipReadings, run: Run) -> ClipWindows:
    """Return the windows that were kept of a clip's readings."""
    times = sorted(set(row.times.tolist()) & run.kept.keys())
    return ClipWindows(
        bands=np.array([run.kept[time][0] for time in times], np.float32),
        mask=np.array([run.kept[time][1] for time in times], np.bool_),
        positions=run.positions,
    )


def _rows(
    runs: list[Run], window_s: float, smoothing_s: float
) -> tuple[list[tuple[int, Segment]], list[_ClipReadings], list[str]]:
    """Collect the readings of each rated clip whose window lies inside it, outside of breaks."""
    rows: list[_ClipReadings] = []
    dropped: list[str] = []
    for number, run in enumerate(runs):
        for segment in run.segments:
            if segment.rest or not np.isfinite(segment.valence):
                continue
            settled = [
                (start + _lead(stop - start, window_s, smoothing_s), stop)
                for start, stop in segment.stretches
            ]
            index = np.flatnonzero(_within(run.time, settled))
            seconds = _seconds(run.time[index])
            heard = _within(run.quality_time, segment.stretches)
            quality = float(run.quality[heard].mean()) if heard.any() else 0.0
            if seconds < MIN_CLEAN_S:
                at = segment.start - run.quality_time[0]
                lead = _lead(segment.stop - segment.start, window_s, smoothing_s)
                dropped.append(
                    f"'{segment.name}' at {at:.0f} s of {run.path.name}: {seconds:.1f} s of clean "
                    f"EEG after the first {lead:.0f} s"
                )
                continue
            keep = index[:: max(1, round(EVERY_S / _hop(run.time)))]
            rows.append(
                _ClipReadings(
                    embedding=run.embedding[keep],
                    logit=run.logit[keep],
                    quality=quality,
                    session=run.session,
                    run=number,
                    segment=segment,
                    times=run.time[index],
                )
            )
    return [(row.run, row.segment) for row in rows], rows, dropped


def _lead(length_s: float, window_s: float, smoothing_s: float) -> float:
    """Return the seconds after which a stretch is free of the EEG before it.

    The window must have left that EEG; the smoothing mostly, if there is time.
    """
    return window_s + min(smoothing_s, max(0.0, length_s - window_s - 2 * MIN_CLEAN_S))


def _within(time: Array, spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return which times lie in one of the spans, ends included."""
    inside = np.zeros(len(time), np.bool_)
    for start, stop in spans:
        inside |= (time >= start) & (time <= stop)
    return inside


def _hop(time: Array) -> float:
    return float(np.median(np.diff(time))) if len(time) > 1 else EVERY_S


def _seconds(time: Array) -> float:
    """Seconds that readings cover."""
    return len(time) * _hop(time) if len(time) > 1 else 0.0


def _table(rows: list[_ClipReadings]) -> ClipTable:
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
