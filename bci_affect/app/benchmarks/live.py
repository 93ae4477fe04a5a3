"""Latency and cost of a live session over real LSL.

A simulated headset in another process sends 32 channels at 256 Hz, then 8 at 250 Hz; the session
runs here, without window and music. The first headset is measured again with a source that sleeps
until each sample arrives, where the session's source polls when a needed sample is due. Latency is
the time from the stamp of the newest sample of a chunk to the end of its estimate, for all
estimates and, on a virtual machine, for those during which the host took no processor time. A
control loop with 2 ms of work runs at the same time and shows the latency that the machine adds to
any program. CPU is that of this process, as a share of one core.
"""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from typing import Any

from bci_affect.app.benchmarks.machine import ControlLoop, StealMonitor, percentiles

HEADSETS = {
    "cap32_256hz": ("simulate", "stream", "--cap", "cap32", "--rate", "256"),
    "cyton8_250hz": ("simulate", "stream", "--cap", "cyton", "--rate", "250"),
}


def run(quick: bool) -> dict[str, Any]:
    """Return latency percentiles, CPU, estimates and losses for each headset."""
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
    from bci_affect.streams import LslSource, local_clock

    class Asleep(LslSource):
        """Source that ignores the time of the awaited sample."""

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
            if session.snapshot().clock.elapsed_s > 60:
                break
        stolen, control = StealMonitor(), ControlLoop()
        control.start()
        stolen.start()
        cpu, wall = time.process_time(), time.perf_counter()
        first = session.snapshot().affect.window
        began = local_clock()
        time.sleep(seconds)
        stolen.stop()
        control.stop()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        done, latencies = session.latencies_ms()
        control_done, control_ms = control.latencies_ms()
        snapshot = session.snapshot()
        threads = threading.active_count()
    finally:
        session.stop()
        headset.terminate()
        headset.wait(10)
    last, stream = snapshot.affect.window, snapshot.stream
    return {
        "channels": len(info.labels),
        "rate_hz": info.rate_hz,
        "seconds": wall,
        "estimates_per_s": (last.index - first.index) / wall if first and last else None,
        "latency_ms": percentiles(done[done > began], latencies[done > began], stolen),
        "bare_loop_ms": percentiles(control_done, control_ms, stolen),
        "cpu_share_of_one_core": cpu / wall,
        "samples_lost": stream.health.lost if stream else None,
        "threads": threads,
    }
