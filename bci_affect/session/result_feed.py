"""Results of a session for programs that iterate over them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from bci_affect.errors import StreamTimeout

T = TypeVar("T")

QUEUE_SIZE = 4096
"""Results of eight minutes that wait for a slow reader; then the oldest are dropped."""


class ResultFeed(Generic[T]):
    """One kind of results, passed on by the EEG thread to any number of iterators.

    The EEG thread never waits: each iterator has a bounded queue of its own.

    Parameters
    ----------
    describe : callable
        Returns the state of the stream in words, for the message of a time-out.
    check : callable
        Raises the failure of the session, if it failed; called when an iterator ends.
    """

    def __init__(self, describe: Callable[[], str], check: Callable[[], None]) -> None:
        self._describe = describe
        self._check = check
        self._changed = threading.Condition()
        self._queues: list[deque[T]] = []
        self._closed = False

    def push(self, result: T) -> None:
        """Add a result to all iterators."""
        if not self._queues:
            return
        with self._changed:
            for queue in self._queues:
                queue.append(result)
            self._changed.notify_all()

    def close(self) -> None:
        """End all iterators, present and future, once their queues are empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def results(self, timeout_s: float | None, duration_s: float | None) -> Iterator[T]:
        """Return an iterator over the results from now on; see `LiveSession.estimates`."""
        queue: deque[T] = deque(maxlen=QUEUE_SIZE)
        with self._changed:
            self._queues.append(queue)
        return self._iterate(queue, timeout_s, duration_s)

    def _iterate(
        self, queue: deque[T], timeout_s: float | None, duration_s: float | None
    ) -> Iterator[T]:
        end = float("inf") if duration_s is None else time.monotonic() + duration_s
        patience = float("inf") if timeout_s is None else timeout_s
        try:
            while (left := end - time.monotonic()) > 0:
                wait = min(patience, left)
                with self._changed:
                    self._changed.wait_for(
                        lambda: queue or self._closed, None if wait == float("inf") else wait
                    )
                    result = queue.popleft() if queue else None
                if result is not None:
                    yield result
                elif self._closed:
                    self._check()
                    return
                elif patience < left:
                    raise StreamTimeout(
                        f"No result arrived within {patience:g} s; {self._describe()}."
                    )
        finally:
            with self._changed:
                self._queues = [other for other in self._queues if other is not queue]
