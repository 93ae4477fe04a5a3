"""Collector of streams: markers that accompany an EEG stream, or all streams for a recording.

One thread searches for streams, connects, and empties their buffers twenty times a second: liblsl
buffers minutes, so nothing is lost, and a hundred streams need one thread.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.events import read
from bci_affect.streams.event_stream import is_event_stream
from bci_affect.streams.header import StreamHeader, decode_text, parse_header
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.lsl.validation import (
    MAX_STREAMS,
    TextRate,
    buffer_length,
    check_agreement,
    check_limits,
    check_texts,
)
from bci_affect.streams.numeric_markers import (
    code_changes,
    column_texts,
    has_markers,
    marker_texts,
)
from bci_affect.streams.source import Marker, SideStream
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

POLL_S = 0.05
LOOK_EVERY_S = 0.5
OFFSET_EVERY_S = 5.0
PATIENCE_S = 3.0
MAX_SAMPLES = 1024
MAX_TEXTS = 128
"""Most texts of one pull: about half a millisecond of Python."""
FAR_S = 60.0
"""Distance of a stream's first stamp from the present that is another clock than LSL's."""
MAX_PULLS = 16  # of one stream in a turn: a fast one may not delay the others
LAST_PULLS = 1024  # at the end
MAX_CONNECTING = 8  # at once, each for up to three times PATIENCE_S
MAX_EVENTS = 10_000
"""Most events that wait for a program that does not take them; older ones are dropped."""

Floats = NDArray[np.float64]


class _Taken:
    """One connected stream."""

    def __init__(self, info: Any) -> None:
        found = lsl.describe(info)
        check_limits(found)
        self.inlet = lsl.load().StreamInlet(
            info, max_buflen=buffer_length(found), recover=False, as_numpy=True
        )
        self.inlet.open_stream(PATIENCE_S)
        self.header: StreamHeader = parse_header(self.inlet.info(PATIENCE_S).as_xml())
        header = self.header
        check_agreement(found, header)
        self.has_events = is_event_stream(header.name, header.type, header.source_id)
        self.measured = float(self.inlet.time_correction(PATIENCE_S))
        self.shift = math.nan  # further offset of stamps on another clock, from the first sample
        self.reached = -np.inf
        self.announced_to: RawTap | None = None
        self.codes = [math.nan] * header.n_channels  # newest of a regular stream of codes
        self.news = True  # the offset has not been passed on yet
        self.received = 0
        self.text_rate = TextRate()
        self.began = math.nan  # stamp of the first sample

    @property
    def offset(self) -> float:
        """Seconds to add to the sender's stamps."""
        return self.measured + (0.0 if math.isnan(self.shift) else self.shift)

    def described(self) -> SideStream:
        """Return what is known of the stream; any thread may call."""
        span, header = self.reached - self.began, self.header
        return SideStream(
            name=header.name,
            type=header.type,
            n_channels=header.n_channels,
            nominal_hz=header.rate_hz,
            effective_hz=(self.received - 1) / span if span > 0 else math.nan,
            received=self.received,
            age_s=lsl.local_clock() - self.reached - self.offset if self.received else math.nan,
        )

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
    format) continues under its old key. A stream that exceeds a limit, contradicts itself, or
    raises any error is dropped; the others continue.

    Parameters
    ----------
    accept : callable
        Returns True for a stream to receive.
    tap : callable
        Returns the `RawTap` that receives all data, or None.
    hold_s : callable, optional
        Returns the seconds to wait before the next pull, because the EEG is about to be processed.
    """

    def __init__(
        self,
        accept: Callable[[FoundStream], bool],
        tap: Callable[[], RawTap | None],
        hold_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._hold_s = hold_s
        self._accept = accept
        self._tap = tap
        self._lock = threading.Lock()
        self._events: deque[Marker] = deque(maxlen=MAX_EVENTS)
        self._taken: dict[str, tuple[str, _Taken]] = {}  # by uid: key and connection
        self._keys: dict[tuple[object, ...], str] = {}
        self._failed: set[str] = set()
        self._connecting: set[str] = set()
        self._ready: SimpleQueue[tuple[str, _Taken]] = SimpleQueue()
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
            events = list(self._events)
            self._events.clear()
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

    def streams(self) -> list[SideStream]:
        """Return the streams that are connected now, with rate and age, in order of name."""
        with self._lock:
            taken = [one for _, one in self._taken.values()]
        return sorted((one.described() for one in taken), key=lambda one: (one.name, one.type))

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
            while not self._ready.empty():
                self._add(*self._ready.get())
            if lsl.local_clock() - last_offset > OFFSET_EVERY_S:
                last_offset = lsl.local_clock()
                for _, taken in self._taken.values():
                    self._measure(taken)
            for uid, (key, taken) in list(self._taken.items()):
                try:
                    self._pull(uid, key, taken, all_of_it=ending)
                except BciAffectError as error:
                    self._drop(uid, str(error))
                except Exception as error:  # a fault of one stream may cost that stream only
                    logger.debug("A stream's reader failed.", exc_info=True)
                    self._drop(uid, f"Stream '{taken.header.name}' is dropped: {error!r}.")
        self._taken.clear()

    def _consider(self, info: Any) -> None:
        uid = info.uid()
        known = (self._taken, self._failed, self._connecting, lsl.own_uids)
        if len(self._connecting) >= MAX_CONNECTING or any(uid in uids for uids in known):
            return
        if not self._accept(lsl.describe(info)):
            return
        if len(self._taken) + len(self._connecting) >= MAX_STREAMS:
            self._failed.add(uid)
            logger.warning(
                "Stream '%s' is not received: %d streams are the most.", info.name(), MAX_STREAMS
            )
            return
        self._connecting.add(uid)
        threading.Thread(
            target=self._connect, args=(uid, info), name="lsl-connect", daemon=True
        ).start()

    def _connect(self, uid: str, info: Any) -> None:
        """Connect in a thread of its own: a peer that does not answer may not delay others."""
        try:
            self._ready.put((uid, _Taken(info)))
            return
        except BciAffectError as error:
            reason = str(error)
        except Exception as error:  # a fault of one stream may cost that stream only
            reason = f"Stream '{info.name()}' does not answer: {error}"
        logger.warning("%s", reason)
        self._failed.add(uid)
        self._connecting.discard(uid)

    def _add(self, uid: str, taken: _Taken) -> None:
        """Begin to receive a connected stream."""
        header = taken.header
        same = (header.name, header.type, header.source_id, header.labels, header.rate_hz)
        key = self._keys.get((*same, header.format), "")
        if not key or any(key == other for other, _ in self._taken.values()):
            key = f"{header.name} {uid}"
            self._keys[(*same, header.format)] = key
        logger.info("Taking stream '%s'.", header.name)
        self._connecting.discard(uid)
        with self._lock:
            self._taken[uid] = (key, taken)
            self._counts.setdefault(key, 0)

    def _drop(self, uid: str, reason: str) -> None:
        """End the reception of a stream for good."""
        logger.warning("%s", reason)
        self._failed.add(uid)
        with self._lock:
            self._taken.pop(uid, None)

    def _measure(self, taken: _Taken) -> None:
        try:
            taken.measured = float(taken.inlet.time_correction(0.1))
        except (TimeoutError, RuntimeError):
            return
        taken.news = True

    def _pull(self, uid: str, key: str, taken: _Taken, *, all_of_it: bool) -> None:
        """Pull what liblsl has buffered; the rest of a fast stream in the next turn."""
        most = MAX_TEXTS if taken.header.is_text else MAX_SAMPLES
        for _ in range((LAST_PULLS if all_of_it else MAX_PULLS) * MAX_SAMPLES // most):
            if not all_of_it and (wait := self._hold_s()) > 0:
                time.sleep(wait)
            try:
                raw, stamps = taken.inlet.pull_chunk(timeout=0.0, max_samples=most)
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
        if not taken.received:
            taken.began = float(stamps[0])
        taken.reached = float(stamps[-1])
        taken.received += len(stamps)
        if not taken.header.is_text:
            if tap is not None:
                tap.samples(key, raw, stamps)
            markers = taken.numeric_markers(raw, stamps)
            with self._lock:
                self._events += markers
        else:
            # Strings may hold any bytes; text that is not UTF-8 must not end the thread.
            rows = [[decode_text(value) for value in row] for row in raw]
            check_texts(taken.header.name, rows)
            taken.text_rate.push(taken.header.name, len(rows), lsl.local_clock())
            if tap is not None:
                tap.texts(key, rows, stamps)
            with self._lock:
                self._events += [
                    taken.marker(stamp, row) for row, stamp in zip(rows, stamps, strict=True)
                ]
        with self._lock:
            self._counts[key] += len(stamps)
