"""A scan that is told to end, or killed, leaves no process behind and loses no track."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.music import Library, load_encoder
from bci_affect.music.embed import embed_file

ASKED = """
import sys; from pathlib import Path
from bci_affect.app.scan import scan_with_progress
from bci_affect.music import Library
if __name__ == "__main__":
    with Library(Path(sys.argv[1])) as library:
        scan_with_progress([Path(sys.argv[2])], library, workers=2)
"""
KILLED = """
import sys; from pathlib import Path
from bci_affect.music import Library
if __name__ == "__main__":
    with Library(Path(sys.argv[1])) as library:
        library.add([Path(sys.argv[2])], workers=2, encoder="logmel")
"""


def children(pid: int) -> set[int]:
    """Processes that a process started, and theirs."""
    try:
        own = {int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()
    return own.union(*(children(child) for child in own))


def wait_until(said: Callable[[], bool], seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < until
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("code", "number", "encoder"),
    [(ASKED, signal.SIGTERM, "tagger"), (KILLED, signal.SIGKILL, "logmel")],
)
def test_workers_end_with_the_scan(
    code: str, number: signal.Signals, encoder: str, tmp_path: Path
) -> None:
    """With the shipped tagger in its workers; a file that took long is begun anew."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "z"):
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(5 * 16_000), 16_000)
    for name in ("m", "n"):  # ten minutes each
        soundfile.write(folder / f"{name}.wav", np.zeros(8_000 * 600, np.int16), 8_000)
    script = tmp_path / "scan.py"  # a file, since workers import what they were started from
    script.write_text(code)
    path = tmp_path / "music.sqlite"
    with Library(path) as library:
        scan = subprocess.Popen([sys.executable, str(script), str(path), str(folder)])
        try:
            wait_until(lambda: len(library.tracks()) > 0 or scan.poll() is not None)
            below = children(scan.pid)
            assert len(below) >= 2
            os.kill(scan.pid, number)
            assert scan.wait(60) == -number
        finally:
            scan.kill()
        wait_until(lambda: all(gone(pid) for pid in below), 30.0)
        track = next(track for track in library.tracks() if track.path.endswith("a.wav"))
        _, stored = library.rows(track.id, load_encoder(encoder).id)
        _, rows = embed_file(Path(track.path), encoder)
        np.testing.assert_allclose(stored, rows, atol=5e-3)  # kept as float16
        (folder / "m.wav").unlink()
        (folder / "n.wav").unlink()
        report = library.add([folder], workers=1, encoder=encoder)
        assert report.unchanged >= 1
        assert (report.added + report.unchanged, report.failed) == (2, ())
