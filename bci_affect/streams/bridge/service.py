"""Service that publishes a board on LSL: watchdog, reconnection, side streams, and status."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.streams.bridge.board import Board, BoardError, BoardSettings, BrainFlowBoard
from bci_affect.streams.bridge.causes import (
    BoardRefusal,
    Cause,
    explain_read,
    explain_refusal,
    explain_silence,
)
from bci_affect.streams.bridge.feeds import BATTERY, Feed, make_feeds
from bci_affect.streams.bridge.stamps import Stamper, UnixToLsl
from bci_affect.streams.bridge.surroundings import Surroundings, ThisMachine
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.outlet import RawOutlet
from bci_affect.streams.source import ConnectionState

logger = logging.getLogger(__name__)

PULL_S = 0.01
SIDE_EVERY = 5
"""Side streams are read at every fifth turn."""
STATUS_S = 1.0
BATTERY_S = 10.0
SILENT_S = 5.0
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 30.0
FLAT_S = 2.0
LINGER_S = 0.2
"""Time to send the last samples: liblsl drops what waits when an outlet closes."""
MOST_MISSING = 32
"""Largest step of a package counter that is a loss."""


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """State of a bridge.

    Attributes
    ----------
    state : ConnectionState
        ``connecting``, ``streaming``, ``stalled`` (silent, watched), ``reconnecting``, ``stopped``.
    cause : Cause
        Cause of a problem.
    reason : str
        One sentence for the user; "" without a problem.
    battery : float
        Percent; NaN if the board does not report it.
    sent : int
        Samples of EEG that were published.
    missed : float
        Share of packages that the radio lost, by their counter; NaN if there is none.
    flat : tuple of str
        Electrodes whose value has not changed for two seconds.
    tries : int
        Failed tries since the connection was lost.
    retry_s : float
        Seconds until the next try; 0 if none is waiting.
    """

    state: ConnectionState = ConnectionState.CONNECTING
    cause: Cause = Cause.NONE
    reason: str = ""
    battery: float = math.nan
    sent: int = 0
    missed: float = math.nan
    flat: tuple[str, ...] = ()
    tries: int = 0
    retry_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BridgeOptions:
    """Behaviour of a bridge.

    Attributes
    ----------
    silent_s : float
        Seconds without a sample after which it connects again.
    keep_trying : bool
        Retry also if the first connection fails.
    side_streams : bool
        Publish the other sensors too.
    first_retry_s, longest_retry_s : float
        Pause after the first failed try; it doubles up to the longest.
    """

    silent_s: float = SILENT_S
    keep_trying: bool = False
    side_streams: bool = True
    first_retry_s: float = FIRST_RETRY_S
    longest_retry_s: float = LONGEST_RETRY_S


@dataclass(slots=True)
class _Published:
    """Feed with its outlet and its times; kept over connections."""

    feed: Feed
    outlet: RawOutlet
    stamper: Stamper
    to_lsl: UnixToLsl = field(default_factory=lambda: UnixToLsl(lsl.local_clock))
    usable: bool = True
    battery_at: float = -math.inf
    package: int = -1
    packages: int = 0
    missing: int = 0
    last: NDArray[np.float64] | None = None
    changed_at: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


class Bridge:
    """Publisher of one board on LSL, which reconnects by itself.

    The streams and their source ids stay while the board is away, so that a session recovers. All
    calls to the board come from the thread that calls `run`.

    Parameters
    ----------
    settings : BoardSettings
        Board and its connection parameters.
    options : BridgeOptions, optional
        Watchdog, retries and side streams.
    make_board : callable, optional
        Returns a new connection for the settings; BrainFlow's by default.
    surroundings : Surroundings, optional
        Facts about the machine, to explain a refusal.
    notify : callable, optional
        Called with the status at every change, and once a second while samples arrive.

    Raises
    ------
    BciAffectError
        If BrainFlow is missing, or the board is unknown or has no EEG.
    """

    def __init__(
        self,
        settings: BoardSettings,
        options: BridgeOptions | None = None,
        *,
        make_board: Callable[[BoardSettings], Board] = BrainFlowBoard,
        surroundings: Surroundings | None = None,
        notify: Callable[[BridgeStatus], None] = lambda status: None,
    ) -> None:
        self._settings = settings
        self._options = options or BridgeOptions()
        self._make_board = make_board
        self._surroundings = surroundings or ThisMachine()
        self._notify = notify
        self.status = BridgeStatus()
        self._published: tuple[_Published, ...] = ()
        board = make_board(settings)
        with _described(settings):
            self._feeds = self._layout(board.describe(), {})

    @property
    def header(self) -> StreamHeader:
        """Description of the EEG stream; its rate is final once the board has connected."""
        return self._feeds[0].header

    @property
    def headers(self) -> tuple[StreamHeader, ...]:
        """Descriptions of all streams, EEG first."""
        return tuple(feed.header for feed in self._feeds)

    def run(self, stop: threading.Event, *, wait: bool = False) -> int:
        """Publish until `stop` is set; return the number of EEG samples sent.

        With `wait`, the board starts to send once a receiver is connected.

        Raises
        ------
        BciAffectError
            If the first connection fails (unless `keep_trying`), or waiting cannot help.
        """
        connected = False
        try:
            while not stop.is_set():
                try:
                    board = self._connect(stop, wait=wait and not connected)
                except BoardRefusal as refusal:
                    if not refusal.cause.passes or not (connected or self._options.keep_trying):
                        self.status = replace(self.status, cause=refusal.cause, reason=str(refusal))
                        raise
                    self._pause(stop, refusal)
                    continue
                if board is None:
                    break
                connected, before = True, self.status.sent
                problem = self._stream(board, stop)
                if problem is None:
                    continue
                logger.warning("%s", problem)
                if self.status.sent == before:
                    self._pause(stop, problem)  # as after a refusal
                else:
                    self._set(
                        state=ConnectionState.RECONNECTING, cause=problem.cause, reason=str(problem)
                    )
        finally:
            self._set(state=ConnectionState.STOPPED, retry_s=0.0)
            if any(published.outlet.has_consumers() for published in self._published):
                time.sleep(LINGER_S)
            for published in self._published:
                published.outlet.close()
            self._published = ()
        return self.status.sent

    # -- connection ------------------------------------------------------------------------------

    def _connect(self, stop: threading.Event, *, wait: bool) -> Board | None:
        """Return a board that sends; None if `stop` was set meanwhile."""
        known = self.status
        if not known.reason:
            self._set(
                state=ConnectionState.CONNECTING,
                reason=f"Connecting to the board '{self._settings.board}'.",
            )
        board = self._make_board(self._settings)
        try:
            board.prepare()
            described = board.describe()
            rates_hz = {preset: board.rate_hz(preset) for preset in described}
        except BoardError as error:
            _ignore(board.release)
            raise explain_refusal(error, self._settings, self._surroundings) from None
        self._publish(self._layout(described, rates_hz))
        while wait and not self._published[0].outlet.has_consumers():
            if stop.wait(0.02):
                _ignore(board.release)
                return None
        try:
            board.start()
        except BoardError as error:
            _ignore(board.release)
            raise explain_refusal(error, self._settings, self._surroundings) from None
        return board

    def _layout(
        self, described: Mapping[int, Mapping[str, Any]], rates_hz: Mapping[int, float]
    ) -> tuple[Feed, ...]:
        return make_feeds(
            self._settings, described, rates_hz, side_streams=self._options.side_streams
        )

    def _publish(self, feeds: tuple[Feed, ...]) -> None:
        """Open the outlets; those of unchanged streams stay open over reconnections."""
        before = {published.feed.header: published for published in self._published}
        published = []
        for feed in feeds:
            kept = before.pop(feed.header, None)
            if kept is None:
                outlet = RawOutlet(feed.header, own=False)
                kept = _Published(feed, outlet, Stamper(feed.header.rate_hz))
            kept.feed, kept.usable, kept.package = feed, True, -1
            published.append(kept)
        for gone in before.values():
            gone.outlet.close()
        self._feeds, self._published = feeds, tuple(published)

    def _pause(self, stop: threading.Event, refusal: BoardRefusal) -> None:
        """Wait before the next try, longer each time."""
        options, tries = self._options, self.status.tries
        pause = min(options.longest_retry_s, options.first_retry_s * 2.0 ** min(tries, 16))
        self._set(
            state=ConnectionState.RECONNECTING,
            cause=refusal.cause,
            reason=str(refusal),
            tries=tries + 1,
            retry_s=pause,
        )
        end = time.monotonic() + pause
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            stop.wait(min(left, STATUS_S))
            self._set(retry_s=max(0.0, end - time.monotonic()))

    # -- samples ---------------------------------------------------------------------------------

    def _stream(self, board: Board, stop: threading.Event) -> BoardRefusal | None:
        """Publish until `stop` is set or the board fails; return the problem."""
        problem: BoardRefusal | None = None
        try:
            problem = self._watch(board, stop)
        except BoardError as error:
            problem = explain_read(error, self._settings)
        finally:
            _ignore(board.stop)
            for published in self._published:  # what arrived before the end
                if published.usable:
                    _ignore(partial(self._send, board, published))
            for published in self._published:
                self._push(published, published.stamper.end_connection())
            _ignore(board.release)
        return problem

    def _watch(self, board: Board, stop: threading.Event) -> BoardRefusal | None:
        eeg, *side = self._published
        turn = 0
        arrived_at = notified_at = time.monotonic()
        while not stop.wait(PULL_S):
            turn += 1
            now = time.monotonic()
            if self._send(board, eeg):
                arrived_at = now
                if self.status.state is not ConnectionState.STREAMING:
                    self._set(
                        state=ConnectionState.STREAMING,
                        cause=Cause.NONE,
                        reason="",
                        tries=0,
                        retry_s=0.0,
                    )
            elif now - arrived_at > self._options.silent_s:
                return explain_silence(self._settings, now - arrived_at)
            elif now - arrived_at > 1.0 and self.status.state is ConnectionState.STREAMING:
                self._set(
                    state=ConnectionState.STALLED,
                    cause=Cause.SILENT,
                    reason=f"The board '{self._settings.board}' sends nothing.",
                )
            if turn % SIDE_EVERY == 0:
                for published in side:
                    self._send_side(board, published)
            if now - notified_at >= STATUS_S:
                notified_at = now
                self._set(missed=_missed(eeg), flat=_flat(eeg))
        return None

    def _send_side(self, board: Board, published: _Published) -> None:
        """Publish a side stream; one that cannot be read costs that stream only."""
        if not published.usable:
            return
        try:
            self._send(board, published)
        except BoardError as error:
            published.usable = False
            logger.info("'%s' is not available: %s", published.feed.header.name, error)

    def _send(self, board: Board, published: _Published) -> int:
        """Read and publish what has arrived of one feed; return the number of samples."""
        feed = published.feed
        shared = [p for p in self._published if p.feed.preset == feed.preset]
        if published is not shared[0]:
            return 0  # its samples come with those of the first feed of the preset
        data = board.read(feed.preset)
        n = int(data.shape[1])
        if not n:
            return 0
        stamps = np.ascontiguousarray(data[feed.time_row], np.float64)
        times = published.to_lsl(stamps)
        for each in shared:
            samples = np.ascontiguousarray(data[list(each.feed.rows)].T, np.float32)
            if each.feed.type == BATTERY:
                self._battery(each, float(samples[-1, 0]), float(times[-1]))
            else:
                self._push(each, each.stamper.push(samples, times))
        if published is self._published[0]:
            _count(published, data)
        return n

    def _push(self, published: _Published, pairs: list[tuple[Any, NDArray[np.float64]]]) -> None:
        for samples, times in pairs:
            published.outlet.push(samples, times)
            if published is self._published[0]:
                self.status = replace(self.status, sent=self.status.sent + len(times))

    def _battery(self, published: _Published, percent: float, when: float) -> None:
        """Publish the battery every ten seconds."""
        if when - published.battery_at < BATTERY_S:
            return
        published.battery_at = when
        row = np.array([[percent]], np.float32)
        published.outlet.push(row, np.array([when]))
        self._set(battery=percent)

    def _set(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)
        self._notify(self.status)


@contextmanager
def _described(settings: BoardSettings) -> Iterator[None]:
    """Turn the error of a board that has no description into a sentence for the user."""
    try:
        yield
    except BoardError:
        raise BciAffectError(
            f"The board '{settings.board}' has no EEG channels of its own; name the board that "
            "made the recording with --master."
        ) from None


def _count(published: _Published, data: NDArray[np.float64]) -> None:
    """Count lost packages by their counter, and note which electrodes change."""
    feed, now = published.feed, time.monotonic()
    for number in data[feed.package_row].astype(int).tolist() if feed.package_row >= 0 else ():
        if published.package >= 0 and number != published.package:
            step = (number - published.package) % 256
            missing = step - 1 if step <= MOST_MISSING else 0  # a counter may wrap elsewhere
            published.packages += 1 + missing
            published.missing += missing
        published.package = number
    samples = data[list(feed.rows)]
    if published.last is None or len(published.last) != len(samples):
        published.last = samples[:, 0]
        published.changed_at = np.full(len(samples), now)
    published.changed_at[(samples != published.last[:, None]).any(axis=1)] = now
    published.last = samples[:, -1].copy()


def _missed(published: _Published) -> float:
    return published.missing / published.packages if published.packages else math.nan


def _flat(published: _Published) -> tuple[str, ...]:
    """Return the electrodes that have not changed for `FLAT_S`."""
    still = time.monotonic() - published.changed_at > FLAT_S
    return tuple(
        label for label, flat in zip(published.feed.header.labels, still, strict=False) if flat
    )


def _ignore(call: Callable[[], object]) -> None:
    """Call a method of a board that may have gone."""
    try:
        call()
    except BoardError as error:
        logger.debug("The board did not end in order: %s", error)
