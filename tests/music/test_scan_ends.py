"""A terminated or killed scan leaves no process behind and keeps its finished tracks."""

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

TERMINATED = """
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


def descendants(pid: int) -> set[int]:
    """Return the ids of all descendants of a process."""
    try:
        children = {int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()
    return children.union(*(descendants(child) for child in children))


def wait_until(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; a zombie counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("code", "number", "encoder"),
    [(TERMINATED, signal.SIGTERM, "tagger"), (KILLED, signal.SIGKILL, "logmel")],
)
def test_workers_end_with_the_scan(
    code: str, number: signal.Signals, encoder: str, tmp_path: Path
) -> None:
    """With the tagger and with logmel; a file whose analysis was interrupted is analysed again."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "z"):
        soundfile.write(folder / f"{name}.wav", 0.1 * rng.standard_normal(5 * 16_000), 16_000)
    for name in ("m", "n"):  # ten minutes each
        soundfile.write(folder / f"{name}.wav", np.zeros(8_000 * 600, np.int16), 8_000)
    script = tmp_path / "scan.py"  # workers import the main module, so it must be a file
    script.write_text(code)
    path = tmp_path / "music.sqlite"
    with Library(path) as library:
        scan = subprocess.Popen([sys.executable, str(script), str(path), str(folder)])
        try:
            wait_until(lambda: len(library.tracks()) > 0 or scan.poll() is not None)
            workers = descendants(scan.pid)
            assert len(workers) >= 2
            os.kill(scan.pid, number)
            assert scan.wait(60) == -number
        finally:
            scan.kill()
        wait_until(lambda: all(has_ended(pid) for pid in workers), 30.0)
        track = next(track for track in library.tracks() if track.path.endswith("a.wav"))
        _, stored = library.embeddings(track.id, load_encoder(encoder).id)
        _, embeddings = embed_file(Path(track.path), encoder)
        np.testing.assert_allclose(stored, embeddings, atol=5e-3)  # stored as float16
        (folder / "m.wav").unlink()
        (folder / "n.wav").unlink()
        report = library.add([folder], workers=1, encoder=encoder)
        assert report.unchanged >= 1
        assert (report.added + report.unchanged, report.failed) == (2, ())
