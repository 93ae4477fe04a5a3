"""Streams: latency and CPU of the LSL inlet, recorder throughput, XDF reading.

A publisher in a process of its own sends every sample as it is due, with the time of sending in
channel 0. Two receivers run at the same time, each in its own process: our `LslSource`
(clock, units, gaps and queue included) and, where it is installed, mne-lsl's ``StreamLSL`` at its
default settings (its callback is called before the sample is in its buffer, which favours it).
Latency is from sending to having the sample in hand; CPU is that of the receiving process, in
percent of one core. The recorder is fed blocks of 64 channels as fast as it takes them. XDF files
are read by us and by pyxdf at its defaults, each in a new process, which also reports its peak
memory beyond that of importing, as a multiple of the samples' own size.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

WORKER = "bci_affect.app.benchmarks.streams_worker"
CASES = {"256 Hz x 32": (256.0, 32), "1000 Hz x 64": (1000.0, 64)}


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` takes about half a minute."""
    seconds = 6.0 if quick else 30.0
    with tempfile.TemporaryDirectory() as folder:
        return {
            "inlet": {name: _inlet(*case, seconds) for name, case in CASES.items()},
            "recorder_MB_per_s": _recorder(Path(folder), 50 if quick else 400),
            "xdf": _xdf(Path(folder), 60 if quick else 600),
        }


def _inlet(rate_hz: float, n_channels: int, seconds: float) -> dict[str, Any]:
    """Run a publisher and both receivers side by side."""
    receivers = ["ours"] + (["mne_lsl"] if importlib.util.find_spec("mne_lsl") else [])
    # It sends until both have had their time.
    publisher = _start("publish", rate_hz, n_channels, seconds * 2 + 40)
    try:
        started = [_start(who, rate_hz, n_channels, seconds) for who in receivers]
        figures = {
            who: json.loads(process.communicate(timeout=seconds * 4 + 120)[0].splitlines()[-1])
            for who, process in zip(receivers, started, strict=True)
        }
    finally:
        publisher.kill()
        publisher.communicate()
    if "mne_lsl" in figures:
        ours, theirs = figures["ours"], figures["mne_lsl"]
        figures["ours_to_mne_lsl"] = {
            key: ours[key] / theirs[key] for key in ("p50_ms", "p99_ms", "cpu_percent")
        }
    return figures


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _recorder(folder: Path, megabytes: int) -> float:
    """Return megabytes a second from handing over to being on disk."""
    from bci_affect.streams import Recorder, build_header

    recorder = Recorder(folder / "throughput.xdf")
    recorder.open_stream("k", build_header("Cap", "EEG", ["a"] * 64, rate_hz=1000.0))
    block = np.random.default_rng(0).normal(size=(1000, 64)).astype(np.float32)
    began = time.perf_counter()
    for n in range(math.ceil(megabytes * 1e6 / block.nbytes)):
        recorder.samples("k", block, n + np.arange(1000) / 1000)
    status = recorder.stop()
    return status.size_bytes / 1e6 / (time.perf_counter() - began)


def _xdf(folder: Path, seconds: int) -> dict[str, Any]:
    """Read a file of 64 channels at 512 Hz by both readers."""
    from bci_affect.streams import XdfWriter, build_header

    path = folder / "long.xdf"
    rng = np.random.default_rng(0)
    with XdfWriter(path) as writer:
        stream = writer.add_stream(build_header("Cap", "EEG", ["a"] * 64, rate_hz=512.0))
        for half in range(seconds * 2):
            if half % 10 == 0:
                writer.clock_offset(stream, half / 2, 0.1)
            samples = rng.normal(size=(256, 64)).astype(np.float32)
            writer.samples(stream, samples, half / 2 + np.arange(256) / 512)
            writer.flush()
    figures: dict[str, Any] = {"MB": path.stat().st_size / 1e6}
    for who in ("ours", "pyxdf"):
        done = _start(f"read-{who}", path).communicate(timeout=600)[0]
        figures[who] = json.loads(done.splitlines()[-1])
    figures["times_faster"] = figures["pyxdf"]["seconds"] / figures["ours"]["seconds"]
    return figures
