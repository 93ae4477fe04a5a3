"""Terminal output of studies: progress with time left, and one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def study_progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar with the time left on stderr; yield the callback for its steps."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def shown(name: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what} {name}", completed=done, total=total)

        yield shown


def print_study(metrics: dict[str, Any]) -> None:
    """Print the trial-level table: every variant, phase and baseline with interval and p."""
    from rich.console import Console
    from rich.table import Table

    counts = metrics["counts"]
    table = Table(
        title=f"{metrics['protocol']}: {counts['people']} people, {counts['trials']} trials, "
        f"{counts['tracks']} tracks; trial level, mean over people [95 % interval]"
    )
    table.add_column("")
    for head in ("valence BA", "p", "arousal BA", "p", "track MRR", "chance"):
        table.add_column(head, justify="right")
    for variant, phases in metrics["results"].items():
        for phase, result in phases.items():
            table.add_row(f"{variant}, {phase}", *_cells(result))
    for name, result in metrics["baselines"].items():
        table.add_row(f"baseline: {name}", *_cells(result))
    Console().print(table)
    if not counts["trials"]:
        return
    Console().print("BA: balanced accuracy, chance 0.500; p: one-sided, by permutation of labels.")


def _cells(result: dict[str, Any]) -> list[str]:
    from bci_affect.training import interval

    cells = []
    for target in ("valence", "arousal"):
        found = result.get(target, {}).get("trial", {}).get("balanced_accuracy")
        p = result.get("p", {}).get(target)
        cells += [interval(found), "" if p is None else f"{p:.3f}"]
    music = result.get("retrieval", {}).get("stimulus", {}).get("all", {}).get("trial", {})
    chance = music.get("chance MRR", {}).get("mean")
    return [*cells, interval(music.get("MRR")), "" if chance is None else f"{chance:.3f}"]
