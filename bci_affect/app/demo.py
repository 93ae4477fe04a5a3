"""Parts of the demonstration: generated music library and publisher of the recording."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bci_affect.streams import write_lsl_config

if TYPE_CHECKING:
    from bci_affect.music import Library

DEMO_RECORDING = "recordings/demo.xdf"
FIRST_PIECES = 2
HEAD_START_S = 8.0
"""The sender kept so much, a window with the time in which filters settle: who tries the program
sees a reading within seconds."""


class DemoMusic(NamedTuple):
    """The demonstration's own library: its database, and what brings the music in."""

    library: Path
    bring_in: Callable[[Library, Callable[[], bool]], Callable[[], None]]


def demo_library(folder: Path) -> DemoMusic:
    """Return where the demonstration's library is, and what fills it while the session runs."""
    music, database = folder / "music", folder / "library.sqlite"
    folder.mkdir(parents=True, exist_ok=True)

    def bring_in(library: Library, ended: Callable[[], bool]) -> Callable[[], None]:
        from bci_affect.simulation import PIECES

        def add(first: int, last: int) -> None:
            compose(music, first, last, ended)
            if not ended():
                library.add([music], cancel=ended, workers=1, isolated=True)

        # A few pieces are enough to begin with; the others follow while the first one plays.
        add(0, FIRST_PIECES)
        return lambda: add(FIRST_PIECES, len(PIECES))

    return DemoMusic(database, bring_in)


def compose(folder: Path, first: int, last: int, ended: Callable[[], bool]) -> None:
    """Render the demonstration's pieces from `first` to `last`, unless all ends meanwhile.

    In a process of its own: the session shares no interpreter with it, and a quarter of a gigabyte
    goes when it is done.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from bci_affect.simulation import PIECES, write

    with ProcessPoolExecutor(1, get_context("spawn")) as isolated:
        for number in range(first, last):
            if ended():
                return
            isolated.submit(write, folder, PIECES[: number + 1]).result()


@contextmanager
def publisher(recording: Path) -> Iterator[str]:
    """Publish a recording in a loop from another process; yield the end of its source ids.

    LSL is confined to this machine unless the user has an own configuration.
    """
    suffix = f"-demo-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="bci-affect-") as folder:
        if "LSLAPICFG" not in os.environ:
            os.environ["LSLAPICFG"] = str(write_lsl_config(Path(folder), private=False))
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bci_affect", "play", str(recording)),
                *("--loop", "--head-start", str(HEAD_START_S)),
                *(f"--suffix={suffix}", "--with-parent"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.PIPE,  # however this process ends, the sender sees the end of it
        )
        try:
            yield suffix
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
