"""The estimates of a session, for whoever looks at it: the newest whole, all of them in short."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, Course
from bci_affect.eeg import FeatureWindow, State

_HISTORY = (
    8 * 60 * 3
)  # three minutes: an estimate weighs 4 kB, and old ones leave holes in the heap
_LATENCY_WINDOW_S = 60.0


class Readings:
    """Three minutes of estimates, the course of all, the newest window, and the last latencies.

    One thread takes them; any may look.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window: FeatureWindow | None = None
        self._estimate: AffectEstimate | None = None
        self._history: deque[AffectEstimate] = deque(maxlen=_HISTORY)
        self._course = Course()
        self._latencies: deque[tuple[float, float]] = deque()

    def take(
        self, window: FeatureWindow, estimate: AffectEstimate, done: float, latency_s: float
    ) -> None:
        """Take an estimate, made at `done`, so long after its newest sample."""
        with self._lock:
            self._window = window
            self._estimate = estimate
            self._history.append(estimate)
            self._course.add(estimate)
            if estimate.state in (State.OK, State.ARTIFACT):  # the others wait for samples
                self._latencies.append((done, latency_s))
            while self._latencies and self._latencies[0][0] < done - _LATENCY_WINDOW_S:
                self._latencies.popleft()

    def lose(self) -> AffectEstimate | None:
        """Mark the last reading as no reading, for the stream is gone; None where there is none."""
        with self._lock:
            if self._estimate is None:
                return None
            lost = replace(self._estimate, state=State.LOST, confidence=0.0)
            self._estimate = lost
            self._history.append(lost)
            self._course.add(lost)
            return lost

    def newest(self) -> tuple[FeatureWindow | None, AffectEstimate | None]:
        """Return the newest window and estimate."""
        with self._lock:
            return self._window, self._estimate

    def history(self, seconds: float) -> list[AffectEstimate]:
        """Return the newest estimates, oldest first."""
        with self._lock:
            if not self._history:
                return []
            since = self._history[-1].time - seconds
            newest: list[AffectEstimate] = []
            for estimate in reversed(self._history):
                if estimate.time < since:
                    break
                newest.append(estimate)
        return newest[::-1]

    def course(self) -> Course:
        """Return the whole session in short."""
        with self._lock:
            return self._course.copy()

    def latencies_ms(self) -> NDArray[np.float64]:
        """Return the last minute's moments of estimates and their latencies, shape (2, n).

        Seconds on the session's clock; milliseconds from the newest sample to the estimate.
        """
        with self._lock:
            done = np.array(self._latencies, np.float64).reshape(-1, 2).T
        return done * [[1.0], [1e3]]

    def latency_ms(self) -> tuple[float, float]:
        """Return median and 99th percentile of those; NaN where there are none."""
        latencies = self.latencies_ms()[1]
        if not latencies.size:
            return math.nan, math.nan
        p50, p99 = np.percentile(latencies, (50, 99))
        return float(p50), float(p99)
