"""Processor time that the host of a virtual machine gave to others, beside what was measured.

A latency of milliseconds says nothing of a program where the machine itself stood still for as
long. Linux counts what its host took ("steal"); nobody else does.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

LOOK_S = 0.05


class Stolen:
    """Watches the host from `start` to `stop`.

    Parameters
    ----------
    clock : callable
        Gives the time that is asked by, seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: list[tuple[float, float]] = []  # time, seconds stolen on all processors
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stolen", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_S):
            taken = getattr(psutil.cpu_times(), "steal", math.nan)
            self._seen.append((self._clock(), taken))

    def before(self, times: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
        """Return what was stolen in so many seconds before each of some times; NaN where unknown.

        The kernel counts in hundredths of a second, and late by as much.
        """
        if len(self._seen) < 2:
            return np.full(np.shape(times), math.nan)
        when, taken = np.array(self._seen).T
        ends = np.minimum(np.searchsorted(when, times), len(when) - 1)
        begins = np.maximum(np.searchsorted(when, np.asarray(times) - seconds) - 1, 0)
        stolen: NDArray[np.float64] = taken[ends] - taken[begins]
        return stolen

    def share(self) -> float:
        """Return what was stolen a second, in seconds of a processor; NaN where unknown."""
        if len(self._seen) < 2:
            return math.nan
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first)


def bare_machine_ms(seconds: float) -> dict[str, float]:
    """Return what a loop of some 2 ms takes that begins eight times a second, as estimates do.

    It reads nothing and waits for nobody: what its 99th percentile is above its median is the
    machine's, and no program can be without it.
    """
    taken = []
    for _ in range(round(8 * seconds)):
        time.sleep(0.125)
        began = time.perf_counter()
        sum(i * i for i in range(24_000))
        taken.append(1e3 * (time.perf_counter() - began))
    p50, p99 = np.percentile(taken, (50, 99))
    return {"p50": float(p50), "p99": float(p99)}


def percentiles(
    times: NDArray[np.float64], ms: NDArray[np.float64], stolen: Stolen
) -> dict[str, Any]:
    """Return percentiles of latencies, of all and of those during which nothing was stolen.

    Parameters
    ----------
    times : ndarray, shape (n,)
        When each was over.
    ms : ndarray, shape (n,)
        Latencies.
    stolen : Stolen
        Watched meanwhile, by the same clock.
    """
    still = stolen.before(times, LOOK_S) <= 0

    def of(chosen: NDArray[np.float64]) -> dict[str, float]:
        values = np.percentile(chosen, (50, 95, 99)) if chosen.size else np.full(3, np.nan)
        return {"n": len(chosen)} | dict(zip(("p50", "p95", "p99"), values.tolist(), strict=True))

    return {**of(ms), "nothing_stolen": of(ms[still]), "stolen_share_of_a_core": stolen.share()}
