"""Collector of streams: markers that accompany an EEG stream, or all streams for a recording.

One thread searches for streams, connects, and empties their buffers twenty times a second: liblsl
buffers minutes, so nothing is lost, and a hundred streams need one thread.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.events import read
from bci_affect.streams.event_stream import is_event_stream
from bci_affect.streams.header import StreamHeader, decode_text, parse_header
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.numeric_markers import (
    code_changes,
    column_texts,
    has_markers,
    marker_texts,
)
from bci_affect.streams.source import Marker
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

POLL_S = 0.05
LOOK_EVERY_S = 0.5
OFFSET_EVERY_S = 5.0
PATIENCE_S = 3.0
MAX_SAMPLES = 1024
FAR_S = 60.0
"""Distance of a stream's first stamp from the present that is another clock than LSL's."""

Floats = NDArray[np.float64]


class _Taken:
    """One connected stream."""

    def __init__(self, info: Any) -> None:
        self.inlet = lsl.load().StreamInlet(info, recover=False, as_numpy=True)
        self.inlet.open_stream(PATIENCE_S)
        self.header: StreamHeader = parse_header(self.inlet.info(PATIENCE_S).as_xml())
        header = self.header
        self.has_events = is_event_stream(header.name, header.type, header.source_id)
        self.measured = float(self.inlet.time_correction(PATIENCE_S))
        self.shift = math.nan  # further offset of stamps on another clock, from the first sample
        self.reached = -np.inf
        self.announced_to: RawTap | None = None
        self.codes = [math.nan] * header.n_channels  # newest of a regular stream of codes
        self.news = True  # the offset has not been passed on yet

    @property
    def offset(self) -> float:
        """Seconds to add to the sender's stamps."""
        return self.measured + (0.0 if math.isnan(self.shift) else self.shift)

    def note_first(self, stamps: Floats) -> None:
        """Compare the first stamps (n,) with the present; fresh samples are seconds old at most."""
        if math.isnan(self.shift):
            away = lsl.local_clock() - float(stamps[-1]) - self.measured
            self.shift = away if abs(away) > FAR_S else 0.0

    def marker(self, stamp: float, row: Sequence[str]) -> Marker:
        """Return a sample of a text stream with its time on this machine's clock."""
        text = "\t".join(row)
        event = read(text) if self.has_events else None
        return Marker(float(stamp) + self.offset, text, self.header.name, event)

    def numeric_markers(self, samples: NDArray[Any], stamps: Floats) -> list[Marker]:
        """Return the markers among the samples (n, n_channels) of a numeric stream.

        Of a regular stream of codes these are the changes, as in a recording.
        """
        header = self.header
        if not has_markers(header):
            return []
        if header.rate_hz <= 0:
            texts = marker_texts(samples)
            return [self.marker(t, [text]) for t, text in zip(stamps, texts, strict=True)]
        found = []
        for column in range(header.n_channels):
            codes = samples[:, column]
            at = code_changes(codes, self.codes[column], idle=0)
            self.codes[column] = float(codes[-1])
            texts = column_texts(codes[at].tolist())
            found += [self.marker(stamps[i], [text]) for i, text in zip(at, texts, strict=True)]
        return found


class Collector:
    """Receiver of every stream that `accept` accepts, while it runs.

    A stream that ends and returns (same source id, or same name and type; same channels, rate and
    format) continues under its old key.

    Parameters
    ----------
    accept : callable
        Returns True for a stream to receive.
    tap : callable
        Returns the `RawTap` that receives all data, or None.
    """

    def __init__(
        self, accept: Callable[[FoundStream], bool], tap: Callable[[], RawTap | None]
    ) -> None:
        self._accept = accept
        self._tap = tap
        self._lock = threading.Lock()
        self._events: list[Marker] = []
        self._taken: dict[str, tuple[str, _Taken]] = {}  # by uid: key and connection
        self._keys: dict[tuple[object, ...], str] = {}
        self._failed: set[str] = set()
        self._counts: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lsl-collect", daemon=True)

    def start(self) -> None:
        """Start searching for streams."""
        lsl.load()
        self._thread.start()

    def stop(self) -> None:
        """Empty the buffers a last time and end; waits for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(3 * PATIENCE_S + 1.0)

    def take(self) -> list[Marker]:
        """Return markers of text and of numbers since the last call."""
        with self._lock:
            events, self._events = self._events, []
        return events

    @property
    def counts(self) -> dict[str, int]:
        """Received samples, by key of the stream."""
        with self._lock:
            return dict(self._counts)

    @property
    def connected(self) -> tuple[StreamHeader, ...]:
        """Streams that are connected now."""
        with self._lock:
            return tuple(taken.header for _, taken in self._taken.values())

    def _run(self) -> None:
        last_offset = lsl.local_clock()
        next_look = -np.inf
        ending = False
        while not ending:
            ending = self._stop.wait(POLL_S)
            if not ending and lsl.local_clock() >= next_look:
                next_look = lsl.local_clock() + LOOK_EVERY_S
                for info in lsl.visible():
                    self._consider(info)
            if lsl.local_clock() - last_offset > OFFSET_EVERY_S:
                last_offset = lsl.local_clock()
                for _, taken in self._taken.values():
                    self._measure(taken)
            for uid, (key, taken) in list(self._taken.items()):
                self._pull(uid, key, taken)
        self._taken.clear()

    def _consider(self, info: Any) -> None:
        uid = info.uid()
        if uid in self._taken or uid in self._failed or uid in lsl.own_uids:
            return
        if not self._accept(lsl.describe(info)):
            return
        try:
            taken = _Taken(info)
        except (TimeoutError, RuntimeError, BciAffectError) as error:
            logger.warning("Stream '%s' does not answer: %s", info.name(), error)
            self._failed.add(uid)
            return
        header = taken.header
        same = (header.name, header.type, header.source_id, header.labels, header.rate_hz)
        key = self._keys.get((*same, header.format), "")
        if not key or any(key == other for other, _ in self._taken.values()):
            key = f"{header.name} {uid}"
            self._keys[(*same, header.format)] = key
        logger.info("Taking stream '%s'.", header.name)
        with self._lock:
            self._taken[uid] = (key, taken)
            self._counts.setdefault(key, 0)

    def _measure(self, taken: _Taken) -> None:
        try:
            taken.measured = float(taken.inlet.time_correction(0.1))
        except (TimeoutError, RuntimeError):
            return
        taken.news = True

    def _pull(self, uid: str, key: str, taken: _Taken) -> None:
        while True:
            try:
                raw, stamps = taken.inlet.pull_chunk(timeout=0.0, max_samples=MAX_SAMPLES)
            except RuntimeError:  # lost; a restarted sender has a new uid
                logger.warning("Stream '%s' has ended.", taken.header.name)
                with self._lock:
                    del self._taken[uid]
                return
            if not len(stamps):
                return
            self._hand_on(key, taken, raw, np.asarray(stamps, np.float64))

    def _hand_on(self, key: str, taken: _Taken, raw: Any, stamps: Floats) -> None:
        tap = self._tap()
        taken.note_first(stamps)
        if tap is not None:
            if taken.announced_to is not tap:
                tap.open_stream(key, taken.header)
                taken.announced_to, taken.news = tap, True
            if taken.news:
                first = float(stamps[0])
                since = first if first > taken.reached else np.nextafter(taken.reached, np.inf)
                tap.clock_offset(key, float(since), taken.offset)
                taken.news = False
        taken.reached = float(stamps[-1])
        if not taken.header.is_text:
            if tap is not None:
                tap.samples(key, raw, stamps)
            markers = taken.numeric_markers(raw, stamps)
            with self._lock:
                self._events += markers
        else:
            # Strings may hold any bytes; text that is not UTF-8 must not end the thread.
            rows = [[decode_text(value) for value in row] for row in raw]
            if tap is not None:
                tap.texts(key, rows, stamps)
            with self._lock:
                self._events += [
                    taken.marker(stamp, row) for row, stamp in zip(rows, stamps, strict=True)
                ]
        with self._lock:
            self._counts[key] += len(stamps)
