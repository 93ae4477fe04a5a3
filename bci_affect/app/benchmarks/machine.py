"""What the machine itself does to a latency, watched while one is measured.

A latency of milliseconds says nothing of a program where the machine stood still for as long. Linux
counts what the host of a virtual machine took ("steal"), and a loop that does next to nothing, in a
process of its own, shows what becomes of any program meanwhile.
"""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from bci_affect.streams import local_clock

LOOK_S = 0.05
BEAT_S = 0.125
"""A bare loop is due as often as estimates are."""


class Stolen:
    """Watches the host from `start` to `stop`.

    Times are those of the LSL clock, in seconds.
    """

    def __init__(self) -> None:
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
            self._seen.append((local_clock(), taken))

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


class BareLoop:
    """Some 2 ms of work in a process of its own, eight times a second, as estimates are.

    It reads nothing and waits for nobody: what its latency has above the median is the machine's,
    and no program there can be without it.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []  # when over, ms since it was due
        self._process: subprocess.Popen[str] | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, name="bare-loop", daemon=True)

    def start(self) -> None:
        """Begin; return when it runs, so that its start disturbs nothing that is measured after."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True
        )
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._thread.join()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # the last may be cut
                    over, ms = line.split()
                    self._seen.append((float(over), float(ms)))
                    self._begun.set()
        self._begun.set()  # it ended, if it ever began

    def latencies_ms(self) -> NDArray[np.float64]:
        """Return when each was over (LSL clock), and how long after it was due; shape (2, n)."""
        return np.array(self._seen, np.float64).reshape(-1, 2).T


def beat() -> None:
    """Be the bare loop, until killed."""
    while True:
        due = local_clock() + BEAT_S
        time.sleep(BEAT_S)
        sum(i * i for i in range(24_000))
        over = local_clock()
        print(over, 1e3 * (over - due), flush=True)


def percentiles(
    times: NDArray[np.float64], ms: NDArray[np.float64], stolen: Stolen
) -> dict[str, Any]:
    """Return percentiles of latencies, of all and of those during which nothing was stolen.

    Parameters
    ----------
    times : ndarray, shape (n,)
        When each was over, on the LSL clock.
    ms : ndarray, shape (n,)
        Latencies.
    stolen : Stolen
        Watched meanwhile.
    """
    still = stolen.before(times, LOOK_S) <= 0

    def of(chosen: NDArray[np.float64]) -> dict[str, float]:
        values = np.percentile(chosen, (50, 95, 99)) if chosen.size else np.full(3, np.nan)
        return {"n": len(chosen)} | dict(zip(("p50", "p95", "p99"), values.tolist(), strict=True))

    return {**of(ms), "nothing_stolen": of(ms[still]), "stolen_share_of_a_core": stolen.share()}


if __name__ == "__main__":
    beat()
