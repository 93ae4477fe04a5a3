"""Terminal output of studies: progress with the time left, and the table of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bci_affect.safe_text import make_console

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY_S = 60.0
"""Shortest time between two lines of progress outside a terminal."""


class Pace:
    """Time left of one stage, from the items that were done since it began.

    Parameters
    ----------
    done : int
        Items that were done before, in an earlier run.
    now_s : float
        Time at which the stage begins.
    """

    def __init__(self, done: int, now_s: float) -> None:
        self._first, self._began_s = done, now_s
        self._done, self._latest_s = done, now_s

    def update(self, done: int, now_s: float) -> None:
        """Record the number of items done."""
        if done != self._done:
            self._done, self._latest_s = done, now_s

    def left_s(self, total: int, now_s: float) -> float | None:
        """Return the seconds left, which run down between items; None before the first item."""
        if self._done <= self._first:
            return None
        per_item = (self._latest_s - self._began_s) / (self._done - self._first)
        return max(0.0, self._latest_s + per_item * (total - self._done) - now_s)


@contextmanager
def study_progress(
    console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str, str, int, int], None]]:
    """Show items done and time left of every stage on stderr.

    In a terminal each stage has a bar; elsewhere (a log file, a pipe) there is a line at most once
    a minute.

    Yields
    ------
    callable
        To be called with the stage, the item, the number of items done, and the total.
    """
    if console is None:
        console = make_console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, clock)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    paces: dict[str, tuple[Any, Pace]] = {}

    class TimeLeft(ProgressColumn):
        """Time left of a stage by its `Pace`; rich's own forgets items after half a minute."""

        def render(self, task: Task) -> Text:
            left = task.fields["pace"].left_s(int(task.total or 0), clock())
            return Text("" if task.finished else f"left: {_duration(left)}")

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TimeLeft(), TextColumn("{task.fields[item]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:

        def shown(stage: str, item: str, done: int, total: int) -> None:
            if stage not in paces:
                pace = Pace(done, clock())
                paces[stage] = bar.add_task(stage, total=total, pace=pace, item=item), pace
            task, pace = paces[stage]
            pace.update(done, clock())
            bar.update(task, completed=done, total=total, item=item)

        yield shown


def _lines(console: Console, clock: Callable[[], float]) -> Callable[[str, str, int, int], None]:
    paces: dict[str, Pace] = {}
    last_s = clock()

    def shown(stage: str, item: str, done: int, total: int) -> None:
        nonlocal last_s
        now_s = clock()
        pace = paces.setdefault(stage, Pace(done, now_s))
        pace.update(done, now_s)
        if now_s - last_s < LINE_EVERY_S:
            return
        last_s = now_s
        left = _duration(pace.left_s(total, now_s))
        console.print(
            f"{stage}: {done} of {total} done, time left: {left}", soft_wrap=True, highlight=False
        )

    return shown


def _duration(seconds: float | None) -> str:
    """Write a duration as hours, minutes and seconds."""
    if seconds is None:
        return "-:--:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def print_study(metrics: dict[str, Any]) -> None:
    """Print the trial-level table: every variant, phase and baseline with interval and p."""
    from rich.table import Table

    counts = metrics["counts"]
    table = Table(
        title=f"{metrics['protocol']}: {counts['people']} people, {counts['trials']} trials, "
        f"{counts['tracks']} tracks; trial level, mean over people [95 % interval]"
    )
    table.add_column("")
    for head in ("valence BA", "p", "arousal BA", "p", "track MRR", "chance", "probe"):
        table.add_column(head, justify="right")
    for variant, phases in metrics["results"].items():
        for phase, result in phases.items():
            table.add_row(f"{variant}, {phase}", *_cells(result))
    for name, result in metrics["baselines"].items():
        table.add_row(f"baseline: {name}", *_cells(result))
    make_console().print(table)
    if not counts["trials"]:
        return
    make_console().print(
        "BA: balanced accuracy, chance 0.500; p: one-sided, by permutation of labels; probe: "
        "balanced accuracy of a linear classifier of EEG against music, 0.500 if aligned."
    )


def _cells(result: dict[str, Any]) -> list[str]:
    from bci_affect.training import interval

    cells = []
    for target in ("valence", "arousal"):
        found = result.get(target, {}).get("trial", {}).get("balanced_accuracy")
        p = result.get("p", {}).get(target)
        cells += [interval(found), "" if p is None else f"{p:.3f}"]
    music = result.get("retrieval", {}).get("stimulus", {}).get("all", {}).get("trial", {})
    chance = music.get("chance MRR", {}).get("mean")
    probe = result.get("modality_probe", {}).get("mean")
    shown = ["" if value is None else f"{value:.3f}" for value in (chance, probe)]
    return [*cells, interval(music.get("MRR")), *shown]
