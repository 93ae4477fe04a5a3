"""Recorder of a session: a thread writes samples and events without blocking their sources."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.source import Health
from bci_affect.streams.xdf.writer import XdfWriter

logger = logging.getLogger(__name__)

FLUSH_S = 0.5
"""Seconds between flushes: a kill loses these and one write, at most one second."""
OWN_OFFSET_EVERY_S = 5.0
MAX_WAITING_BYTES = 512 << 20
"""Most data that may wait for a disk that does not respond."""
MAX_STREAM_BYTES = 128 << 20
"""Most data of one stream that may wait for a disk that responds; a faster stream is dropped."""
STALLED_S = 10.0
"""Duration of one write after which the disk does not respond."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """A recording: file, bytes on disk, seconds, and error ("" without one).

    Seconds count from the first samples or texts on.
    """

    path: str
    size_bytes: int
    seconds: float
    error: str = ""


class Recorder:
    """Writer of an XDF file from sources and the session; implements `RawTap`.

    All calls return at once and may come from any thread. Streams of this process (estimates,
    events) are announced with `open_stream` too; their zero clock offsets are automatic. A stream
    whose data do not fit its header is dropped; the recording continues.

    Parameters
    ----------
    path : path
        New file; its folders are created.

    Raises
    ------
    BciAffectError
        At once, if the file exists or cannot be created.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        with contextlib.suppress(OSError):  # the writer reports the reason
            path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = XdfWriter(path)
        self._began = math.nan  # until the first data: the stream may come later
        self._ended = math.nan
        self._ids: dict[str, int] = {}
        self._foreign: set[str] = set()
        self._next_offset: dict[str, float] = {}
        self._jobs: deque[tuple[str, Callable[[], None]]] = deque()
        self._waiting: dict[str, int] = {}  # bytes by key of the stream
        self._dropped: set[str] = set()
        self._writing = math.nan  # since this time
        self._error = ""
        self._wake = threading.Condition()
        self._stop = False
        self._soon = False
        self._thread = threading.Thread(target=self._run, name="xdf-recorder", daemon=True)
        self._thread.start()

    @property
    def status(self) -> RecorderStatus:
        """Present status of the recording."""
        end = time.monotonic() if math.isnan(self._ended) else self._ended
        seconds = 0.0 if math.isnan(self._began) else end - self._began
        return RecorderStatus(str(self._writer.path), self._writer.size_bytes, seconds, self._error)

    # -- RawTap ----------------------------------------------------------------------------------

    def open_stream(self, key: str, header: StreamHeader) -> None:
        """Announce a stream; a known key continues."""
        self._add(key, len(header.xml), lambda: self._open(key, header))
        with self._wake:  # the file is readable as soon as its stream is known
            self._soon = True
            self._wake.notify()

    def clock_offset(self, key: str, time: float, value: float) -> None:
        """Record that `value` seconds are added to stamps from raw stamp `time` on."""

        def write() -> None:
            self._foreign.add(key)
            self._writer.clock_offset(self._ids[key], time, value)

        self._add(key, 32, write)

    def samples(self, key: str, samples: NDArray[Any], stamps: NDArray[np.float64]) -> None:
        """Record samples (n, n_channels) with raw stamps (n,), exactly as they are."""

        def write() -> None:
            self._own_offset(key, float(stamps[-1]))
            self._pending.setdefault(key, []).append((samples, stamps))

        if len(stamps):
            self._begin()
            self._add(key, samples.nbytes + stamps.nbytes, write)

    def texts(self, key: str, rows: Sequence[Sequence[str]], stamps: NDArray[np.float64]) -> None:
        """Record rows of texts with raw stamps (n,)."""

        def write() -> None:
            self._own_offset(key, float(stamps[-1]))
            self._writer.texts(self._ids[key], rows, stamps)

        if len(stamps):
            self._begin()
            self._add(key, sum(len(text) for row in rows for text in row), write)

    def health(self, key: str, health: Health) -> None:
        """Store a stream's losses for the footer."""

        def write() -> None:
            if key in self._ids:
                self._writer.note(self._ids[key], asdict(health))

        self._add(key, 64, write)

    # -- for the session -------------------------------------------------------------------------

    def push(self, key: str, values: ArrayLike, time: float) -> None:
        """Record one row (n_channels,) of a numeric stream of our own, at LSL time `time`."""
        row = np.asarray(values, np.float32).reshape(1, -1)
        self.samples(key, row, np.array([time], np.float64))

    def mark(self, key: str, text: str, time: float) -> None:
        """Record one event of a text stream of our own, at LSL time `time`."""
        self.texts(key, [[text]], np.array([time], np.float64))

    def stop(self) -> RecorderStatus:
        """Write the queue and the footers, and close the file; safe to call twice."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        self._thread.join()
        return self.status

    def _begin(self) -> None:
        if math.isnan(self._began):
            self._began = time.monotonic()

    # -- the writing thread ----------------------------------------------------------------------

    def _add(self, key: str, size: int, job: Callable[[], None]) -> None:
        with self._wake:
            if self._error or self._stop or key in self._dropped:
                return
            waiting = self._waiting.get(key, 0) + size
            stalled = time.monotonic() - self._writing > STALLED_S
            if waiting > MAX_STREAM_BYTES and not stalled:
                self._drop(key, "sends more than the disk can write")
                return
            if sum(self._waiting.values()) > MAX_WAITING_BYTES:
                self._fail(
                    "The disk does not keep up; the recording has ended and keeps what it has."
                )
                return
            self._waiting[key] = waiting
            self._jobs.append((key, job))

    def _run(self) -> None:
        self._pending: dict[str, list[tuple[NDArray[Any], NDArray[np.float64]]]] = {}
        try:
            while True:
                with self._wake:
                    self._wake.wait_for(lambda: self._stop or self._soon, FLUSH_S)
                    stop, self._soon = self._stop, False
                    jobs, self._jobs = self._jobs, deque()
                    self._waiting = {}
                    self._writing = time.monotonic()
                for key, job in jobs:
                    self._write(key, job)
                self._write_pending()
                if self._error:
                    self._writer.abandon()
                    return
                if stop:
                    self._writer.close()
                    return
                self._writer.flush()
                self._writing = math.nan
        except OSError as error:
            self._writer.abandon()
            self._fail(
                f"Recording to {self._writer.path} has ended: {error.strerror or error}. What was "
                "recorded before is kept; free some space and start a new recording."
            )
        except Exception as error:  # report a bug, without ending the session
            logger.exception("The recorder ended.")
            self._writer.abandon()
            self._fail(f"Recording has ended by an internal error: {error}.")
        finally:
            self._ended = time.monotonic()

    def _write(self, key: str, job: Callable[[], None]) -> None:
        """Run a job; an error other than the disk's costs its stream, not the recording."""
        if key in self._dropped:
            return
        try:
            job()
        except OSError:
            raise
        except Exception as error:
            logger.debug("Data of a stream cannot be written.", exc_info=True)
            self._pending.pop(key, None)
            self._drop(key, f"cannot be recorded ({error!r})")

    def _drop(self, key: str, reason: str) -> None:
        self._dropped.add(key)
        logger.error("Stream '%s' %s; the recording continues without it.", key, reason)

    def _fail(self, reason: str) -> None:
        self._error = reason
        logger.error(reason)

    def _open(self, key: str, header: StreamHeader) -> None:
        if key not in self._ids:
            self._ids[key] = self._writer.add_stream(header)

    def _write_pending(self) -> None:
        """Write one chunk per stream with all samples since the last flush."""
        for key, parts in list(self._pending.items()):
            self._write(key, partial(self._write_parts, key, parts))
        self._pending.clear()

    def _write_parts(self, key: str, parts: list[tuple[NDArray[Any], NDArray[np.float64]]]) -> None:
        samples = np.concatenate([part for part, _ in parts]) if len(parts) > 1 else parts[0][0]
        stamps = np.concatenate([part for _, part in parts]) if len(parts) > 1 else parts[0][1]
        self._writer.samples(self._ids[key], samples, stamps)

    def _own_offset(self, key: str, stamp: float) -> None:
        """Write zero clock offsets of our own streams every five seconds, as readers expect."""
        if key not in self._foreign and stamp >= self._next_offset.get(key, -math.inf):
            self._next_offset[key] = stamp + OWN_OFFSET_EVERY_S
            self._writer.clock_offset(self._ids[key], stamp, 0.0)
