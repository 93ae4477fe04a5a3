"""Reader of recorded sessions: XDF files with ratings in events or in a ``LABELS.toml``.

``ROOT`` holds ``*.xdf`` in any subfolders and, if the events hold no ratings, ``LABELS.toml`` (see
`segments`). Subject and session come from ``LABELS.toml`` or from file names as LabRecorder writes
them; a file without either belongs to the subject "unknown".
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bci_affect.config import load_toml
from bci_affect.datasets.checks import check_trials, hash_files, select_subjects
from bci_affect.datasets.segments import (
    Labels,
    Segment,
    find_segments,
    format_marker_names,
    session_of,
    subject_of,
)
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import Chunk
from bci_affect.event_log import REST_KINDS
from bci_affect.streams import StreamInfo, XdfSource, read_to_end

logger = logging.getLogger(__name__)

LABELS_FILE = "LABELS.toml"
LEAD_S = 5.0
"""Continuous EEG to include before a trial, so that filters settle; less where there is a gap."""


class RecordedSessions:
    """Reader of a folder of XDF recordings.

    Parameters
    ----------
    root : Path
        Folder of the recordings.
    subjects : sequence of str, optional
        Subjects to read; by default all.

    Raises
    ------
    BciAffectError
        If there is no recording, the labels are invalid, or a requested subject is missing.
    """

    name = "recorded"
    simulated = False

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        path = root / LABELS_FILE
        self._labels = load_toml(path, Labels) if path.is_file() else Labels()
        self._label_files = [path] if path.is_file() else []
        self._files: dict[str, list[Path]] = {}
        for file in sorted(root.rglob("*.xdf")):
            subject = subject_of(file, self._labels) or "unknown"
            self._files.setdefault(subject, []).append(file)
        self.subjects = tuple(select_subjects(sorted(self._files), subjects, str(root)))

    def content_key(self, subject: str) -> str:
        """Return a hash of the subject's recordings and of the labels."""
        return hash_files([*self._files[subject], *self._label_files])

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's rated trials, recordings in the order of their names.

        Raises
        ------
        BciAffectError
            If a file cannot be read, or none of the recordings contains a rated trial.
        """
        trials: list[Trial] = []
        for path in self._files[subject]:
            trials += self._recording(path, subject, len(trials))
        return check_trials(trials, f"recordings of {subject}")

    def rests(self, subject: str) -> list[Trial]:
        """Return one subject's rests with open eyes before the first rated trial, in order.

        Raises
        ------
        BciAffectError
            If a file cannot be read.
        """
        found: list[Trial] = []
        for path in self._files[subject]:
            info, stretches, segments = self._segments(path)
            for segment in segments:
                if _is_rated(segment):
                    return found
                extracted = _extract(segment, stretches) if segment.rest in REST_KINDS else None
                if extracted is not None:
                    session = session_of(path, self._labels)
                    found.append(_trial(segment, *extracted, info, subject, session, len(found)))
        return found

    def _segments(self, path: Path) -> tuple[StreamInfo, list[Chunk], list[Segment]]:
        """Return a recording's stream, its continuous EEG, and its clips and rests."""
        source = XdfSource(path, offline=True, align=self._labels.align)
        info = source.open()
        try:
            chunks = list(read_to_end(source))
            markers = source.recording.markers()
        finally:
            source.close()
        end = float(chunks[-1].times[-1]) if chunks else 0.0
        segments = find_segments(markers, end, self._labels)
        if not any(segment.rest or _is_rated(segment) for segment in segments):
            logger.warning(
                "%s: no marker (%s) starts a rated trial; add its markers to %s",
                path.name, format_marker_names(markers), LABELS_FILE,
            )  # fmt: skip
        return info, _continuous_stretches(chunks), segments

    def _recording(self, path: Path, subject: str, first: int) -> list[Trial]:
        info, stretches, segments = self._segments(path)
        trials: list[Trial] = []
        for segment in filter(_is_rated, segments):
            extracted = _extract(segment, stretches)
            if extracted is None:
                logger.warning("%s: '%s' has a gap or NaN and is skipped", path.name, segment.name)
                continue
            eeg, onset_s = extracted
            trials.append(
                _trial(segment, eeg, onset_s, info, subject, session_of(path, self._labels),
                       first + len(trials))
            )  # fmt: skip
        return trials


def _is_rated(segment: Segment) -> bool:
    """Return True for a clip with a rating."""
    return not segment.rest and bool(np.isfinite([segment.valence, segment.arousal]).any())


def _continuous_stretches(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Concatenate the chunks between gaps."""
    groups: list[list[Chunk]] = []
    for chunk in chunks:
        if not groups or chunk.gap_before > 0:
            groups.append([])
        groups[-1].append(chunk)
    return [
        Chunk(
            np.concatenate([chunk.samples for chunk in group], axis=1),
            np.concatenate([chunk.times for chunk in group]),
        )
        for group in groups
    ]


def _extract(segment: Segment, stretches: Sequence[Chunk]) -> tuple[np.ndarray, float] | None:
    """Return the samples of a trial with its lead-in, and the length of the lead-in in seconds.

    Of a trial with breaks the longest stretch between them. None if it contains a gap or NaN.
    """
    if not segment.stretches:
        return None
    begin, end = max(segment.stretches, key=lambda span: span[1] - span[0])
    for stretch in stretches:
        times = stretch.times
        if times[0] <= begin and begin < times[-1]:
            stop = np.searchsorted(times, end)
            if stop == len(times) and end - times[-1] > 1.0:
                return None  # a gap came before the end
            start = np.searchsorted(times, begin - LEAD_S)
            eeg = stretch.samples[:, start:stop]
            if not np.isfinite(eeg).all():
                return None
            return eeg, float(begin - times[start])
    return None


def _trial(
    segment: Segment,
    eeg: np.ndarray,
    onset_s: float,
    info: StreamInfo,
    subject: str,
    session: str,
    index: int,
) -> Trial:
    ratings = {
        name: value
        for name, value in (("valence", segment.valence), ("arousal", segment.arousal))
        if np.isfinite(value)
    }
    for name, mood in (
        ("music_valence", segment.music_valence),
        ("music_arousal", segment.music_arousal),
    ):
        if np.isfinite(mood):
            ratings[name] = float(np.clip(5 + 4 * mood, 1, 9))
    return Trial(
        eeg=np.ascontiguousarray(eeg, np.float32),
        rate_hz=info.rate_hz,
        montage=info.montage,
        subject=subject,
        session=session,
        stimulus=segment.stimulus,
        onset_s=onset_s,
        ratings=ratings,
        index=index,
    )
