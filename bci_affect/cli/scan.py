"""Bringing music into the library, with a progress bar; `live`, `demo` and `music add` share it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from bci_affect.music import Library, ScanProgress, ScanReport


def scan_with_progress(
    places: Sequence[Path], library: Library, console: Console | None = None
) -> ScanReport:
    """Scan folders (or files) into a library; Ctrl-C keeps what was done.

    Raises
    ------
    BciAffectError
        If a place is absent or the library cannot be written.
    """
    console = console or Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Listening to music", total=None)

        def show(progress: ScanProgress) -> None:
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                description=Path(progress.path).name[:40],
            )

        return library.add(places, progress=show)
