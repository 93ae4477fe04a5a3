"""Latency of a live session next to flooding and hanging peers, as ratios within one run.

python -m benchmarks.flood --seconds 20 --rounds 3

A session reads a simulated headset (32 channels, 256 Hz) and records it. Each round measures the
time from the newest sample to its estimate without a peer and with each peer in turn, so that other
load of the machine counts for both. Peers run in other processes on this host, and the session
takes each for a side stream of its device:

- ``text``: a stream of text at full speed;
- ``fast``: 64 channels of double64 at 10 kHz;
- ``hang``: a stream that is announced by a process that then stops (SIGSTOP).

The figures are the medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.session import LiveSession, SessionOptions, build_session
from bci_affect.streams import LslSource, local_clock, write_lsl_config

PEERS = ("none", "text", "fast", "hang")
HEADSET = ("simulate", "stream", "--cap", "cap32", "--rate", "256")
SETTLE_S = 4.0
"""Seconds from the start of a peer, in which the session connects to it."""

PEER = """
import sys, time
import numpy as np, pylsl
kind = sys.argv[1]
if kind == "text":
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Flood", "Log", 1, 0, "string", "flood"))
    while True:
        outlet.push_chunk([["a line of text without a purpose"]] * 100)
        time.sleep(0.0)
info = pylsl.StreamInfo("Flood", "Log", 64, 10_000, "double64", "flood")
outlet = pylsl.StreamOutlet(info)
block, sent, began = np.ones((100, 64)), 0, pylsl.local_clock()
while True:
    if kind == "fast" and sent < 10_000 * (pylsl.local_clock() - began):
        outlet.push_chunk(block)
        sent += 100
    else:
        time.sleep(0.002)
"""


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bci-affect-flood-") as folder:
        os.environ["LSLAPICFG"] = str(write_lsl_config(Path(folder)))
        print(json.dumps(measure(Path(folder), args.seconds, args.rounds, args.peers), indent=1))


def measure(folder: Path, seconds: float, rounds: int, peers: Sequence[str]) -> dict[str, Any]:
    """Return the latency with each peer in milliseconds, and its ratio to that without."""
    options = SessionOptions(music=False, publish=False, record_dir=folder / "recording")
    session = build_session(LslSource(), options)
    headset = _spawn("-m", "bci_affect", *HEADSET)
    figures: dict[str, list[tuple[float, float]]] = {peer: [] for peer in peers}
    received = dict.fromkeys(peers, 0)
    try:
        session.start(60.0, record=True)
        time.sleep(10.0)  # until estimates come
        for _ in range(rounds):
            for peer in peers:
                latencies, samples = _part(session, peer, seconds)
                figures[peer].append(tuple(np.percentile(latencies, (50, 99))))
                received[peer] += samples
        stream = session.snapshot().stream
        recording = session.snapshot().recording
    finally:
        session.stop()
        headset.terminate()
        headset.wait(10)
    table = {peer: np.median(np.array(rows), axis=0) for peer, rows in figures.items()}
    return {
        peer: {
            "p50_ms": round(float(p50), 2),
            "p99_ms": round(float(p99), 2),
            "p99_ratio": round(float(p99 / table[peers[0]][1]), 2),
            "peer_samples": received[peer],
        }
        for peer, (p50, p99) in table.items()
    } | {
        "eeg_samples_lost": stream.health.lost if stream else None,
        "recording_error": recording.error if recording else None,
    }


def _part(session: LiveSession, peer: str, seconds: float) -> tuple[np.ndarray, int]:
    """Return the latencies in milliseconds next to a peer, and the samples received from it."""
    process = None if peer == "none" else _spawn("-c", PEER, peer)
    try:
        time.sleep(1.0)
        if peer == "hang" and process is not None:
            process.send_signal(signal.SIGSTOP)
        time.sleep(SETTLE_S - 1.0)
        began = local_clock()
        time.sleep(seconds)
        done, latencies = session.latencies_ms()
        stream = session.snapshot().stream
        sides = stream.sides if stream else ()
        samples = sum(side.received for side in sides if side.name == "Flood")
    finally:
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
            time.sleep(6.0)  # until the dead stream is no longer visible
    return latencies[done > began], samples


def _spawn(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


if __name__ == "__main__":
    main()
