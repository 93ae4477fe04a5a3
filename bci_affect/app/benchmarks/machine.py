"""Share of the machine in a measured latency: processor time of the host, and a control loop.

A latency of milliseconds is no property of a program on a machine that paused for as long. Linux
counts the processor time that the host of a virtual machine took ("steal"), and a loop with 2 ms of
work, in its own process, shows the latency of any program at the same time.
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

POLL_S = 0.05
"""Interval at which the stolen time is read."""
BEAT_S = 0.125
"""Interval of the control loop: that of estimates."""


class StealMonitor:
    """Log of the processor time taken by the host between `start` and `stop`.

    Times are those of the LSL clock, in seconds.
    """

    def __init__(self) -> None:
        self._log: list[tuple[float, float]] = []  # time, seconds stolen on all processors
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="steal-monitor", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling."""
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.wait(POLL_S):
            taken = getattr(psutil.cpu_times(), "steal", math.nan)
            self._log.append((local_clock(), taken))

    def before(self, times: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
        """Return the seconds stolen in the given number of seconds before each time.

        NaN where unknown. The kernel counts in hundredths of a second, with as much delay.
        """
        if len(self._log) < 2:
            return np.full(np.shape(times), math.nan)
        when, taken = np.array(self._log).T
        ends = np.minimum(np.searchsorted(when, times), len(when) - 1)
        begins = np.maximum(np.searchsorted(when, np.asarray(times) - seconds) - 1, 0)
        stolen: NDArray[np.float64] = taken[ends] - taken[begins]
        return stolen

    def share(self) -> float:
        """Return the stolen share of one processor; NaN where unknown."""
        if len(self._log) < 2:
            return math.nan
        (first, before), (last, after) = self._log[0], self._log[-1]
        return (after - before) / (last - first)


class ControlLoop:
    """Process with 2 ms of work eight times a second, the rate of estimates.

    It reads nothing and waits for nothing else: its latency above the median is caused by the
    machine and affects every program on it.
    """

    def __init__(self) -> None:
        self._log: list[tuple[float, float]] = []  # time of the end, ms since it was due
        self._process: subprocess.Popen[str] | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, name="control-loop", daemon=True)

    def start(self) -> None:
        """Start, and return when it runs, so that its start disturbs no later measurement."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True
        )
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._thread.join()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # the last one may be incomplete
                    over, ms = line.split()
                    self._log.append((float(over), float(ms)))
                    self._begun.set()
        self._begun.set()  # also if the process ended without a line

    def latencies_ms(self) -> NDArray[np.float64]:
        """Return end times (LSL clock) and milliseconds since they were due, shape (2, n)."""
        return np.array(self._log, np.float64).reshape(-1, 2).T


def beat() -> None:
    """Run the control loop until killed."""
    while True:
        due = local_clock() + BEAT_S
        time.sleep(BEAT_S)
        sum(i * i for i in range(24_000))
        over = local_clock()
        print(over, 1e3 * (over - due), flush=True)


def percentiles(
    times: NDArray[np.float64], ms: NDArray[np.float64], stolen: StealMonitor
) -> dict[str, Any]:
    """Return percentiles of all latencies, and of those without stolen time.

    Parameters
    ----------
    times : ndarray, shape (n,)
        End of each, on the LSL clock.
    ms : ndarray, shape (n,)
        Latencies in milliseconds.
    stolen : StealMonitor
        Log of the same time.
    """
    still = stolen.before(times, POLL_S) <= 0

    def of(chosen: NDArray[np.float64]) -> dict[str, float]:
        values = np.percentile(chosen, (50, 95, 99)) if chosen.size else np.full(3, np.nan)
        return {"n": len(chosen)} | dict(zip(("p50", "p95", "p99"), values.tolist(), strict=True))

    return {**of(ms), "nothing_stolen": of(ms[still]), "stolen_share_of_a_core": stolen.share()}


if __name__ == "__main__":
    beat()
