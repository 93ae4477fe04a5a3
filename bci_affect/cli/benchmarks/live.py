"""A live session over real LSL: newest sample to estimate, and what it costs.

A simulated headset in another process sends 32 channels at 256 Hz, then 8 at 250; the session runs
here, without window and music; the first headset once more with a source that waits asleep for
every sample, where the session's is awake for those that it needs. Latency is counted from the
stamp of the newest sample of a chunk to the moment at which its estimate is there. CPU is this
process's, as a share of one core.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HEADSETS = {
    "cap32_256hz": ("simulate", "stream", "--cap", "cap32", "--rate", "256"),
    "cyton8_250hz": ("simulate", "stream", "--cap", "cyton", "--rate", "250"),
}


def run(quick: bool) -> dict[str, Any]:
    """Return latency percentiles, CPU, estimates and losses for each headset."""
    with TemporaryDirectory() as folder:
        if "LSLAPICFG" not in os.environ:  # keep to this machine, and apart from other streams
            config = Path(folder) / "lsl_api.cfg"
            config.write_text(
                "[log]\nlevel=-2\n[ports]\nIPv6=disable\n[multicast]\nResolveScope=machine\n"
                f"[lab]\nSessionID=benchmark-{os.getpid()}\n",
                encoding="utf-8",
            )
            os.environ["LSLAPICFG"] = str(config)
        seconds = 15 if quick else 60
        figures = {name: measure(command, seconds) for name, command in HEADSETS.items()}
        first = next(iter(HEADSETS))
        figures[f"{first}_asleep"] = measure(HEADSETS[first], seconds, asleep=True)
        return figures


def measure(command: tuple[str, ...], seconds: float, *, asleep: bool = False) -> dict[str, Any]:
    """Run one session on a headset that `command` simulates."""
    from bci_affect.config import LiveSettings
    from bci_affect.eeg import State
    from bci_affect.session import LiveSession, load_predictor, path_factory
    from bci_affect.streams import LslSource

    class Asleep(LslSource):
        """Is told of no sample that is awaited."""

        awaited = property(lambda self: math.nan, lambda self, time: None)

    predictor = load_predictor(None)
    session = LiveSession(
        Asleep() if asleep else LslSource(),
        path_factory(predictor, LiveSettings()),
        model_name=predictor.card.name,
        model_summary=predictor.card.summary,
    )
    headset = subprocess.Popen(
        [sys.executable, "-m", "bci_affect", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        info = session.start(60.0)
        while not any(estimate.state is State.OK for estimate in session.history(60.0)):
            time.sleep(0.1)
            if session.snapshot().elapsed_s > 60:
                break
        cpu, wall = time.process_time(), time.perf_counter()
        first = session.snapshot().window
        time.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        latencies = session.latencies_ms()[-int(seconds / session_hop(session)) :]
        snapshot = session.snapshot()
        threads = threading.active_count()
    finally:
        session.stop()
        headset.terminate()
        headset.wait(10)
    last, health = snapshot.window, snapshot.health
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
    return {
        "channels": len(info.labels),
        "rate_hz": info.rate_hz,
        "seconds": wall,
        "estimates_per_s": (last.index - first.index) / wall if first and last else None,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99, "max": latencies.max()},
        "cpu_share_of_one_core": cpu / wall,
        "samples_lost": health.lost if health else None,
        "threads": threads,
    }


def session_hop(session: Any) -> float:
    """Seconds between two estimates of a running session."""
    times = [estimate.time for estimate in session.history(10.0)]
    return float(np.median(np.diff(times)))
