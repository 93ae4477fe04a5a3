"""How much faster than real time `process` is: 32 channels at 256 Hz, encoder included."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

CAP_32 = tuple(
    [
        "Fp1",
        "AF3",
        "F3",
        "F7",
        "FC5",
        "FC1",
        "C3",
        "T7",
        "CP5",
        "CP1",
        "P3",
        "P7",
        "PO3",
        "O1",
        "Oz",
        "Pz",
        "Fp2",
        "AF4",
        "Fz",
        "F4",
        "F8",
        "FC6",
        "FC2",
        "Cz",
        "C4",
        "T8",
        "CP6",
        "CP2",
        "P4",
        "P8",
        "PO4",
        "O2",
    ]
)


def run(quick: bool) -> dict[str, Any]:
    """Return times real time of the path, and the share of pipeline and encoder."""
    from bci_affect.eeg import Chunk, State, make_montage
    from bci_affect.session import AffectPath, load_predictor
    from bci_affect.streams.simulator import EegSimulator, SimulatedPerson

    seconds, rate = (30 if quick else 120), 256.0
    montage = make_montage(CAP_32)
    simulator = EegSimulator(CAP_32, montage.positions, rate, SimulatedPerson.draw(1))
    samples = simulator.block(round(seconds * rate))
    times = np.arange(samples.shape[1]) / rate
    path = AffectPath(load_predictor(None), rate, montage, units=("microvolts",) * len(montage))
    step = 4096
    chunks = [
        Chunk(samples[:, i : i + step], times[i : i + step]) for i in range(0, len(times), step)
    ]
    start = time.perf_counter()
    windows = [window for chunk in chunks for window in path.pipeline.push(chunk)]
    pipeline_s = time.perf_counter() - start
    start = time.perf_counter()
    estimates = [
        e for i in range(0, len(windows), 64) for e in path.estimator.update(windows[i : i + 64])
    ]
    encoder_s = time.perf_counter() - start
    return {
        "channels": len(montage),
        "rate_hz": rate,
        "estimates": len(estimates),
        "readings": sum(estimate.state is State.OK for estimate in estimates),
        "pipeline_times_real_time": seconds / pipeline_s,
        "times_real_time": seconds / (pipeline_s + encoder_s),
        "encoder_ms": encoder_s / len(estimates) * 1e3,
    }
