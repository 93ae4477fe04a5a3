"""Comparison of a live session with `process` on the same EEG, over real LSL between processes.

    python benchmarks/live_vs_process.py FILE.xdf --seconds 60

The script plays the recording with ``bci-affect play``, runs ``bci-affect live --headless`` on it
and ``bci-affect process`` on the file, and prints one JSON document: largest differences over the
common windows, states, estimates per second, and lost samples. The exit status is 1 if they differ
by 1e-5 or more, or a sample or an estimate is missing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from bci_affect.streams import write_lsl_config

NUMBERS = ("valence", "arousal", "valence_prob", "arousal_prob", "confidence", "quality")
PROGRAM = (sys.executable, "-m", "bci_affect")


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file of estimates."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def column(table: list[dict[str, str]], name: str) -> np.ndarray:
    """Return one column as numbers; an empty cell is NaN."""
    return np.array([float(row[name] or "nan") for row in table])


def compare(live: list[dict[str, str]], process: list[dict[str, str]]) -> dict[str, object]:
    """Compare the common windows, counted from the first sample of the stream."""
    n = min(len(live), len(process))
    differences = {}
    for name in NUMBERS:
        a, b = column(live[:n], name), column(process[:n], name)
        if (np.isnan(a) != np.isnan(b)).any():
            differences[name] = float("inf")
        else:
            differences[name] = float(np.nanmax(np.abs(a - b)))
    times = column(live, "time")
    return {
        "windows_compared": n,
        "largest_difference": differences,
        "same_states": [r["state"] for r in live[:n]] == [r["state"] for r in process[:n]],
        "live_estimates": len(live),
        "live_states": dict(Counter(row["state"] for row in live)),
        "estimates_per_s": (len(times) - 1) / (times[-1] - times[0]),
        "largest_step_s": float(np.diff(times).max()),
    }


def main() -> int:
    """Run the three commands and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = write_lsl_config(Path(folder))
        environment = {**os.environ, "LSLAPICFG": str(config)}
        live, process = Path(folder) / "live.csv", Path(folder) / "process.csv"
        player = subprocess.Popen(
            [*PROGRAM, "play", str(wanted.file)], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            said = subprocess.run(
                [
                    *(*PROGRAM, "live", "--accept-notice", "--headless", "--no-music"),
                    *("--duration", str(wanted.seconds), "--estimates", str(live)),
                ],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        finally:
            player.terminate()
            player.wait(10)
        subprocess.run([*PROGRAM, "process", str(wanted.file), "--out", str(process)], check=True)
        report = compare(rows(live), rows(process))
    received, lost = re.findall(r"(\d+) samples, (\d+) lost", said)[-1]
    report |= {"file": wanted.file.name, "samples_received": int(received), "lost": int(lost)}
    print(json.dumps(report, indent=2))
    worst = max(report["largest_difference"].values())  # type: ignore[attr-defined]
    return int(not (worst < 1e-5 and report["same_states"] and report["lost"] == 0))


if __name__ == "__main__":
    sys.exit(main())
