"""Live EEG source over LSL with a watchdog and automatic reconnection.

The thread that waits in `read` pulls from liblsl itself, so that a sample passes through no other
thread. A watchdog thread pulls while no reader does (so that a recording is complete), detects
overdue samples, and searches for a lost stream. liblsl's own recovery is off, because it resumes
silently and waits forever for a device that returns under a new source id.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Chunk
from bci_affect.errors import BciAffectError
from bci_affect.streams.clock.even_rate import MEASURE_S, OpeningRate
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.arrivals import Arrivals, time_to_rest
from bci_affect.streams.lsl.collector import Collector
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.lsl.link import PATIENCE_S, Link
from bci_affect.streams.lsl.receiver import Receiver
from bci_affect.streams.lsl.recognition import (
    accompanies,
    changed,
    is_named,
    relabelled,
    returned,
)
from bci_affect.streams.lsl.search import Wanted
from bci_affect.streams.marker_port import MarkerPort
from bci_affect.streams.numeric_markers import is_marker_stream
from bci_affect.streams.source import (
    ConnectionState,
    Health,
    ManagedSource,
    Marker,
    SideStream,
    StreamInfo,
)
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

PULL_S = 0.1
READER_S = 0.15
"""Seconds without a call of `read` after which the watchdog pulls."""
STALL_S = 0.5
STALL_CHUNKS = 5.0
SEARCH_AFTER_S = 1.0
GONE_AFTER_S = 2.0
BEFORE_S, USE_S = 0.002, 0.012
"""Seconds before and after the expected arrival of the awaited sample that belong to the EEG."""
SUSPENDED_S = 2.0
"""Seconds that the watchdog did not run, after which the program was suspended."""
QUIET_S = 2.0
"""Longest wait in seconds for the first sample; the announced rate is then used unchecked."""
FIRST_S = 3 * MEASURE_S
"""Longest wait in seconds for the samples over which a rate is measured."""
OFFSET_EVERY_S = 5.0
COUNT_EVERY_S = 0.1

_yield = getattr(os, "sched_yield", lambda: time.sleep(0))  # not on Windows


class LslSource(ManagedSource):
    """EEG over LSL as a `Source`; the module's docstring describes its threads.

    Parameters
    ----------
    name, type, source_id : str, optional
        Required name, type and id; None accepts all. `type` is "EEG" by default.
    predicate : str, optional
        XPath predicate over the stream's description, as in liblsl.
    channels : sequence of str, optional
        Channels to keep, by name and in this order.
    markers_udp : int, optional
        UDP port of this machine at which markers (text or OSC) are received too.
    side_streams : bool
        Receive other streams of the same source id or host (accelerometer, PPG, battery), and pass
        them to the tap.
    left_out : collection of str
        Side streams to leave out, by name, type, or NAME/TYPE.
    accept : callable, optional
        Returns True for a stream that may be used; a further requirement.
    wait_s : float
        Seconds to wait for the stream on entry to a ``with`` block.

    Attributes
    ----------
    tap : RawTap or None
        Receives all raw data, clock offsets and markers; may be set at any time.
    awaited : float
        Time of the sample that completes the reader's next result: `read` is awake when it arrives.
        A sleeping thread wakes late, see `arrivals`. NaN for none.
    due : float
        Expected arrival of that sample, as of the last `read`; NaN if unknown.

    Examples
    --------
    >>> import bci_affect as ba
    >>> with ba.LslSource(name="Muse S") as source:  # doctest: +SKIP
    ...     chunk = next(source.chunks(timeout_s=5.0))
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        type: str | None = "EEG",
        source_id: str | None = None,
        predicate: str | None = None,
        channels: Sequence[str] | None = None,
        markers_udp: int | None = None,
        side_streams: bool = True,
        left_out: Collection[str] = (),
        accept: Callable[[FoundStream], bool] | None = None,
        wait_s: float = 10.0,
    ) -> None:
        self.wait_s = wait_s
        self._wanted = Wanted(name, type, source_id, predicate, accept)
        self._channels = channels
        self.tap: RawTap | None = None
        self.awaited = self.due = math.nan
        self._stop = threading.Event()
        self._wake = threading.Event()  # of the watchdog
        self._pulling = threading.Lock()  # held by the thread that pulls
        self._read_at = -math.inf
        self._arrived_at = 0.0
        self._typical = 0.0  # seconds between arrivals, smoothed
        self._arrivals = Arrivals()
        self._changing = threading.Lock()  # of health
        self._health = Health(ConnectionState.SEARCHING, "", math.nan, 0.0, math.nan)
        self._receiver: Receiver | None = None
        self._link: Link | None = None
        self._count_next = 0.0
        self._threads: list[threading.Thread] = []
        self._keep_sides = side_streams
        self._left_out = tuple(left_out)
        self._seen: set[str] = set()  # uids that were visible a moment ago
        self._others: set[str] = set()  # uids that are not the device: it sent while they did
        self._markers = Collector(self._accompanies, lambda: self.tap, self._hold_s)
        self._port = (
            None
            if markers_udp is None
            else MarkerPort(markers_udp, lambda: self.tap, lsl.local_clock)
        )

    def __repr__(self) -> str:
        return f"LslSource({self._wanted}, {self._health.state})"

    # -- Source ----------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; raises `RuntimeError` before `open`."""
        if self._receiver is None:
            raise RuntimeError("open the source first")
        return self._receiver.assembler.info

    @property
    def health(self) -> Health:
        """Present state, rates and losses."""
        return self._health

    def open(self, timeout_s: float) -> StreamInfo:
        """Find the stream and connect, waiting at most `timeout_s` for it to appear.

        Raises
        ------
        BciAffectError
            If none is found, several match (the message lists them), or it cannot be used.
        """
        self._set(ConnectionState.SEARCHING, f"Looking for {self._wanted}.")
        link = self._wanted.connect(
            timeout_s,
            stop=self._stop.is_set,
            notify=lambda text: self._set(ConnectionState.CONNECTING, text),
        )
        if link.header.is_text:
            raise _not_eeg(link.header, "text")
        self._known = link.found
        self._markers.start()  # some players wait for receivers of their markers
        if self._port is not None:
            self._port.start()
        try:
            self._begin(link)
        except BaseException:
            self.close()
            raise
        self._threads = [
            threading.Thread(target=self._run, name="lsl-watch", daemon=True),
            threading.Thread(target=self._watch_clock, name="lsl-clock", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self.info

    def _begin(self, link: Link) -> None:
        """Measure the rate over the first samples, and process these at that rate."""
        announced_hz = link.header.rate_hz
        rate = OpeningRate(announced_hz)
        first: list[tuple[NDArray[Any], NDArray[np.float64], float]] = []
        until = time.monotonic() + (QUIET_S if announced_hz else FIRST_S)
        while not (rate.decided or self._stop.is_set() or time.monotonic() > until):
            pulled = link.pull(PULL_S)
            if pulled is None:
                break
            if len(pulled[1]):
                if not first:
                    until = time.monotonic() + FIRST_S
                first.append((*pulled, lsl.local_clock()))
                rate.push(pulled[1])
        if math.isnan(rate.rate_hz):
            raise _not_eeg(link.header, "samples at no regular rate" if first else "nothing")
        header = replace(link.header, rate_hz=rate.rate_hz)
        key = f"{header.name} {link.uid}"
        self._receiver = Receiver(header, self._channels, key, announced_hz)
        self._adopt(link)
        self._health = replace(self._health, nominal_hz=rate.rate_hz)
        for samples, stamps, arrived in first:
            self._receiver.take(samples, stamps, link, self.tap, arrived)

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the next chunk, or None when none arrived in `timeout_s`."""
        receiver = self._receiver
        if receiver is None:
            raise RuntimeError("open the source first")
        deadline = time.monotonic() + timeout_s
        left = timeout_s
        while True:
            chunk = receiver.queue.get()
            if chunk is not None or left < 0 or self._stop.is_set():
                return chunk
            self._read_at = time.monotonic()
            link = self._link
            usable = link is not None and not link.broken and self._streams()
            if link is not None and usable and self._pulling.acquire(blocking=False):
                try:
                    self.due = self._arrivals.expect(self.awaited)
                    rest = time_to_rest(self.due, lsl.local_clock())
                    if not rest:
                        _yield()  # to the thread that receives the sample
                    if self._pull(link, min(left, PULL_S, rest)) is None:
                        self._wake.set()
                finally:
                    self._pulling.release()
            else:
                receiver.queue.wait(min(left, PULL_S))
            left = deadline - time.monotonic()

    def markers(self) -> list[Marker]:
        """Return markers of other programs since the last call, by stream in order of time.

        Those of trigger columns of the EEG are among them.
        """
        found = self._markers.take()
        if self._receiver is not None:
            waiting = self._receiver.markers
            found += [waiting.popleft() for _ in range(len(waiting))]
        return found if self._port is None else found + self._port.take()

    def side_streams(self) -> list[SideStream]:
        """Return the other streams that are received: of the device, and of markers."""
        return self._markers.streams()

    def close(self) -> None:
        """Disconnect; safe to call twice and from any thread."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(PATIENCE_S + 1.0)
        self._markers.stop()
        if self._port is not None:
            self._port.stop()
        link, self._link = self._link, None
        if link is not None:
            self._finish_first(link)
        receiver = self._receiver
        if receiver is not None:
            self._count(receiver)
            if self.tap is not None and receiver.announced_to is self.tap:
                self.tap.health(receiver.key, self._health)
        if self._health.state is not ConnectionState.STOPPED:
            self._set(ConnectionState.STOPPED, "Closed.")

    # -- the data thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._stream()
                if not self._stop.is_set():
                    self._find_again()
        except Exception as error:  # report a bug as a state; never freeze the screen
            logger.exception("The receiving thread ended.")
            self._set(ConnectionState.STOPPED, f"Receiving ended by an internal error: {error}.")

    def _stream(self) -> None:
        """Watch until samples are overdue or the connection breaks."""
        link = self._link
        assert link is not None
        self._arrived_at, self._typical = time.monotonic(), 0.0
        turn = self._arrived_at
        while not self._stop.is_set():
            if time.monotonic() - self._read_at < READER_S and self._streams():
                self._wake.wait(PULL_S)  # the reader pulls
                self._wake.clear()
            else:
                with self._pulling:
                    self._pull(link, PULL_S)
            last, turn = turn, time.monotonic()
            if turn - last > SUSPENDED_S:
                self._arrived_at = turn
                logger.warning(
                    "The program was suspended for %.1f s; what was buffered is read now.",
                    turn - last,
                )
            if self._broken(link):
                return
            silent = time.monotonic() - self._arrived_at
            if silent > max(STALL_S, STALL_CHUNKS * self._typical):
                if self._streams():
                    self._set(ConnectionState.STALLED, "The device is connected but sends nothing.")
                if silent > SEARCH_AFTER_S:
                    return

    def _accompanies(self, found: FoundStream) -> bool:
        """Return True for markers, and for the side streams of the device that are kept."""
        if is_marker_stream(found.name, found.type, found.format, found.rate_hz):
            return True
        kept = self._keep_sides and not is_named(found, self._left_out)
        return kept and accompanies(self._known, found)

    def _hold_s(self) -> float:
        """Return how long other streams wait: from just before the awaited sample until it is used.

        Else a peer that sends much would compete with the EEG for the interpreter.
        """
        left = self.due - lsl.local_clock()
        return left + USE_S if -USE_S < left < BEFORE_S else 0.0  # 0 for an unknown time

    def _streams(self) -> bool:
        return self._health.state is ConnectionState.STREAMING

    def _broken(self, link: Link) -> bool:
        """Return True if the connection has broken; it is then reported and closed."""
        if not link.broken:
            return False
        self._finish_first(link)
        self._set(ConnectionState.LOST, "The connection to the device broke.")
        self._link = None
        return True

    def _finish_first(self, link: Link) -> None:
        """Hand on samples that wait for the estimate of the device's clock."""
        with self._pulling:
            if self._receiver is not None:
                self._receiver.finish_first(link, self.tap)

    def _pull(self, link: Link, timeout_s: float) -> int | None:
        """Pull the available samples; return their number, or None if the connection broke.

        The caller holds `_pulling`.
        """
        pulled = link.pull(timeout_s)
        if pulled is None:
            return None
        samples, stamps = pulled
        if len(stamps):
            receiver = self._receiver
            assert receiver is not None
            receiver.take(samples, stamps, link, self.tap)
            now = time.monotonic()
            self._typical += 0.1 * (now - self._arrived_at - self._typical)
            self._arrived_at = now
            self._arrivals.note(lsl.local_clock(), receiver.newest)
            if not self._streams():
                self._set(ConnectionState.STREAMING, "")
            if now >= self._count_next:
                self._count_next = now + COUNT_EVERY_S
                receiver.note_age()
                self._count(receiver)
        return len(stamps)

    def _count(self, receiver: Receiver) -> None:
        remark, figures = receiver.remark(), receiver.figures()
        with self._changing:
            reason = remark if self._streams() else self._health.reason
            if reason and reason != self._health.reason:
                logger.warning(reason)
            self._health = replace(self._health, reason=reason, **figures)

    # -- the watchdog ----------------------------------------------------------------------------

    def _find_again(self) -> None:
        """Search for the stream until it returns or the source is closed.

        A connection that is still open is polled meanwhile: a device that only paused continues
        through it.
        """
        known = self._known
        began = time.monotonic()
        refused: set[str] = set()
        while not self._stop.is_set():
            link = self._link
            if link is not None:
                with self._pulling:
                    if self._pull(link, PULL_S):
                        return
                if self._broken(link):
                    link = None
            else:
                self._stop.wait(PULL_S)
            unusable = refused | self._others
            infos = {info.uid(): info for info in lsl.visible() if info.uid() not in unusable}
            if link is not None and link.uid in infos:
                continue  # visible but silent: a stall
            back = returned(known, [lsl.describe(info) for info in infos.values()])
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
        """Connect to a stream that returned; return the reason of a failure, or ""."""
        before = self._header
        self._set(ConnectionState.RECONNECTING, f"The device is back ({how}); connecting.")
        problem = changed(lsl.describe(info), before)
        if problem:
            return problem
        try:
            link = Link(info)
        except BciAffectError as error:
            return str(error)
        problem = relabelled(link.header, before)
        if problem:
            return problem
        self._adopt(link)
        logger.info("Stream '%s' is back (%s).", before.name, how)
        return ""

    def _adopt(self, link: Link) -> None:
        assert self._receiver is not None
        self._header = link.header
        self._known = link.found
        link.shift = self._receiver.constant
        self._receiver.fresh_offset = link.measured
        self._seen = self._others = {info.uid() for info in lsl.visible()} - {link.uid}
        self._link = link

    def _watch_clock(self) -> None:
        """Measure the clock offset repeatedly; liblsl's first call may block."""
        while not self._stop.wait(OFFSET_EVERY_S):
            link, tap, receiver = self._link, self.tap, self._receiver
            assert receiver is not None
            if tap is not None:
                tap.health(receiver.key, self._health)
            if link is None or not self._streams():
                continue
            seen = {info.uid() for info in lsl.visible()} - {link.uid}
            self._others, self._seen = self._seen & seen, seen
            value = link.measure(1.0)
            if value is not None and link is self._link:
                receiver.fresh_offset = value

    def _set(self, state: ConnectionState, reason: str) -> None:
        with self._changing:
            before = self._health
            if before.state is state and before.reason == reason:
                return
            since = lsl.local_clock() if before.state is not state else before.since
            self._health = replace(before, state=state, reason=reason, since=since)
        trouble = state in (ConnectionState.STALLED, ConnectionState.LOST)
        level = logging.WARNING if trouble else logging.INFO
        logger.log(level, "%s: %s", state, reason)


def _not_eeg(header: StreamHeader, content: str) -> BciAffectError:
    return BciAffectError(f"Stream '{header.name}' cannot be used as EEG: it sends {content}.")
