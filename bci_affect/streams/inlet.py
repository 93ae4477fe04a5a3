"""A live EEG stream over LSL that survives what headsets do.

One thread pulls (blocking, so that a sample is here half a millisecond after it came), hands what
arrived to the tap, puts honest times to it and queues chunks; `read` takes from that queue and so
never makes the network wait. The thread is also the watchdog: it knows when samples were due, and
looks for the stream again by itself. liblsl's own recovery is off, because it resumes silently and
waits for ever for a device that comes back under a new source id.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Chunk
from bci_affect.errors import BciAffectError
from bci_affect.streams import lsl
from bci_affect.streams.assemble import Assembler
from bci_affect.streams.collector import Collector
from bci_affect.streams.header import StreamHeader, parse_header
from bci_affect.streams.lsl import FoundStream
from bci_affect.streams.source import ConnectionState, Health, Marker, StreamInfo
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""How long a stream may take to answer with its description or clock."""
PULL_S = 0.1
COALESCE_S = 0.002
STALL_S = 0.5
STALL_CHUNKS = 5.0
SEARCH_AFTER_S = 1.0
GONE_AFTER_S = 2.0
OFFSET_EVERY_S = 5.0
COUNT_EVERY_S = 0.1
RATE_OFF = 0.05
QUEUE_S = 60.0
"""Chunks wait this long for a reader; then the oldest are dropped and counted as lost."""
MAX_SAMPLES = 256  # of one pull; what is left comes with the next, at once
INLET_BUFFER_S = 360


class _Link:
    """One connection to one outlet: buffering from the moment it is made."""

    def __init__(self, info: Any) -> None:
        pylsl = lsl.load()
        self.found = info
        self.uid: str = info.uid()
        self.inlet = pylsl.StreamInlet(
            info, max_buflen=INLET_BUFFER_S, recover=False, as_numpy=True
        )
        try:
            self.inlet.open_stream(PATIENCE_S)
            self.header: StreamHeader = parse_header(self.inlet.info(PATIENCE_S).as_xml())
            self.offset = float(self.inlet.time_correction(PATIENCE_S))
            self.least = max(1, int(self.header.rate_hz * COALESCE_S))
        except (TimeoutError, RuntimeError) as error:
            raise BciAffectError(
                f"Stream '{info.name()}' was found but does not answer ({error}); restart the "
                "program that sends it, or check the firewall."
            ) from None


class LslSource:
    """EEG over LSL as a `Source`; see the module for how it works.

    Parameters
    ----------
    name, type, source_id : str, optional
        What the stream must be called; None accepts all. `type` is "EEG" unless told otherwise.
    predicate : str, optional
        XPath predicate over the stream's description, as liblsl takes it.
    channels : sequence of str, optional
        Channels to keep, by name and in this order.

    Attributes
    ----------
    tap : RawTap or None
        Gets everything as it was received, with clock offsets and markers; may be set at any time.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        type: str | None = "EEG",
        source_id: str | None = None,
        predicate: str | None = None,
        channels: Sequence[str] | None = None,
    ) -> None:
        self._name, self._type, self._source_id = name, type, source_id
        self._predicate, self._channels = predicate, channels
        self.tap: RawTap | None = None
        self._told: RawTap | None = None
        self._stop = threading.Event()
        self._queue: deque[Chunk] = deque()
        self._queued = 0
        self._overflow = 0  # samples dropped before the chunk that is read next
        self._dropped = 0
        self._last_read = math.nan
        self._ready = threading.Condition()
        self._health = Health(ConnectionState.SEARCHING, "", math.nan, 0.0, math.nan)
        self._assembler: Assembler | None = None
        self._link: _Link | None = None
        self._fresh_offset: float | None = None
        self._count_next = 0.0
        self._threads: list[threading.Thread] = []
        self._markers = Collector(lambda found: found.format == "string", lambda: self.tap)

    # -- Source ----------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; raises `RuntimeError` before `open`."""
        if self._assembler is None:
            raise RuntimeError("open the source first")
        return self._assembler.info

    @property
    def health(self) -> Health:
        """State, rates and losses now."""
        return self._health

    def open(self, timeout_s: float) -> StreamInfo:
        """Find the stream and connect, waiting at most `timeout_s` for it to appear.

        Raises
        ------
        BciAffectError
            If none is found, several match (the sentence lists them), or it cannot be used.
        """
        self._set(ConnectionState.SEARCHING, f"Looking for {self._asked()}.")
        link = self._connect(timeout_s)
        if link.header.is_text or link.header.rate_hz <= 0:
            raise BciAffectError(
                f"Stream '{link.header.name}' cannot be used as EEG: it sends "
                f"{'text' if link.header.is_text else 'samples at no regular rate'}."
            )
        self._assembler = Assembler(link.header, self._channels)
        self._queue_limit = QUEUE_S * link.header.rate_hz
        self._key = f"{link.header.name} {link.uid}"
        self._adopt(link)
        self._health = replace(self._health, nominal_hz=link.header.rate_hz)
        self._threads = [
            threading.Thread(target=self._run, name="lsl-pull", daemon=True),
            threading.Thread(target=self._watch_clock, name="lsl-clock", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._markers.start()
        return self.info

    def _connect(self, timeout_s: float) -> _Link:
        """Find and open the one stream that matches and answers.

        A sender that was killed can be seen for some seconds more; it does not count.
        """
        deadline = time.monotonic() + timeout_s
        gone: dict[str, BciAffectError] = {}
        while True:
            infos = lsl.search(
                max(0.0, deadline - time.monotonic()),
                lambda found: found.uid not in gone and self._accepts(found),
                predicate=self._predicate or "",
                settle_s=0.0 if self._source_id else lsl.SETTLE_S,
                stop=self._stop.is_set,
            )
            if not infos and gone:
                raise list(gone.values())[-1]
            if not infos:
                raise BciAffectError(
                    f"No {self._asked()} was found in {timeout_s:g} s. Check that the headset's "
                    "program is sending to LSL in this network ('bci-affect streams' lists what "
                    "can be seen)."
                )
            links = []
            for info in infos:
                self._set(ConnectionState.CONNECTING, f"Connecting to {lsl.describe(info)}.")
                try:
                    links.append(_Link(info))
                except BciAffectError as error:
                    gone[info.uid()] = error
            if len(links) == 1:
                return links[0]
            if links:
                seen = "; ".join(str(lsl.describe(link.found)) for link in links)
                raise BciAffectError(
                    f"{len(links)} streams match: {seen}. Choose one by --source-id or --stream."
                )

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the next chunk, or None when none arrived in `timeout_s`."""
        with self._ready:
            if not self._queue:
                self._ready.wait_for(lambda: bool(self._queue), timeout_s)
            if not self._queue:
                return None
            chunk = self._queue.popleft()
            self._queued -= chunk.times.size
            if self._overflow:  # we dropped what came between: that is a hole like any other
                gap = float(chunk.times[0]) - self._last_read - 1.0 / self.info.rate_hz
                chunk = replace(chunk, gap_before=max(gap, chunk.gap_before))
                self._overflow = 0
            self._last_read = float(chunk.times[-1])
            return chunk

    def markers(self) -> list[Marker]:
        """Return events of other programs' text streams since the last call."""
        return self._markers.take()

    def close(self) -> None:
        """Disconnect; safe to call twice and from any thread."""
        self._stop.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(PATIENCE_S + 1.0)
        self._markers.stop()
        self._link = None
        if self._assembler is not None:
            self._count(self._assembler)
        if self.tap is not None and self._told is self.tap:
            self.tap.health(self._key, self._health)
        if self._health.state is not ConnectionState.STOPPED:
            self._set(ConnectionState.STOPPED, "Closed.")

    # -- search ----------------------------------------------------------------------------------

    def _accepts(self, found: FoundStream) -> bool:
        return (
            found.uid not in lsl.own_uids
            and found.format != "string"
            and (self._name is None or found.name == self._name)
            and (self._type is None or found.type.lower() == self._type.lower())
            and (self._source_id is None or found.source_id == self._source_id)
        )

    def _asked(self) -> str:
        asked = [
            f"{what} '{value}'"
            for what, value in (
                ("name", self._name),
                ("source id", self._source_id),
                ("predicate", self._predicate),
            )
            if value
        ]
        return f"{self._type or 'LSL'} stream" + (f" with {' and '.join(asked)}" if asked else "")

    # -- the data thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._stream()
                if not self._stop.is_set():
                    self._find_again()
        except Exception as error:  # a bug must show as a state, never as a frozen screen
            logger.exception("The receiving thread ended.")
            self._set(ConnectionState.STOPPED, f"Receiving ended by an internal error: {error}.")

    def _stream(self) -> None:
        """Pull until samples stay away for too long or the connection breaks."""
        link = self._link
        assert link is not None
        last = time.monotonic()
        typical = 0.0  # seconds between arrivals, smoothed
        while not self._stop.is_set():
            got = self._pull(link, PULL_S)
            now = time.monotonic()
            if got is None:
                self._set(ConnectionState.LOST, "The connection to the device broke.")
                self._link = None
                return
            if got:
                if self._health.state is not ConnectionState.STREAMING:
                    self._set(ConnectionState.STREAMING, "")
                typical += 0.1 * (now - last - typical)
                last = now
                continue
            silent = now - last
            if silent > max(STALL_S, STALL_CHUNKS * typical):
                if self._health.state is ConnectionState.STREAMING:
                    self._set(ConnectionState.STALLED, "The device is connected but sends nothing.")
                if silent > SEARCH_AFTER_S:
                    return

    def _pull(self, link: _Link, timeout_s: float) -> int | None:
        """Take what is there; return how many samples, or None when the connection broke."""
        try:
            # Waits for the first sample (two milliseconds of them, where they come quicker) ...
            samples, stamps = link.inlet.pull_chunk(timeout=timeout_s, max_samples=link.least)
            # ... and takes what is there besides.
            waiting = link.inlet.samples_available() if len(stamps) == link.least else 0
            if waiting:
                more, later = link.inlet.pull_chunk(0.0, min(waiting, MAX_SAMPLES))
                samples = np.concatenate((samples, more))
                stamps = np.concatenate((stamps, later))
        except RuntimeError:
            return None
        if len(stamps):
            self._receive(samples, stamps, link)
        return len(stamps)

    def _receive(self, samples: NDArray[Any], stamps: NDArray[np.float64], link: _Link) -> None:
        assembler = self._assembler
        assert assembler is not None
        offsets = assembler.offsets
        fresh, self._fresh_offset = self._fresh_offset, None
        tap = self.tap
        new_tap = tap is not None and tap is not self._told
        if fresh is not None or new_tap or offsets.jumps(stamps).size:
            self._offset_from(stamps, link.offset if fresh is None else fresh, link)
        if tap is not None:
            tap.samples(self._key, samples, stamps)
        chunks = assembler.push(samples, stamps)
        if chunks:
            self._enqueue(chunks)
        if time.monotonic() >= self._count_next:
            self._count(assembler)

    def _offset_from(self, stamps: NDArray[np.float64], value: float, link: _Link) -> None:
        """Let an offset hold from these samples on, and tell the tap the very same."""
        assembler, tap = self._assembler, self.tap
        assert assembler is not None
        link.offset = value
        jumps = assembler.offsets.jumps(stamps)
        starts = [float(stamps[i]) for i in jumps if math.isfinite(stamps[i])]
        if not jumps.size or jumps[0] != 0:
            reached = assembler.offsets.reached
            starts.insert(0, math.nextafter(reached, math.inf))
        if tap is not None and tap is not self._told:
            tap.open_stream(self._key, link.header)
            self._told = tap
        for start in starts:
            assembler.offsets.add(start, value)
            if tap is not None:
                tap.clock_offset(self._key, start, value)

    def _enqueue(self, chunks: list[Chunk]) -> None:
        limit = self._queue_limit
        with self._ready:
            for chunk in chunks:
                self._queue.append(chunk)
                self._queued += chunk.times.size
            while self._queued > limit and len(self._queue) > 1:
                dropped = self._queue.popleft().times.size
                self._queued -= dropped
                self._overflow += dropped
                self._dropped += dropped
            self._ready.notify()

    def _count(self, assembler: Assembler) -> None:
        self._count_next = time.monotonic() + COUNT_EVERY_S
        dejitter = assembler.dejitter
        reason = self._health.reason
        if self._health.state is ConnectionState.STREAMING:
            reason = _remark(assembler)
            if reason and reason != self._health.reason:
                logger.warning(reason)
        self._health = replace(
            self._health,
            reason=reason,
            effective_hz=dejitter.effective_hz,
            expected=dejitter.expected,
            received=dejitter.received,
            lost=dejitter.lost + self._dropped,
            late=dejitter.late,
            clock_offset_s=assembler.offsets.value,
        )

    # -- the watchdog ----------------------------------------------------------------------------

    def _find_again(self) -> None:
        """Look for the stream until it is back or the source is closed.

        A connection that still stands is listened to all the while: a device that only paused
        goes on through it.
        """
        assert self._assembler is not None
        known = self._known
        began = time.monotonic()
        refused: set[str] = set()
        while not self._stop.is_set():
            link = self._link
            if link is not None:
                got = self._pull(link, PULL_S)
                if got:
                    self._set(ConnectionState.STREAMING, "")
                    return
                if got is None:
                    self._link = None
                    self._set(ConnectionState.LOST, "The connection to the device broke.")
            else:
                self._stop.wait(PULL_S)
            infos = {info.uid(): info for info in lsl.visible() if info.uid() not in refused}
            if link is not None and link.uid in infos:
                continue  # it is there and silent: a stall
            back = _returned(known, [lsl.describe(info) for info in infos.values()])
            if back is None:
                if time.monotonic() - began > GONE_AFTER_S and not refused:
                    self._set(
                        ConnectionState.LOST,
                        "The device is gone; it will be taken up again when it returns.",
                    )
                continue
            found, how = back
            problem = self._take_back(infos[found.uid], how)
            if not problem:
                return
            refused.add(found.uid)
            self._set(ConnectionState.LOST, problem)

    def _take_back(self, info: Any, how: str) -> str:
        """Connect to a stream that came back; return why not, or ""."""
        before = self._header
        self._set(ConnectionState.RECONNECTING, f"The device is back ({how}); connecting.")
        found = lsl.describe(info)
        changed = [
            f"{what} {new} instead of {old}"
            for what, new, old in (
                ("a rate of", f"{found.rate_hz:g} Hz", f"{before.rate_hz:g} Hz"),
                ("channels:", found.n_channels, before.n_channels),
                ("samples of type", found.format, before.format),
            )
            if new != old
        ]
        if changed:
            return (
                f"The device came back with {' and '.join(changed)}; "
                "it is not used. End this session and start a new one."
            )
        try:
            link = _Link(info)
        except BciAffectError as error:
            return str(error)
        if link.header.labels != before.labels:
            return (
                "The device came back with other channels "
                f"({', '.join(link.header.labels)}); end this session and start a new one."
            )
        self._adopt(link)
        logger.info("Stream '%s' is back (%s).", before.name, how)
        return ""

    def _adopt(self, link: _Link) -> None:
        self._link = link
        self._header = link.header
        self._known = FoundStream(
            link.header.name,
            link.header.type,
            link.header.source_id,
            link.header.n_channels,
            link.header.rate_hz,
            link.header.format,
            "",
            link.uid,
            0.0,
        )
        self._fresh_offset = link.offset

    def _watch_clock(self) -> None:
        """Measure the clock offset again and again; the first call of liblsl's may block."""
        while not self._stop.wait(OFFSET_EVERY_S):
            link, tap = self._link, self.tap
            if tap is not None:
                tap.health(self._key, self._health)
            if link is None or self._health.state is not ConnectionState.STREAMING:
                continue
            try:
                value = float(link.inlet.time_correction(1.0))
            except (TimeoutError, RuntimeError):
                continue
            if link is self._link:
                self._fresh_offset = value

    def _set(self, state: ConnectionState, reason: str) -> None:
        before = self._health
        if before.state is not state or before.reason != reason:
            since = lsl.local_clock() if before.state is not state else before.since
            self._health = replace(before, state=state, reason=reason, since=since)
            trouble = state in (ConnectionState.STALLED, ConnectionState.LOST)
            level = logging.WARNING if trouble else logging.INFO
            logger.log(level, "%s: %s", state, reason)


def _remark(assembler: Assembler) -> str:
    """Return what the user should know of a stream that runs, or ""."""
    rate_hz, named_hz = assembler.dejitter.effective_hz, assembler.info.rate_hz
    if abs(rate_hz / named_hz - 1.0) > RATE_OFF:
        return f"The device sends {rate_hz:.1f} samples a second, not {named_hz:g} as it says."
    return assembler.unit_note


def _returned(known: FoundStream, seen: Sequence[FoundStream]) -> tuple[FoundStream, str] | None:
    """Choose which of the seen streams is the known one come back, and say by what."""
    others = [stream for stream in seen if stream.uid not in (known.uid, *lsl.own_uids)]
    same: Callable[[FoundStream], bool]
    if known.source_id:
        by_id = [stream for stream in others if stream.source_id == known.source_id]
        if by_id:  # of two, the older has just died and is not forgotten yet
            return max(by_id, key=lambda stream: stream.created), "same source id"
    for same, how in (
        (
            lambda s: (
                (s.name, s.type, s.n_channels, s.rate_hz)
                == (known.name, known.type, known.n_channels, known.rate_hz)
            ),
            "same name, type, channels and rate",
        ),
        (lambda s: (s.name, s.type) == (known.name, known.type), "same name and type"),
    ):
        matching = [stream for stream in others if same(stream)]
        if len(matching) == 1:
            return matching[0], how
    return None
