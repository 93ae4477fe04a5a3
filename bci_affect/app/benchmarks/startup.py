"""Start-up times: ``--help``, imports of commands, and the demonstration."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DEMO_S = 14


def _seconds(*arguments: str, times: int) -> float:
    """Return the median wall time of a Python process, after one call that warms the disk."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def _demo_s() -> float:
    """Return seconds from the command `demo` to the first reading in its file of estimates.

    The file is written out once a second: what is returned is up to a second too much.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "estimates.csv"
        demo = ["demo", "--headless", "--audio", "none", "--duration", str(DEMO_S)]
        start = time.perf_counter()
        running = subprocess.Popen(
            [sys.executable, "-m", "bci_affect", *demo, "--estimates", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        taken = float("nan")
        while running.poll() is None:
            time.sleep(0.05)
            if taken != taken and file.exists() and ",ok," in file.read_text("utf-8"):
                taken = time.perf_counter() - start
        return taken


def run(quick: bool) -> dict[str, Any]:
    """Return seconds of ``--help``, of bare Python, of importing the session, and of `demo`."""
    times = 3 if quick else 9
    return {
        "python_s": _seconds("-c", "pass", times=times),
        "help_s": _seconds("-m", "bci_affect", "--help", times=times),
        "import_session_s": _seconds("-c", "import bci_affect.session", times=times),
        "demo_to_first_reading_s": statistics.median(_demo_s() for _ in range(min(times, 3))),
        "import_torch_s": _seconds("-c", "import torch", times=min(times, 3)),
    }
