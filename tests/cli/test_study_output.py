"""Progress of a long study: items done and time left, in a terminal and in a log file."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bci_affect.cli.study_output import LINE_EVERY_S, Pace, study_progress


class Clock:
    """Clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_time_left_of_folds_that_take_minutes() -> None:
    pace = Pace(done=4, now_s=0.0)  # four folds are of an earlier run and say nothing of this one
    assert pace.left_s(10, 5.0) is None
    pace.update(5, 100.0)
    assert pace.left_s(10, 100.0) == pytest.approx(500.0)
    assert pace.left_s(10, 160.0) == pytest.approx(440.0)  # runs down between folds
    pace.update(7, 240.0)
    assert pace.left_s(10, 240.0) == pytest.approx(3 * 80.0)
    assert pace.left_s(10, 9999.0) == 0.0


def test_terminal_shows_folds_done_and_time_left() -> None:
    clock, text = Clock(), io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with study_progress(console, clock) as shown:
        shown("Features", "s01", 0, 2)
        shown("Features", "s02", 2, 2)
        shown("Folds", "", 0, 8)
        for done in (1, 2):
            clock.now_s += 300.0  # rich's own estimate has forgotten the last fold by now
            shown("Folds", f"fold-{done}", done, 8)
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    assert "2/8" in seen
    assert "left: 0:30:00" in seen
    assert "fold-2" in seen
    assert "Features" in seen


def test_log_file_gets_a_line_a_minute() -> None:
    clock, text = Clock(), io.StringIO()
    with study_progress(Console(file=text), clock) as shown:
        shown("Folds", "", 0, 32)
        for done in range(1, 7):
            clock.now_s += LINE_EVERY_S / 2
            shown("Folds", f"fold-{done}", done, 32)
    lines = text.getvalue().splitlines()
    assert lines == [
        "Folds: 2 of 32 done, time left: 0:15:00",
        "Folds: 4 of 32 done, time left: 0:14:00",
        "Folds: 6 of 32 done, time left: 0:13:00",
    ]


def test_short_work_writes_nothing_into_a_log_file() -> None:
    text = io.StringIO()
    with study_progress(Console(file=text)) as shown:
        shown("Folds", "", 0, 1)
        shown("Folds", "only", 1, 1)
    assert text.getvalue() == ""
