"""How long the user waits: ``--help``, and imports that commands pay for."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any


def _seconds(*arguments: str, times: int) -> float:
    """Return the median wall time of a Python process, after one call that warms the disk."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def run(quick: bool) -> dict[str, Any]:
    """Return seconds of ``--help``, of bare Python, and of importing the session."""
    times = 3 if quick else 9
    return {
        "python_s": _seconds("-c", "pass", times=times),
        "help_s": _seconds("-m", "bci_affect", "--help", times=times),
        "import_session_s": _seconds("-c", "import bci_affect.session", times=times),
        "import_torch_s": _seconds("-c", "import torch", times=min(times, 3)),
    }
