"""However a program is left while music is analysed: it ends, and nothing aborts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

WAYS = {"closed": 0, "error": 1, "interrupted": -2}

PROGRAM = """
import os, signal, sys, threading, time
from pathlib import Path
from bci_affect.music import AudioPlayer, Library, Retriever
from bci_affect.music.encoders import load_encoder
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.session.dj.music_thread import MusicParts, MusicThread

folder = Path(sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where tests run in a job
load_encoder()  # torch is imported once, for all ways

def leave(way):
    analysing = threading.Event()

    def prepare(on_event, log, ended):
        library = Library(folder / f"{way}.sqlite")
        player = AudioPlayer(on_event=on_event, device="none")
        chooser = MusicChooser(Retriever(library), player, library)
        rest = lambda: library.add(
            [folder / "music"], workers=1, cancel=ended, progress=lambda at: analysing.set()
        )
        return MusicParts(library, player, chooser, rest)

    thread = MusicThread(prepare, lambda level, text: print(text), lambda fields, at: None)
    thread.start()
    if not analysing.wait(100):
        os._exit(77)
    if any(t.daemon for t in threading.enumerate() if t.name.startswith("bci-music")):
        os._exit(79)  # what Python does to those at its end is what aborts: now and then
    if way == "closed":
        thread.close()
        os._exit(78) if threading.active_count() > 1 else None
    elif way == "error":
        raise RuntimeError("on purpose")
    elif way == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(100)

for way in sys.argv[2:]:
    child = os.fork()
    if not child:
        leave(way)
        sys.exit(0)
    print(way, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")
def test_every_way_out_ends_the_analysis_first(tmp_path: Path) -> None:
    """A thread that Python ends within torch aborts the process; each way out is a child."""
    (tmp_path / "music").mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):  # more than is done before the program is left
        noise = (0.1 * rng.standard_normal(16_000 * 8)).astype(np.float32)
        soundfile.write(tmp_path / "music" / f"{number}.wav", noise, 16_000)
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), *WAYS],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert dict(line.split() for line in found.stdout.splitlines()) == {
        way: str(code) for way, code in WAYS.items()
    }, found.stderr
    assert "terminate called" not in found.stderr
