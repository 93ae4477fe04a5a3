"""Streams of one recording on different clocks: detection, and the constant that aligns them.

Some programs stamp their EEG in Unix time, while markers are on LSL's clock, and no clock offset
in the file connects the two. The order in which the recorder wrote the chunks does, where markers
were written during the recording; otherwise both may have started together, which is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bci_affect.streams.clock.advice import advice
from bci_affect.streams.numeric_markers import has_markers

if TYPE_CHECKING:
    from bci_affect.streams.xdf.recording import XdfRecording, XdfStream

APART_S = 60.0
"""Least distance of two streams' time ranges that is a difference of clocks."""
UNIX_S = 1e9
"""Times from here on are Unix time (2001); an LSL clock would need 31 years to reach it."""
LEAST_CHUNKS = 3
AGREE_S = 5.0
SLACK_S = 2.0


@dataclass(frozen=True, slots=True)
class ClockDifference:
    """Difference between the clocks of a recording's EEG and of its markers.

    Attributes
    ----------
    shifted : tuple of int
        Numbers in the file of the streams that alignment shifts.
    shift_s : float
        Seconds to add to their stamps; NaN if no constant explains the difference.
    within_s : float
        Precision of `shift_s`.
    from_order : bool
        True if the shift follows from the order of chunks in the file; False if both streams are
        assumed to start together.
    text : str
        Description for the user.
    """

    shifted: tuple[int, ...]
    shift_s: float
    within_s: float
    from_order: bool
    text: str


def clock_difference(recording: XdfRecording) -> ClockDifference | None:
    """Return the difference of clocks between EEG and markers; None if they share one."""
    filled = [stream for stream in recording.streams if len(stream)]
    spans = {stream.id: _span(stream) for stream in filled}
    eeg = max(recording.eeg_streams(), key=len, default=None)
    marks = [stream for stream in filled if has_markers(stream.header)]
    if eeg is None or not marks:
        return None
    apart = [stream for stream in marks if _gap(spans[eeg.id], spans[stream.id]) > APART_S]
    if not apart or len(apart) < len(marks):
        return None
    other = max(apart, key=len)
    found = _from_order(eeg, other) or _from_start(spans[eeg.id], spans[other.id])
    shift, within, ordered = found or (float("nan"), float("nan"), False)
    first, second = spans[eeg.id][0] >= UNIX_S, spans[other.id][0] >= UNIX_S
    moved, shift = (other, -shift) if second and not first else (eeg, shift)
    shifted = [s.id for s in filled if _gap(spans[s.id], spans[moved.id]) <= APART_S]
    text = (
        f"{recording.path.name}: the EEG of '{eeg.header.name}' ({_seconds(spans[eeg.id])}) and "
        f"the markers of '{other.header.name}' ({_seconds(spans[other.id])}) are on different "
        "clocks."
    )
    if found is None:
        text += " No constant explains it; record both on LSL's clock."
    else:
        basis = "from the order in the file" if ordered else "if both began together"
        text += (
            f" --align shifts '{moved.header.name}' by {shift:.1f} s ({basis}, to {within:.1f} s)."
        )
    if moved is eeg:
        text += advice(eeg.header.name)
    return ClockDifference(tuple(shifted), shift, within, ordered, text)


def _span(stream: XdfStream) -> tuple[float, float]:
    times = stream.corrected()
    return float(times.min()), float(times.max())


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the seconds between two ranges; negative if they overlap."""
    return max(one[0] - other[1], other[0] - one[1])


def _from_order(eeg: XdfStream, other: XdfStream) -> tuple[float, float, bool] | None:
    """Compare the newest stamps of both streams at each chunk of the other one."""
    eeg_at = np.array([chunk.offset for chunk in eeg._chunks])
    eeg_times, other_times = eeg.corrected(), other.corrected()
    steps = []
    for chunk, (_, stop) in zip(other._chunks, other.blocks(), strict=True):
        before = int(np.searchsorted(eeg_at, chunk.offset))
        if before and stop:
            newest = eeg_times[int(eeg._ends[before - 1]) - 1]
            steps.append(float(other_times[stop - 1] - newest))
    if len(steps) < LEAST_CHUNKS or np.ptp(steps) > AGREE_S:
        return None
    return float(np.median(steps)), float(np.ptp(steps)) / 2, True


def _from_start(
    eeg: tuple[float, float], other: tuple[float, float]
) -> tuple[float, float, bool] | None:
    """Assume that both began together, if the markers fit into the EEG."""
    spare = (eeg[1] - eeg[0]) - (other[1] - other[0])
    return None if spare < -SLACK_S else (other[0] - eeg[0], max(spare, 0.0), False)


def _seconds(span: tuple[float, float]) -> str:
    return f"{span[0]:.0f} to {span[1]:.0f} s"
