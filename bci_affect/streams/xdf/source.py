"""Recording as a source, at its original pace or as fast as possible."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bci_affect.eeg import Chunk
from bci_affect.errors import BciAffectError
from bci_affect.streams.assemble import Assembler
from bci_affect.streams.clock.dejitter import UNKNOWN_GAP_S
from bci_affect.streams.source import (
    ConnectionState,
    EndOfStream,
    Health,
    ManagedSource,
    Marker,
    SideStream,
    StreamInfo,
)
from bci_affect.streams.tap import RawTap
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfRecording, XdfStream

logger = logging.getLogger(__name__)

PACED_CHUNK_S = 0.04
FAST_CHUNK_S = 1.0


class XdfSource(ManagedSource):
    """EEG stream of an XDF file as a `Source`; times are on the recording's clock.

    Samples pass through the same `Assembler` as live ones, with the file's raw stamps and clock
    offsets, so `read` returns the chunks of a live run.

    Parameters
    ----------
    path : path
        The recording.
    stream : str, optional
        Name, source id or number of the stream, if the file has several EEG streams.
    speed : float
        Speed relative to real time.
    offline : bool
        Read as fast as possible, without pace.
    start_s : float
        Start in seconds from the stream's first sample.
    channels : sequence of str, optional
        Channels to keep, by name.
    align : bool
        Shift streams that are on another clock, where one constant explains it.

    Attributes
    ----------
    hold_at_end : bool
        Pause at the end of the file, from where one can seek, instead of ending the stream.

    Examples
    --------
    >>> from bci_affect import XdfSource
    >>> from bci_affect.resources import shipped
    >>> with XdfSource(shipped("recordings/demo.xdf"), offline=True) as source:
    ...     n_samples = sum(chunk.samples.shape[1] for chunk in source.chunks())
    >>> source.info.rate_hz, n_samples
    (250.0, 33000)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        stream: str | None = None,
        speed: float = 1.0,
        offline: bool = False,
        start_s: float = 0.0,
        channels: Sequence[str] | None = None,
        align: bool = False,
    ) -> None:
        self._check_speed(speed)
        self.wait_s = 0.0
        self._offline = offline
        self._path = Path(path)
        self._wanted = stream
        self._channels = channels
        self._align = align
        self._speed = speed
        self._start_s = max(0.0, start_s)
        self._lock = threading.RLock()
        self._recording: XdfRecording | None = None
        self._health = Health(ConnectionState.SEARCHING, "", 0.0, 0.0, math.nan)
        self._paused = False
        self.hold_at_end = False
        self.tap: RawTap | None = None
        self.awaited = self.due = math.nan  # a file has all samples

    def __repr__(self) -> str:
        pace = "offline" if self._offline else f"speed={self._speed:g}"
        return f"XdfSource({str(self._path)!r}, {pace}, {self._health.state})"

    # -- Source ----------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; raises `RuntimeError` before `open`."""
        if self._recording is None:
            raise RuntimeError("open the source first")
        return self._assembler.info

    @property
    def health(self) -> Health:
        """State and counts up to the last sample read."""
        with self._lock:
            if self._recording is None or self._health.state is ConnectionState.STOPPED:
                return self._health
            dejitter = self._assembler.dejitter
            return replace(
                self._health,
                effective_hz=dejitter.effective_hz,
                expected=dejitter.expected,
                received=dejitter.received,
                lost=dejitter.lost,
                late=dejitter.late,
                clock_offset_s=self._assembler.offsets.value,
            )

    @property
    def recording(self) -> XdfRecording:
        """File being read, with its damage report; raises `RuntimeError` before `open`."""
        if self._recording is None:
            raise RuntimeError("open the source first")
        return self._recording

    def open(self, timeout_s: float = 0.0) -> StreamInfo:
        """Read and check the file; raises `BciAffectError` if it has no EEG."""
        recording = read_xdf(self._path)
        difference = recording.align() if self._align else recording.clock_difference()
        if difference is not None and not self._align:
            logger.warning(difference.text)
        stream = recording.find_eeg(self._wanted)
        if stream.rate_note:
            logger.warning(stream.rate_note)
        with self._lock:
            self._recording, self._stream = recording, stream
            self._rate_hz = stream.header.rate_hz
            self._corrected = stream.corrected()
            self._markers = recording.markers()
            for damage in recording.damage:
                logger.warning("%s: at byte %d: %s", self._path, damage.offset, damage.what)
            self._go_to(self._start_s)
            if self._at >= len(stream):
                raise BciAffectError(
                    f"{self._path.name} is {self.duration_s:.1f} s long; it cannot start at "
                    f"{self._start_s:g} s."
                )
            self._health = Health(
                ConnectionState.STREAMING,
                stream.rate_note,
                self._position,
                stream.header.rate_hz,
                math.nan,
            )
            return self.info

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the next chunk when it is due; None if it is not due within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._lock:
                if self._recording is None or self._health.state is ConnectionState.STOPPED:
                    raise EndOfStream
                if not self._paused and not self._holds():
                    chunk = self._peek()
                    wait = self._due(chunk) - time.monotonic()
                    if wait <= 0:
                        self._ready.popleft()
                        self._position = float(chunk.times[-1])
                        return chunk
                else:
                    wait = math.inf
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(wait, left, 0.05))

    def side_streams(self) -> list[SideStream]:
        """Return no stream: there is none next to the EEG."""
        return []

    def markers(self) -> list[Marker]:
        """Return events up to the last sample read, since the last call."""
        with self._lock:
            first = self._next_marker
            while (
                self._next_marker < len(self._markers)
                and self._markers[self._next_marker].time <= self._position
            ):
                self._next_marker += 1
            return self._markers[first : self._next_marker]

    def close(self) -> None:
        """Stop; the next `read` raises `EndOfStream`."""
        with self._lock:
            self._health = replace(self.health, state=ConnectionState.STOPPED, reason="Closed.")

    # -- transport -------------------------------------------------------------------------------

    @property
    def duration_s(self) -> float:
        """Length of the stream in seconds."""
        return float(self._corrected[-1] - self._corrected[0]) if self._corrected.size else 0.0

    @property
    def position_s(self) -> float:
        """Seconds from the stream's first sample to the one read last."""
        return max(0.0, self._position - self._zero)

    @property
    def paused(self) -> bool:
        """True while the replay is paused."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._lock:
            self._paused = paused
            self._restart_pace()

    @property
    def speed(self) -> float:
        """Speed relative to real time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._check_speed(speed)
        with self._lock:
            self._speed = speed
            self._restart_pace()

    def seek(self, position_s: float) -> None:
        """Move to a position in seconds from the first sample.

        The next chunk has a gap of a second, so that filters and window restart; its times are
        those of the recording and may precede the last chunk's.
        """
        with self._lock:
            self._go_to(position_s)
            self._seam = True

    @property
    def at_end(self) -> bool:
        """True once every sample of the file was read."""
        with self._lock:
            done = self._recording is not None and self._at >= len(self._stream)
            return done and self._flushed and not self._ready

    # -- inside ----------------------------------------------------------------------------------

    @staticmethod
    def _check_speed(speed: float) -> None:
        if not 0 < speed < math.inf:
            raise BciAffectError(
                "The speed of a replay must be above 0 and finite; offline=True reads without pace."
            )

    def _go_to(self, position_s: float) -> None:
        stream: XdfStream = self._stream
        self._zero = float(self._corrected[0])
        target = self._zero + position_s
        self._at = int(np.argmax(self._corrected >= target)) if position_s > 0 else 0
        if position_s > 0 and not self._corrected[self._at] >= target:
            self._at = len(stream)
        self._assembler = Assembler(stream.header, self._channels)
        for when, value in stream.offsets:
            self._assembler.offsets.add(when, value)
        self._ready: deque[Chunk] = deque()
        self._flushed = False
        self._seam = False
        self._position = target
        self._next_marker = sum(marker.time < target for marker in self._markers)
        if position_s <= 0:
            self._next_marker = 0
        self._restart_pace()

    def _restart_pace(self) -> None:
        self._pace: tuple[float, float] | None = None  # wall time, recording's time

    def _holds(self) -> bool:
        """Pause at the end of the file where that is asked for; return whether it is reached."""
        if not self.hold_at_end:
            return False
        if not self._ready and self._at >= len(self._stream):
            if not self._flushed:
                self._flushed = True
                self._ready.extend(self._assembler.flush())
            self._paused = not self._ready
        return self._paused

    def _peek(self) -> Chunk:
        """Return the next chunk without removing it."""
        while not self._ready:
            if self._at >= len(self._stream):
                if self._flushed:
                    raise EndOfStream
                self._flushed = True
                self._ready.extend(self._assembler.flush())
                continue
            length = FAST_CHUNK_S if self._offline else PACED_CHUNK_S
            stop = self._at + max(1, round(length * self._rate_hz))
            samples = self._stream.samples(self._at, stop)
            stamps = self._stream.stamps[self._at : stop]
            self._at += len(samples)
            self._ready.extend(self._assembler.push(samples, stamps))
            note = self._assembler.unit_note
            if note and note not in self._health.reason:
                logger.warning(note)
                reason = f"{self._health.reason} {note}".strip()
                self._health = replace(self._health, reason=reason)
        if self._seam:
            self._ready[0] = replace(self._ready[0], gap_before=UNKNOWN_GAP_S)
            self._seam = False
        return self._ready[0]

    def _due(self, chunk: Chunk) -> float:
        """Wall time at which the chunk's last sample would have arrived."""
        if self._offline:
            return -math.inf
        newest = float(chunk.times[-1])
        if self._pace is None:
            self._pace = (time.monotonic(), float(chunk.times[0]))
        return self._pace[0] + (newest - self._pace[1]) / self._speed
