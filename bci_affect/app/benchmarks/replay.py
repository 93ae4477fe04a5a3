"""Speed of `process` relative to real time: 32 channels at 256 Hz, encoder included.

Chunks are as long as those that `process` reads from a recording. Reading the file and writing the
estimates are not included.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np


class _Moment:
    """Current wall and CPU time; their differences are equal on an otherwise idle machine."""

    def __init__(self) -> None:
        self.wall = time.perf_counter()
        self.cpu = time.process_time()


def run(quick: bool) -> dict[str, Any]:
    """Return times real time of the path, and the share of pipeline and encoder."""
    from bci_affect.affect import AffectPath
    from bci_affect.eeg import CAPS, Chunk, State, make_montage
    from bci_affect.session import load_predictor
    from bci_affect.simulation import EegSimulator, SimulatedPerson
    from bci_affect.streams import FAST_CHUNK_S

    seconds, rate = (30 if quick else 120), 256.0
    montage = make_montage(CAPS["cap32"])
    simulator = EegSimulator(CAPS["cap32"], montage.positions, rate, SimulatedPerson.draw(1))
    samples = simulator.block(round(seconds * rate))
    times = np.arange(samples.shape[1]) / rate
    path = AffectPath(load_predictor(None), rate, montage)
    size = round(FAST_CHUNK_S * rate)
    chunks = [
        Chunk(samples[:, i : i + size], times[i : i + size]) for i in range(0, len(times), size)
    ]
    start = _Moment()
    windows = [path.pipeline.push(chunk) for chunk in chunks]
    piped = _Moment()
    steps = [step for some in windows for step in path.estimator.update(some)]
    done = _Moment()
    return {
        "channels": len(montage),
        "rate_hz": rate,
        "estimates": len(steps),
        "readings": sum(step.estimate.state is State.OK for step in steps),
        "pipeline_times_real_time": seconds / (piped.wall - start.wall),
        "times_real_time": seconds / (done.wall - start.wall),
        "encoder_ms": (done.wall - piped.wall) / len(steps) * 1e3,
        "by_cpu_time": {
            "pipeline_times_real_time": seconds / (piped.cpu - start.cpu),
            "times_real_time": seconds / (done.cpu - start.cpu),
            "encoder_ms": (done.cpu - piped.cpu) / len(steps) * 1e3,
        },
    }
