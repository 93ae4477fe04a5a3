"""Clock drift of `play` over ten minutes, over real LSL between processes.

    python benchmarks/play_drift.py [--seconds 600]

The script simulates a recording, plays it with ``bci-affect play`` and receives it. The stamp of
every sample is compared with the recording (the difference must be constant), and so is its arrival
time: a delay that changes over the run is drift. The minimum delay of every ten seconds is used,
because load only increases it. The script prints one JSON document; the exit status is 1 if stamps
or delay drift by a millisecond or a sample is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bci_affect.streams import write_lsl_config

BIN_S = 10.0


def main() -> int:
    """Play the recording, receive it, and compare the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LSLAPICFG"] = str(write_lsl_config(Path(folder)))
        from bci_affect.eeg import CAPS
        from bci_affect.simulation.recording import simulate_xdf
        from bci_affect.simulation.session import SessionPlan
        from bci_affect.streams import read_xdf

        path = Path(folder) / "drift.xdf"
        simulate_xdf(path, SessionPlan(wanted.seconds, CAPS["muse"], 100.0))
        recorded = read_xdf(path).find_eeg().corrected()
        player = subprocess.Popen(
            [sys.executable, "-m", "bci_affect", "play", str(path)], stderr=subprocess.DEVNULL
        )
        try:
            stamps, arrived = receive(len(recorded))
        finally:
            player.terminate()
            player.wait(10)
    n = len(stamps)
    shift = stamps - recorded[:n]
    delay = arrived - shift[0] - recorded[:n]
    bins = ((recorded[:n] - recorded[0]) // BIN_S).astype(int)
    least = np.array([delay[bins == i].min() for i in range(bins.max() + 1)])
    middle = BIN_S * (np.arange(least.size) + 0.5)
    slope = float(np.polyfit(middle, least, 1)[0]) if least.size > 1 else 0.0
    stamps_off_ms = 1e3 * float(np.abs(shift - shift[0]).max())
    drift_ms = 1e3 * slope * float(middle[-1])
    missing = len(recorded) - n
    report = {
        "seconds": float(recorded[n - 1] - recorded[0]),
        "samples": n,
        "missing": missing,
        "stamps_off_ms": stamps_off_ms,
        "delay_drift_ms": drift_ms,
        "delay_ms": {"least": 1e3 * float(least.min()), "p50": 1e3 * float(np.median(delay))},
        "load": os.getloadavg()[0],
    }
    print(json.dumps(report, indent=2))
    return int(max(stamps_off_ms, abs(drift_ms)) >= 1.0 or missing > 0)


def receive(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the stamps and arrival times of `count` samples."""
    import pylsl

    (found,) = pylsl.resolve_byprop("name", "Simulated EEG", timeout=60)
    inlet = pylsl.StreamInlet(found, recover=False)
    stamps: list[float] = []
    arrived: list[float] = []
    while len(stamps) < count:
        _, stamp = inlet.pull_sample(timeout=10.0)
        if stamp is None:
            break
        stamps.append(stamp)
        arrived.append(pylsl.local_clock())
    return np.array(stamps), np.array(arrived)


if __name__ == "__main__":
    sys.exit(main())
