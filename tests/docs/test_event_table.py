"""The table of events on the page of file formats is generated from the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_events_is_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/event_table.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
