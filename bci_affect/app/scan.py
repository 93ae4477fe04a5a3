"""Scan of music into the library: with a progress bar, or in the background of a session."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bci_affect.ending import handling_signals
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import make_console

if TYPE_CHECKING:
    from bci_affect.gui import ScanStatus
    from bci_affect.music import Library, ScanProgress, ScanReport

FIRST_TRACKS = 4
"""Tracks that a session waits for; the others are added while the first one plays."""


def scan_with_progress(
    places: Sequence[Path], library: Library, workers: int | None = None
) -> ScanReport:
    """Scan folders (or files) into a library; Ctrl-C ends the scan and keeps the results.

    So do SIGTERM and SIGHUP, which then end the program.

    Raises
    ------
    BciAffectError
        If a folder is absent or the library cannot be written.
    """
    console = make_console(stderr=True)
    stop: list[int] = []
    # The window scans on a thread of its own, where Python handles no signals.
    on_main = threading.current_thread() is threading.main_thread()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    on_signal = handling_signals(lambda number, _: stop.append(number))
    with (
        on_signal if on_main else nullcontext(),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("Looking for music", total=None)
        report = library.add(
            places,
            progress=lambda at: bar.update(
                task, total=at.total, completed=at.done, description=Path(at.path).name[:30]
            ),
            cancel=lambda: bool(stop),
            workers=workers,
        )
    if stop and stop[0] != signal.SIGINT:
        signal.raise_signal(stop[0])
    return report


class FolderScan:
    """Scan of a folder in the background; implements `bci_affect.gui.services.ScanView`.

    `bring_in` is called on the music thread of a session, `run` anywhere; any thread may ask for
    the status or cancel.

    Parameters
    ----------
    folder : Path
    encoder : str
        See `bci_affect.music.load_encoder`.
    isolated : bool
        Analyse in a process of its own, so that a session keeps its interpreter to itself.
    """

    def __init__(self, folder: Path, *, encoder: str = "tagger", isolated: bool = True) -> None:
        self._folder = folder
        self._encoder, self._isolated = encoder, isolated
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._began = math.nan
        self._done = self._total = self._earlier = self._failed = 0
        self._name = self._error = ""
        self._ended = False

    def bring_in(self, library: Library, ended: Callable[[], bool]) -> Callable[[], None]:
        """Add the first tracks; return a function that adds the others.

        Raises
        ------
        BciAffectError
            If the folder has no music, or the library cannot be written.
        """
        self._add(library, lambda: ended() or self._earlier + self._done >= FIRST_TRACKS)
        with self._lock:
            self._earlier += self._done
            self._total -= self._done
            self._done = 0
        if ended() or self._complete():
            self._ended = True
            return lambda: None
        return lambda: self.run(library, ended)

    def run(self, library: Library, ended: Callable[[], bool] = lambda: False) -> None:
        """Add the music of the folder, or what is still missing of it.

        Raises
        ------
        BciAffectError
            If the folder has no music, or the library cannot be written.
        """
        try:
            self._add(library, ended)
        finally:
            self._ended = True

    def status(self) -> ScanStatus:
        """Return the progress at once."""
        from bci_affect.gui import ScanStatus

        with self._lock:
            done, total = self._earlier + self._done, self._earlier + self._total
            took = time.monotonic() - self._began
            left = took / done * (total - done) if done and not math.isnan(took) else math.nan
            return ScanStatus(
                done=done,
                total=total if self._total else 0,
                name=self._name,
                left_s=left,
                failed=self._failed,
                ended=self._ended,
                cancelled=self._cancel.is_set(),
                error=self._error,
            )

    def cancel(self) -> None:
        """Ask the scan to end; it keeps its results and ends within a second."""
        self._cancel.set()

    def _complete(self) -> bool:
        return self._cancel.is_set() or not self._total

    def _add(self, library: Library, enough: Callable[[], bool]) -> None:
        if math.isnan(self._began):
            self._began = time.monotonic()
        try:
            report = library.add(
                [self._folder],
                progress=self._progressed,
                cancel=lambda: self._cancel.is_set() or enough(),
                workers=1,
                isolated=self._isolated,
                encoder=self._encoder,
            )
            self._failed += len(report.failed)
        except BciAffectError as error:
            self._error, self._ended = str(error), True
            raise

    def _progressed(self, at: ScanProgress) -> None:
        with self._lock:
            self._done, self._total, self._name = at.done, at.total, Path(at.path).name
