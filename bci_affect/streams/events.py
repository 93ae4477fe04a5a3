"""Marker streams beside the EEG: found while the session runs, each kept and read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.streams import lsl
from bci_affect.streams.header import StreamHeader, parse_header
from bci_affect.streams.source import Marker
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

POLL_S = 0.05
OFFSET_EVERY_S = 5.0
PATIENCE_S = 3.0


class _MarkerLink:
    """One connected marker stream."""

    def __init__(self, inlet: Any, header: StreamHeader, offset: float) -> None:
        self.inlet = inlet
        self.header = header
        self.offset = offset
        self.key = f"{header.name} {header.uid}"
        self.told: RawTap | None = None


class MarkerCollector:
    """Collects events of all text streams that other programs send, on one thread.

    Parameters
    ----------
    tap : callable
        Returns the tap that raw events are also handed to, or None.
    """

    def __init__(self, tap: Callable[[], RawTap | None]) -> None:
        self._tap = tap
        self._lock = threading.Lock()
        self._events: list[Marker] = []
        self._links: dict[str, _MarkerLink] = {}
        self._failed: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lsl-markers", daemon=True)

    def start(self) -> None:
        """Begin to look for streams."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S + 1.0)

    def take(self) -> list[Marker]:
        """Return events since the last call."""
        with self._lock:
            events, self._events = self._events, []
        return events

    def _run(self) -> None:
        resolver = lsl.load().ContinuousResolver(pred="channel_format='string'", forget_after=3.0)
        last_offset = lsl.local_clock()
        while not self._stop.wait(POLL_S):
            for info in resolver.results():
                uid = info.uid()
                if uid not in self._links and uid not in self._failed and uid not in lsl.own_uids:
                    self._connect(info)
            if lsl.local_clock() - last_offset > OFFSET_EVERY_S:
                last_offset = lsl.local_clock()
                for link in self._links.values():
                    self._measure(link)
            for uid, link in list(self._links.items()):
                self._pull(uid, link)
        self._links.clear()

    def _connect(self, info: Any) -> None:
        pylsl = lsl.load()
        uid = info.uid()
        try:
            inlet = pylsl.StreamInlet(info, recover=False)
            inlet.open_stream(PATIENCE_S)
            header = parse_header(inlet.info(PATIENCE_S).as_xml())
            offset = inlet.time_correction(PATIENCE_S)
        except (TimeoutError, RuntimeError, BciAffectError) as error:
            logger.warning("Marker stream '%s' does not answer: %s", info.name(), error)
            self._failed.add(uid)
            return
        logger.info("Collecting markers of '%s'.", header.name)
        self._links[uid] = _MarkerLink(inlet, header, offset)

    def _measure(self, link: _MarkerLink) -> None:
        try:
            link.offset = link.inlet.time_correction(0.1)
        except (TimeoutError, RuntimeError):
            return
        link.told = None  # the next events are recorded with the new offset

    def _pull(self, uid: str, link: _MarkerLink) -> None:
        try:
            raw, stamps = link.inlet.pull_chunk(timeout=0.0, max_samples=256, as_numpy=True)
        except RuntimeError:  # lost; a restarted sender has a new uid
            logger.info("Marker stream '%s' is gone.", link.header.name)
            del self._links[uid]
            return
        tap = self._tap()
        if not len(stamps):
            return
        # Senders may put any bytes into a string; text that is no UTF-8 must not stop us.
        rows = [[value.decode("utf-8", "replace") for value in row] for row in raw]
        if tap is not None:
            if link.told is not tap:
                tap.open_stream(link.key, link.header)
                tap.clock_offset(link.key, float(stamps[0]), link.offset)
                link.told = tap
            tap.texts(link.key, rows, np.asarray(stamps, np.float64))
        with self._lock:
            for row, stamp in zip(rows, stamps, strict=True):
                time = float(stamp) + link.offset
                self._events.append(Marker(time, "\t".join(row), link.header.name))
