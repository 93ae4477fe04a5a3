"""Player that republishes a recording over LSL with its original timing."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.streams.clock.dejitter import LONGEST_GAP_S, RESET_S, UNKNOWN_GAP_S
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.outlet import RawOutlet
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfStream

logger = logging.getLogger(__name__)

PIECE_S = 0.02
LEAD_S = 0.2
LINGER_S = 1.0
MARKER_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Piece:
    due: float  # on the recording's clock
    track: int
    start: int
    stop: int


class _Track:
    """One stream of the recording and its outlet."""

    def __init__(self, stream: XdfStream, suffix: str) -> None:
        self.stream = stream
        self.times = _playable(stream.corrected())
        header = replace(stream.header, source_id=stream.header.source_id + suffix)
        self.outlet = RawOutlet(header, own=False)

    @property
    def end(self) -> float:
        """Time of the sample after the last one; the last sample's for an irregular stream."""
        rate = self.stream.header.rate_hz
        return float(self.times.max()) + (1.0 / rate if rate > 0 else 0.0)

    def pieces(self, number: int, since: float) -> Iterator[_Piece]:
        """Yield stretches of samples with the time at which their last one is due, in order."""
        due = np.maximum.accumulate(self.times) if self.times.size else self.times
        start = int(np.searchsorted(due, since, "left"))
        while start < self.times.size:
            stop = int(np.searchsorted(due, due[start] + PIECE_S, "right"))
            yield _Piece(float(due[stop - 1]), number, start, stop)
            start = stop

    def push(self, piece: _Piece, shift: float) -> None:
        stamps = self.times[piece.start : piece.stop] + shift
        samples: Any
        if self.stream.header.is_text:
            samples = [list(row) for row in self.stream.texts[piece.start : piece.stop]]
        else:
            samples = self.stream.samples(piece.start, piece.stop)
        self.outlet.push(samples, stamps)


class XdfPlayer:
    """Player of an XDF file over LSL.

    Samples keep the relative timing of the recording, including jitter and gaps; stamps are those
    of the recording shifted to the present. With another `speed` they are delivered faster or
    slower, but stamps and rates stay those of the recording, so that receivers analyse the original
    signal. The schedule is absolute: no error accumulates over hours.

    Parameters
    ----------
    path : path
        The recording.
    speed : float
        Delivery speed, > 0.
    loop : bool
        Start again at the end, after a pause of one second, until `stop`.
    start : float
        Seconds from the recording's beginning.
    wait : bool
        Wait for a receiver of the EEG (or, without EEG, of any stream) before the first sample, so
        that it receives the first one.
    head_start_s : float
        Seconds sent at once at the beginning, with stamps in the past, like an amplifier that kept
        its last seconds: a receiver has its first full window sooner.
    suffix : str
        Appended to every source id, to distinguish this player's streams from another's.
    notify : callable
        Called with one-line messages for the user.
    """

    def __init__(
        self,
        path: str | Path,
        speed: float = 1.0,
        loop: bool = False,
        start: float = 0.0,
        *,
        wait: bool = True,
        head_start_s: float = 0.0,
        suffix: str = "",
        notify: Callable[[str], None] = logger.info,
    ) -> None:
        if not 0 < speed < float("inf"):
            raise BciAffectError("The speed must be a number above 0.")
        if not 0 <= head_start_s < float("inf"):
            raise BciAffectError("The head start must be a number of seconds, 0 or more.")
        self.path = Path(path)
        recording = read_xdf(self.path)
        self.damage = recording.damage
        streams = [stream for stream in recording.streams if len(stream)]
        if not streams:
            raise BciAffectError(f"{self.path} has no samples to play.")
        lsl.load()
        self._tracks = [_Track(stream, suffix) for stream in streams]
        self._speed, self._loop, self._wait, self._notify = speed, loop, wait, notify
        self._head_start_s = head_start_s
        self._first = min(float(track.times.min()) for track in self._tracks)
        self._last = max(float(track.times.max()) for track in self._tracks)
        self._end = max(track.end for track in self._tracks)
        self._begin = self._first + max(0.0, start)
        if self._begin > self._last:
            raise BciAffectError(
                f"{self.path.name} is {self._last - self._first:.1f} s long; it cannot start at "
                f"{start:g} s."
            )
        self._stop = threading.Event()
        self._position = self._begin

    @property
    def position_s(self) -> float:
        """Seconds of the recording that have been played."""
        return self._position - self._first

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return self._last - self._first

    def stop(self) -> None:
        """End `run`; may be called from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Play to the end (forever with `loop`), or until `stop`."""
        if self._wait:
            self._wait_for_consumer()
        since = self._begin
        begin = lsl.local_clock() + LEAD_S
        origin = begin - self._head_start_s / self._speed  # when `since` is due
        shift = begin - self._head_start_s - since  # of stamps; they keep the recording's speed
        while not self._stop.is_set():
            self._round(since, origin, shift)
            if not self._loop:
                break
            origin += (self._end - since) / self._speed
            shift += self._end - self._first
            since = self._first
        self._stop.wait(LINGER_S)  # let receivers pull the last samples

    def _round(self, since: float, origin: float, shift: float) -> None:
        """Play from `since`, due at `origin`; `shift` is added to stamps."""
        tracks = [track.pieces(i, since) for i, track in enumerate(self._tracks)]
        for piece in heapq.merge(*tracks, key=lambda piece: piece.due):
            due = origin + (piece.due - since) / self._speed
            while (wait := due - lsl.local_clock()) > 0:
                if self._stop.wait(wait):
                    return
            if self._stop.is_set():
                return
            self._tracks[piece.track].push(piece, shift)
            self._position = piece.due

    def _wait_for_consumer(self) -> None:
        eeg = [t for t in self._tracks if t.stream.header.type.upper() == "EEG"] or self._tracks
        if not any(track.outlet.has_consumers() for track in eeg):
            self._notify(
                f"Waiting for a receiver of '{eeg[0].stream.header.name}' "
                "(--no-wait starts at once)."
            )
        while not any(track.outlet.has_consumers() for track in eeg):
            if self._stop.wait(0.02):
                return
        # Receivers search for markers after the EEG: allow them a moment.
        texts = [track for track in self._tracks if track.stream.header.is_text]
        waited = 0.0
        while waited < MARKER_PATIENCE_S and not all(t.outlet.has_consumers() for t in texts):
            if self._stop.wait(0.05):
                return
            waited += 0.05


def _playable(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Remove gaps too long to wait for: backward steps, and jumps of a clock by hours."""
    steps = np.diff(times)
    odd = (steps < -RESET_S) | (steps > LONGEST_GAP_S)
    if not odd.any():
        return times
    shift = np.concatenate(([0.0], np.cumsum(np.where(odd, UNKNOWN_GAP_S - steps, 0.0))))
    return times + shift
