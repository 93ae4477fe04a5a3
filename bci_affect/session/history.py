"""Estimates of a running session: the newest in full, all of them in the log."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, EstimateLog
from bci_affect.eeg import FeatureWindow, State

_HISTORY = (
    8 * 60 * 3
)  # three minutes: an estimate weighs 4 kB, and old ones leave holes in the heap
_LATENCY_WINDOW_S = 60.0
_JUMP_S = 1.0
_MADE_AT_ONCE = (State.OK, State.ARTIFACT, State.PAUSED)  # in other states samples are awaited


class EstimateHistory:
    """Three minutes of estimates, a log of all, the newest window, and the last latencies.

    One thread adds; any thread may read.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window: FeatureWindow | None = None
        self._estimate: AffectEstimate | None = None
        self._history: deque[AffectEstimate] = deque(maxlen=_HISTORY)
        self._log = EstimateLog()
        self._latencies: deque[tuple[float, float]] = deque()

    def add(
        self,
        window: FeatureWindow,
        estimate: AffectEstimate,
        done: float,
        latency_s: float,
        *,
        logged: bool = True,
    ) -> None:
        """Add an estimate, made at `done`, `latency_s` after its newest sample.

        Without `logged` it is only the newest one: the session has not begun.
        """
        with self._lock:
            self._window = window
            self._estimate = estimate
            if logged:
                if self._history and estimate.time < self._history[-1].time - _JUMP_S:
                    self._history.clear()  # a replay was moved back: time runs on from there
                    self._log = EstimateLog()
                self._history.append(estimate)
                self._log.add(estimate)
            if estimate.state in _MADE_AT_ONCE:
                self._latencies.append((done, latency_s))
            while self._latencies and self._latencies[0][0] < done - _LATENCY_WINDOW_S:
                self._latencies.popleft()

    def mark_lost(self, *, logged: bool = True) -> AffectEstimate | None:
        """Add the last estimate again as lost (the stream is gone); None if there is none."""
        with self._lock:
            if self._estimate is None:
                return None
            lost = replace(self._estimate, state=State.LOST, confidence=0.0)
            self._estimate = lost
            if logged:
                self._history.append(lost)
                self._log.add(lost)
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

    def estimate_log(self) -> EstimateLog:
        """Return a copy of the log of all estimates."""
        with self._lock:
            return self._log.copy()

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
