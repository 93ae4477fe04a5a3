"""Does `play` keep to the recording's clock? Ten minutes over real LSL, in processes.

    python benchmarks/play_drift.py [--seconds 600]

Simulates a recording, plays it with ``bci-affect play`` and receives it here. Every sample's stamp
is compared with the recording's (they must differ by one constant), and so is the moment at which
it is here: a delay that grows or shrinks over the run is drift. The least delay of every ten
seconds is taken, because a busy machine only ever adds to it. Prints one JSON document; exit
status 1 where stamps or delay drift by a millisecond or a sample is missing.
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
    """Play, receive, compare."""
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
    """Return stamps of that many samples, and when each was here."""
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
