"""Time and memory of reading a recording of two hours with 64 channels at 512 Hz.

    python benchmarks/long_xdf.py [--hours 2] [--pyxdf]

The script writes the file (a gigabyte) into a temporary folder like the recorder and reads it in
new processes: opened with its complete time line, as one array of samples, and as a source, chunk
by chunk. It prints one JSON document. Memory is a multiple of the size of the samples: ``own`` is
the peak allocation of the process, ``resident`` includes the pages of the mapped file that the
system keeps in memory and can reclaim. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RATE, CHANNELS = 512, 64


def write(path: Path, seconds: int) -> None:
    """Write a recording, flushed twice a second."""
    from bci_affect.streams import XdfWriter, build_header

    labels = [f"E{i}" for i in range(CHANNELS)]
    header = build_header("Cap", "EEG", labels, units=["microvolts"] * CHANNELS, rate_hz=RATE)
    noise = np.random.default_rng(0).normal(0, 30, (RATE // 2, CHANNELS)).astype(np.float32)
    with XdfWriter(path) as writer:
        stream = writer.add_stream(header)
        for half in range(seconds * 2):
            if half % 10 == 0:
                writer.clock_offset(stream, half / 2, 0.1)
            writer.samples(stream, noise, half / 2 + np.arange(RATE // 2) / RATE)
            writer.flush()


class Peak:
    """Peak memory of this process, sampled a hundred times per second."""

    def __init__(self) -> None:
        self.own = self.resident = 0
        self._first = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _now(self) -> tuple[int, int]:
        fields = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return int(fields["RssAnon"].split()[0]), int(fields["VmRSS"].split()[0])

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            own, resident = self._now()
            self.own = max(self.own, own - self._first[0])
            self.resident = max(self.resident, resident - self._first[1])

    def stop(self) -> dict[str, float]:
        """Return the peaks above the memory after importing, in megabytes."""
        self._stop.set()
        self._thread.join()
        return {"own_MB": self.own * 1024 / 1e6, "resident_MB": self.resident * 1024 / 1e6}


def read(path: Path, how: str) -> dict[str, Any]:
    """Read the file in the given way; return seconds and peaks."""
    if how == "pyxdf":
        import pyxdf
    else:
        from bci_affect.streams import XdfSource, read_to_end, read_xdf
    peak = Peak()
    began = time.perf_counter()
    if how == "timeline":
        stream = read_xdf(path).find_eeg()
        n = len(stream.timeline()[0])
    elif how == "samples":
        n = len(read_xdf(path).find_eeg().samples())
    elif how == "pyxdf":
        n = len(pyxdf.load_xdf(path, select_streams=[{"type": "EEG"}])[0][0]["time_series"])
    else:
        source = XdfSource(path, offline=True)
        source.open()
        n = sum(chunk.times.size for chunk in read_to_end(source))
    return {"seconds": time.perf_counter() - began, "samples": n, **peak.stop()}


def main() -> None:
    """Write the file, read it in every way, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--pyxdf", action="store_true", help="also read it with pyxdf")
    parser.add_argument("--read", nargs=2, metavar=("FILE", "HOW"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.read:
        print(json.dumps(read(Path(wanted.read[0]), wanted.read[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.xdf"
        began = time.perf_counter()
        write(path, round(wanted.hours * 3600))
        size_mb = round(wanted.hours * 3600) * RATE * CHANNELS * 4 / 1e6
        report: dict[str, Any] = {
            "file_MB": path.stat().st_size / 1e6,
            "samples_MB": size_mb,
            "written_in_s": time.perf_counter() - began,
        }
        for how in ("timeline", "samples", "source", *(["pyxdf"] if wanted.pyxdf else [])):
            command = [sys.executable, __file__, "--read", str(path), how]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            figures = json.loads(done.stdout)
            figures["own_in_sizes"] = figures["own_MB"] / size_mb
            figures["resident_in_sizes"] = figures["resident_MB"] / size_mb
            report[how] = figures
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
