"""The guided calibration in a terminal: what is asked, what is refused, and how it stops.

The clock of these tests runs fast, so that minutes of rest pass in a second; calibration, guide and
questions are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bci_affect.app import guided_terminal as guide_module
from bci_affect.app.guided_terminal import guide
from bci_affect.events import CalibrationStop, SelfReport, SessionEvent
from bci_affect.session.guided.calibration import Clip, GuidedCalibration, Step, Timing
from bci_affect.session.snapshot import SessionClock

SPEED = 60.0


class Fast:
    """Session clock at sixty times real time, with good electrodes, until stopped."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.ended = False

    def snapshot(self) -> SimpleNamespace:
        now = 1000.0 + SPEED * (time.monotonic() - self._start)
        return SimpleNamespace(
            clock=SessionClock(now, 0.0, ended=self.ended),
            affect=SimpleNamespace(estimate=SimpleNamespace(quality=1.0)),
        )


class Runner:
    cues = 0

    def cue(self) -> None:
        self.cues += 1


@pytest.fixture
def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[GuidedCalibration, list[SessionEvent]]:
    monkeypatch.setattr(guide_module, "_TICK_S", 0.005)
    events: list[SessionEvent] = []
    clips = [Clip(i, f"/m/{i}", f"t{i}", 0.0, 20.0, 0.5, 0.5, 0) for i in range(2)]
    guided = GuidedCalibration.begin(
        tmp_path / "p.json",
        "Ada",
        clips,
        seed=0,
        timing=Timing(10, 10, 0, 4),
        emit=events.append,
        play=lambda clip: None,
        silence=lambda: None,
    )
    return guided, events


def answers(*texts: str) -> Iterator[str]:
    yield from texts


def test_it_leads_to_the_end_and_insists_on_numbers(
    made: tuple[GuidedCalibration, list[SessionEvent]],
) -> None:
    guided, events = made
    given = answers("pleasant", "0", "7", "2,5", "", "9", "3", "4", "10", "5", "")
    runner = Runner()
    assert guide(Fast(), guided, runner, ask=lambda question: next(given))  # type: ignore[arg-type]
    assert guided.ratings[0].valence == 7
    assert guided.ratings[0].arousal == 2.5
    assert guided.ratings[0].familiarity is None
    assert guided.ratings[0].liking == 9
    assert guided.ratings[1].familiarity == 5
    assert [type(event) for event in events].count(SelfReport) == 2
    assert runner.cues >= 7, "a tone at every change, as eyes may be closed"


@pytest.mark.parametrize("how", ["q", EOFError, KeyboardInterrupt])
def test_it_stops_at_any_question_and_keeps_what_was_rated(
    made: tuple[GuidedCalibration, list[SessionEvent]], how: str | type[BaseException]
) -> None:
    guided, events = made
    given = answers("7", "2", "", "")

    def ask(question: str) -> str:
        try:
            return next(given)
        except StopIteration:
            if isinstance(how, str):
                return how
            raise how from None

    assert not guide(Fast(), guided, Runner(), ask=ask)  # type: ignore[arg-type]
    assert guided.step is Step.STOPPED
    assert set(guided.ratings) == {0}
    assert events[-1] == CalibrationStop(rated=1)


def test_it_ends_with_the_stream(made: tuple[GuidedCalibration, list[SessionEvent]]) -> None:
    guided, _ = made
    session = Fast()
    session.ended = True
    assert not guide(session, guided, Runner())  # type: ignore[arg-type]
    assert guided.step is Step.STOPPED
