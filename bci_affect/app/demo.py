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
"""Seconds that the sender sends at once: a window and the settling time of the filters, so that the
first reading comes within seconds."""


class DemoMusic(NamedTuple):
    """Library of the demonstration: its database, and the function that adds the music."""

    library: Path
    bring_in: Callable[[Library, Callable[[], bool]], Callable[[], None]]


def demo_library(folder: Path) -> DemoMusic:
    """Return the demonstration's library, with the function that fills it during the session."""
    music, database = folder / "music", folder / "library.sqlite"
    folder.mkdir(parents=True, exist_ok=True)

    def bring_in(library: Library, ended: Callable[[], bool]) -> Callable[[], None]:
        from bci_affect.simulation import PIECES

        def add(first: int, last: int) -> None:
            compose(music, first, last, ended)
            if not ended():
                library.add([music], cancel=ended, workers=1, isolated=True)

        # A few pieces suffice at first; the others follow while the first one plays.
        add(0, FIRST_PIECES)
        return lambda: add(FIRST_PIECES, len(PIECES))

    return DemoMusic(database, bring_in)


def compose(folder: Path, first: int, last: int, ended: Callable[[], bool]) -> None:
    """Render the demonstration's pieces from `first` to `last`, unless the session ends.

    Runs in a process of its own, so that it does not share the session's interpreter, and frees a
    quarter of a gigabyte at its end.
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
    """Publish a recording in a loop from another process; yield the suffix of its source ids.

    LSL is restricted to this machine unless the user has a configuration.
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
            stdin=subprocess.PIPE,  # the sender detects any end of this process
        )
        try:
            yield suffix
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
