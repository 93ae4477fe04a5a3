"""Extraction of rated clips from XDF recordings, with the same processing as live sessions.

Each recording runs through `AffectPath` with the population head; embeddings and log-odds are
recorded after smoothing, as in a live session. The normalisation continues from one recording to
the next, as in a profile.
"""

from __future__ import annotations

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
from bci_affect.training.calibration.clips import ClipTable, ClipWindows, binary_labels
from bci_affect.training.calibration.runs import (
    EVERY_S,
    OpenedRecording,
    Run,
    open_recording,
    process_recording,
)

MIN_CLEAN_S = 3.0
"""Minimum duration of clean EEG of a clip, after the window has filled."""


@dataclass(frozen=True)
class PersonClips:
    """Clips of all recordings of one person.

    Attributes
    ----------
    table : ClipTable
        Rated clips.
    runs : list of Run
        Processed recordings.
    kept : list of (int, Segment)
        Run and segment of each row of the table.
    dropped : list of str
        Clips that could not be used, with the reason.
    normalisation : dict of str to dict
        State of the normaliser after the last recording of each montage, by its profile key.
    windows : list of ClipWindows
        Encoder input of each row of the table.
    """

    table: ClipTable
    runs: list[Run]
    kept: list[tuple[int, Segment]]
    dropped: list[str]
    normalisation: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    windows: list[ClipWindows] = field(default_factory=list)


def load_clips(
    paths: Sequence[Path],
    labels: Labels | Sequence[Labels],
    predictor: Predictor,
    *,
    model: str,
    stream: str | None = None,
    settings: LiveSettings | None = None,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> PersonClips:
    """Load the rated clips of one person from recordings.

    Parameters
    ----------
    paths : sequence of Path
        Recordings in chronological order. One that contains only a rest is the reference of those
        after it; if none precedes the clips, it is read first.
    labels : Labels, or a sequence of them
        Labels of the markers in all files, or in each file.
    predictor : Predictor
        Population model.
    model : str
        `profiles.model_identity` of the predictor's file.
    stream : str, optional
        Name of the EEG stream, if a file has several.
    settings : LiveSettings, optional
        Filters and smoothing, as for `live`.
    progress : callable
        Called with the name of the file and the share done, 0 to 1.

    Raises
    ------
    BciAffectError
        If the files are of several people, no marker matches a label, or no clip has clean EEG.
    """
    labels_of_files = [labels] * len(paths) if isinstance(labels, Labels) else labels
    recordings = [
        open_recording(path, one, stream) for path, one in zip(paths, labels_of_files, strict=True)
    ]
    subjects = sorted({recording.subject for recording in recordings if recording.subject})
    if len(subjects) > 1:
        raise BciAffectError(
            f"The files are of several people ({', '.join(subjects)}); calibrate one at a time, "
            "or set their subject under [files] in the labels."
        )
    clips = [s for recording in recordings for s in recording.segments if not s.rest]
    if not clips:
        raise BciAffectError(
            "The recordings contain rests and no clip; add a recording with rated clips after them."
        )
    _check_ratings(clips)
    recordings = _with_rest_first(recordings)
    runs: list[Run] = []
    states: dict[str, dict[str, NDArray[Any]]] = {}
    smoothing_s = 0.0
    for recording in recordings:
        run, state, smoothing_s = process_recording(
            recording, predictor, model, settings or LiveSettings(), states, progress
        )
        states.update(state)
        runs.append(run)
    window_s = predictor.card.window_s
    kept, rows, dropped = _extract_clips(runs, window_s, smoothing_s)
    if not rows:
        reason = f" ({dropped[0]})" if dropped else ""
        raise BciAffectError(
            f"None of the {len(dropped)} clips has enough clean EEG{reason}; check the electrodes "
            "with 'bci-affect inspect FILE'."
        )
    windows = [_windows(row, runs[row.run]) for row in rows]
    return PersonClips(_table(rows), runs, kept, dropped, states, windows)


def _with_rest_first(recordings: list[OpenedRecording]) -> list[OpenedRecording]:
    """Move recordings of rest alone to the front, unless one already precedes the first clip.

    Files are often named in alphabetical order, in which "rest" follows "clips".
    """

    def has_clips(recording: OpenedRecording) -> bool:
        return any(not segment.rest for segment in recording.segments)

    if not has_clips(recordings[0]):
        return recordings
    return sorted(recordings, key=has_clips)  # stable: all others keep their order


def _check_ratings(clips: list[Segment]) -> None:
    """Raise `BciAffectError` if the ratings allow a calibration of neither dimension."""
    reasons = []
    for dimension in DIMENSIONS:
        try:
            binary_labels(np.array([getattr(clip, dimension) for clip in clips]), dimension)
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
    times: Array  # (m,), times of all readings of the clip


def _windows(row: _ClipReadings, run: Run) -> ClipWindows:
    """Return the recorded encoder windows of a clip's readings."""
    kept = [run.kept[time] for time in sorted(set(row.times.tolist()) & run.kept.keys())]
    people = [one.person for one in kept if one.person is not None]
    return ClipWindows(
        bands=np.array([one.bands for one in kept], np.float32),
        mask=np.array([one.mask for one in kept], np.bool_),
        positions=run.positions,
        person=np.array(people, np.float32) if people and len(people) == len(kept) else None,
    )


def _extract_clips(
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
            during = _within(run.quality_time, segment.stretches)
            quality = float(run.quality[during].mean()) if during.any() else 0.0
            if seconds < MIN_CLEAN_S:
                offset = segment.start - run.quality_time[0]
                lead = _lead(segment.stop - segment.start, window_s, smoothing_s)
                dropped.append(
                    f"'{segment.name}' at {offset:.0f} s of {run.path.name}: {seconds:.1f} s of "
                    f"clean EEG after the first {lead:.0f} s"
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
    """Return the duration covered by readings in seconds."""
    return len(time) * _hop(time) if len(time) > 1 else 0.0


def _table(rows: list[_ClipReadings]) -> ClipTable:
    segments = [row.segment for row in rows]
    # A clip of unknown stimulus forms its own group.
    stimuli = [s.stimulus or f"#{i}" for i, s in enumerate(segments)]
    sessions = [row.session for row in rows]
    blocks = [(row.run, row.segment.block) for row in rows]
    return ClipTable(
        embedding=np.array([row.embedding.mean(axis=0) for row in rows]),
        eeg_logit=np.array([row.logit.mean(axis=0) for row in rows]),
        music_logit=np.array([music_log_odds(s.music_valence, s.music_arousal) for s in segments]),
        ratings=np.array([[s.valence, s.arousal] for s in segments]),
        group=_to_indices(stimuli),
        session=_to_indices(sessions),
        block=_to_indices(blocks)
        if any(s.block for s in segments)
        else np.zeros(len(rows), np.int64),
        quality=np.array([row.quality for row in rows]),
        names=tuple(s.name for s in segments),
        windows=tuple((row.embedding, row.logit) for row in rows),
    )


def _to_indices(values: Sequence[Any]) -> NDArray[np.int64]:
    """Return the index of each value among the distinct values, in order of appearance."""
    index: dict[Any, int] = {}
    return np.array([index.setdefault(value, len(index)) for value in values], dtype=np.int64)
