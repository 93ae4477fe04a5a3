"""Scan of music into the library with a progress bar, for `live`, `demo` and `music add`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bci_affect.ending import handling_signals
from bci_affect.safe_text import make_console

if TYPE_CHECKING:
    from bci_affect.music import Library, ScanReport


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
