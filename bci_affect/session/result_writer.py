"""Writer thread of a session's results: CSV file, recording, and LSL outlets."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable

from bci_affect.affect import AffectEstimate, EstimateCsv
from bci_affect.event_log import TimedEvent
from bci_affect.session.parts import Notify, Publishing, Recording
from bci_affect.streams import local_clock

_Item = AffectEstimate | TimedEvent
logger = logging.getLogger(__name__)
_HELD = 8192  # a quarter of an hour of estimates
_WRITE_S = 5.0  # limit of waiting for queued items when a recording is finished
_CHORE_S = 60.0  # a killed session loses at most this much of the person's normalisation


class ResultWriter:
    """Writer of estimates and events to the CSV file, the recording and the LSL outlets.

    Runs on its own thread (``bci-out``) from a long bounded queue, so that `put` never waits;
    nothing is dropped unless the queue is full.

    Parameters
    ----------
    estimates : EstimateCsv or None
        Closed at the end.
    publisher : Publishing or None
        Closed at the end.
    recording : Recording or None
        Finished at the end.
    playing : callable
        Returns the id of the playing track, for the file.
    notify : callable
        Shows a sentence to the user when something cannot be written.
    chore : callable
        Called once a minute.
    """

    def __init__(
        self,
        estimates: EstimateCsv | None,
        publisher: Publishing | None,
        recording: Recording | None,
        *,
        playing: Callable[[], str],
        notify: Notify,
        chore: Callable[[], None],
    ) -> None:
        self._estimates = estimates
        self._publisher = publisher
        self._recording = recording
        self._playing = playing
        self._notify = notify
        self._chore = chore
        self._queue: queue.Queue[_Item | threading.Event | None] = queue.Queue(_HELD)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="bci-out", daemon=True)

    def start(self) -> None:
        """Start writing; items that were put before come first."""
        self._thread.start()

    def put(self, item: _Item) -> None:
        """Queue an item for writing; return at once."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:  # disk or network hung for a quarter of an hour
            self._dropped += 1
            if self._dropped == 1:
                self._notify("error", "Results cannot be written: the disk or the network hangs.")

    def finish_recording(self) -> None:
        """Finish the recording's file, with every item that was put so far."""
        if self._recording is None:
            return
        if self._thread.is_alive():
            written = threading.Event()
            with contextlib.suppress(queue.Full):
                self._queue.put(written, timeout=_WRITE_S)
                written.wait(_WRITE_S)
        self._recording.stop()

    def close(self) -> None:
        """Write the remaining items, and close all outputs."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout=10)
        self._chore()
        if self._recording:
            self._recording.stop()
        if self._estimates:
            self._estimates.close()
        if self._publisher:
            self._publisher.close()

    def _run(self) -> None:
        last_flush = 0.0
        last_chore = local_clock()
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):  # all items before it are written
                item.set()
                continue
            try:
                self._write(item)
                now = local_clock()
                if self._estimates and now - last_flush > 1.0:
                    self._estimates.flush()
                    last_flush = now
                if now - last_chore > _CHORE_S:
                    last_chore = now
                    self._chore()
            except OSError as error:
                self._notify("error", f"Results cannot be written: {error.strerror or error}.")
                self._estimates = None
            except Exception:
                logger.exception("a result could not be written")
                self._notify("error", "A result could not be written or published; see the log.")

    def _write(self, item: _Item) -> None:
        if not isinstance(item, AffectEstimate):
            time, event = item
            if self._publisher:
                self._publisher.event(event, time)
            if self._recording:
                self._recording.event(event, time)
            return
        if self._publisher:  # first: another program may close a loop on it
            self._publisher.estimate(item)
        if self._estimates:
            self._estimates.write(item, self._playing())
        if self._recording:
            self._recording.estimate(item)
