"""Events of a real session, read back by every reader of them.

EEG comes over LSL from another process, a real player plays a short track to its end, and a third
process publishes forged events meanwhile. Nothing in the recording is written by hand.
"""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile

from bci_affect.affect import AffectEstimate, analyse
from bci_affect.app.session_record import SessionRecord, heard, of_recording, of_session
from bci_affect.config import LiveSettings
from bci_affect.datasets import Labels, find_segments
from bci_affect.datasets.recorded import RecordedSessions
from bci_affect.eeg import State
from bci_affect.event_log import Breaks, TimedEvent
from bci_affect.events import (
    CalibrationStop,
    Mark,
    MusicPaused,
    MusicResumed,
    SelfReport,
    SessionEvent,
    SessionPause,
    SessionResume,
    SessionStart,
    SessionStop,
    TrackStart,
    TrackStop,
)
from bci_affect.gui.flows.ending import summary
from bci_affect.gui.notes import NoteKind
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.model import Predictor
from bci_affect.music import Library
from bci_affect.session import LiveSession, SessionOptions, build_session, path_factory
from bci_affect.session.dj.sham import yoke
from bci_affect.simulation.listener import Mind
from bci_affect.streams import LslSource, XdfSource, read_xdf
from tests.music.fake_library import fill
from tests.session.forger import STREAMS

ROOT = Path(__file__).resolve().parents[2]
TRACK_S, BREAK_S, RATE = 6.0, 1.5, 8000
T = TypeVar("T", bound=SessionEvent)


@contextmanager
def running(module: str, *arguments: str) -> Iterator[None]:
    """Run a module in another process until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), f"{module} did not start"
        yield
    finally:
        process.communicate(timeout=10)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class Run:
    """Session that has ended, and its files."""

    session: LiveSession
    recording: Path
    estimates: Path
    library: Path

    @cached_property
    def events(self) -> list[TimedEvent]:
        """Events of the recording."""
        return read_xdf(self.recording).events()

    def one(self, kind: type[T]) -> tuple[float, T]:
        """Return the only event of a kind."""
        (found,) = [(at, event) for at, event in self.events if isinstance(event, kind)]
        return found

    @cached_property
    def track(self) -> tuple[float, float]:
        """Start and end of the track."""
        return self.one(TrackStart)[0], self.one(TrackStop)[0]

    @cached_property
    def pause(self) -> tuple[float, float]:
        """Start and end of the break."""
        return self.one(SessionPause)[0], self.one(SessionResume)[0]

    def record(self, predictor: Predictor) -> SessionRecord:
        """Return the record that a report of the recording is made from."""
        make = path_factory(predictor, LiveSettings())
        return of_recording(self.recording, make, profile="", model="untrained")


@pytest.fixture(scope="module")
def run(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Play a track to its end, with a break in it; then mark, rate, and stop."""
    folder = tmp_path_factory.mktemp("session")
    with Library(folder / "library.sqlite") as library:
        fill(library, folder / "music", 1, dim=128)
        (track,) = library.tracks()
    noise = 0.01 * np.random.default_rng(1).standard_normal(round(TRACK_S * RATE))
    soundfile.write(track.path, noise.astype(np.float32), RATE)
    options = SessionOptions(
        library=folder / "library.sqlite",
        policy="manual",
        device="none",
        record_dir=folder / "recordings",
        participant="A",
        estimates=folder / "live.csv",
    )
    with ExitStack() as stack:
        stack.enter_context(running("tests.gui.publisher", f"cap-{uuid.uuid4().hex[:8]}"))
        stack.enter_context(running("tests.session.forger"))
        session = build_session(LslSource(name="Test cap"), options, predictor)
        stack.callback(session.stop)
        session.start(60, record=True)

        def emitted(kind: type[SessionEvent]) -> bool:
            return any(isinstance(event, kind) for _, event in session.events())

        def reading() -> bool:
            estimate = session.snapshot().affect.estimate
            return estimate is not None and estimate.state is State.OK

        until(reading)
        music = session.music
        assert music is not None
        music.choose(track.id)
        until(lambda: emitted(TrackStart), 10)
        time.sleep(1.5)
        session.set_paused(True)
        time.sleep(BREAK_S)
        session.set_paused(False)
        until(lambda: emitted(TrackStop))
        session.mark("a door")
        session.rate(7, 3)
        time.sleep(1.5)
        session.stop()
    status = session.snapshot().recording
    assert status is not None
    return Run(session, Path(status.path), folder / "live.csv", folder / "library.sqlite")


def within(times: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (times >= span[0]) & (times < span[1])


def test_the_recording_has_what_the_session_emitted(run: Run) -> None:
    live = run.session.events()
    assert run.events == sorted(live, key=lambda timed: timed[0])
    start, stop = run.track
    assert stop - start == pytest.approx(TRACK_S + BREAK_S, abs=0.6)
    order = [type(event) for _, event in run.events]
    wanted = [
        *(SessionStart, TrackStart, SessionPause, MusicPaused, SessionResume, MusicResumed),
        *(TrackStop, Mark, SelfReport, SessionStop),
    ]
    assert [kind for kind in order if kind in wanted] == wanted


def test_forged_events_are_markers(run: Run) -> None:
    """They were received and recorded; neither the session nor a reader takes them for events."""
    forged = [m for m in read_xdf(run.recording).markers() if "forged" in m.text]
    assert {m.stream for m in forged} == {name for name, *_ in STREAMS}
    assert len(forged) > 3 * len(STREAMS)
    assert all(m.event is None for m in forged)
    assert not [event for _, event in run.events if isinstance(event, CalibrationStop)]
    assert sum(isinstance(event, SelfReport) for _, event in run.events) == 1


def test_a_trial_ends_with_its_track(run: Run) -> None:
    (clip,) = find_segments(read_xdf(run.recording).markers(), math.inf, Labels())
    assert (clip.start, clip.stop) == run.track
    assert (clip.valence, clip.arousal) == (7, 3)
    before, after = clip.stretches
    assert before == (run.track[0], run.pause[0])
    assert after[0] >= run.pause[1], "the music resumes after the break"
    assert after[1] == run.track[1]


def test_the_data_set_has_the_longest_stretch_of_the_trial(run: Run) -> None:
    data = RecordedSessions(run.recording.parents[3])
    (trial,) = data.trials("A")
    begin, end = max(
        find_segments(read_xdf(run.recording).markers(), math.inf, Labels())[0].stretches,
        key=lambda span: span[1] - span[0],
    )
    length = trial.eeg.shape[1] / trial.rate_hz - trial.onset_s
    assert length == pytest.approx(end - begin, abs=0.05)


@pytest.fixture(scope="module")
def offline(run: Run, predictor: Predictor) -> list[AffectEstimate]:
    source = XdfSource(run.recording, offline=True)
    path = path_factory(predictor, LiveSettings())(source.open())
    return [step.estimate for step in analyse(source, path, Breaks(run.events))]


def test_a_break_has_no_reading_in_the_csv_files(run: Run, offline: list[AffectEstimate]) -> None:
    """``live`` and ``process`` write the same states, and ``paused`` in the break only."""
    with run.estimates.open(newline="") as file:
        live = {round(float(row["time"]), 3): row["state"] for row in csv.DictReader(file)}
    processed = {round(estimate.time, 3): estimate.state.value for estimate in offline}
    shared = live.keys() & processed.keys()
    assert len(shared) > 0.9 * len(live)
    assert {at: live[at] for at in shared} == {at: processed[at] for at in shared}
    inside = [state for at, state in live.items() if run.pause[0] <= at < run.pause[1]]
    assert "paused" in inside
    assert "ok" not in inside, "blinks leave artifacts in it, but no reading"
    assert all(s != "paused" for at, s in live.items() if not run.pause[0] <= at < run.pause[1])
    assert list(live.values()).count("ok") > 10


def test_held_numbers_do_not_move_in_a_break(run: Run, offline: list[AffectEstimate]) -> None:
    """Live and reprocessed alike, the numbers are those of the last reading before the break."""
    with run.estimates.open(newline="") as file:
        rows = list(csv.DictReader(file))
    at = np.array([float(row["time"]) for row in rows])
    valid = np.array([row["state"] == "ok" for row in rows])
    last = int(np.flatnonzero(valid & (at < run.pause[0]))[-1])
    inside = np.flatnonzero((at >= run.pause[0]) & (at < run.pause[1]))
    assert len(inside) > 8
    assert {rows[i]["valence"] for i in inside} == {rows[last]["valence"]}
    assert {rows[i]["decided_valence"] for i in inside} == {""}
    held = [e for e in offline if run.pause[0] <= e.time < run.pause[1]]
    assert len({e.valence for e in held}) == 1
    assert {e.confidence for e in held} == {0.0}


def test_end_page_and_report_have_one_count(run: Run) -> None:
    vm = ViewModel(run.session)
    vm.tick()
    record = of_session(run.session)
    words = dict(summary(vm))["Estimates"]
    assert words.startswith(f"{len(record.time)}, of these {100 * record.ok.mean():.0f} % valid")


@pytest.mark.parametrize("kind", ["live", "reprocessed"])
def test_the_report_counts_neither_break_nor_finished_track(
    run: Run, predictor: Predictor, kind: str
) -> None:
    record = of_session(run.session) if kind == "live" else run.record(predictor)
    assert not record.ok[within(record.time, run.pause)].any()
    assert record.ok[within(record.time, (run.track[0], run.pause[0]))].any()
    known = np.isfinite(record.music).all(axis=1)
    assert known[record.ok & within(record.time, (run.track[0] + 0.3, run.pause[0]))].all()
    after = within(record.time, (run.track[1] + 0.5, math.inf))
    assert record.ok[after].any()
    assert not known[after].any(), "log-odds of the music end with the track"
    assert not known[record.time < run.track[0]].any()
    (track,) = heard(record)
    assert (track.start, track.stop) == run.track
    assert track.reported == (7.0, 3.0)
    assert [event.note for _, event in record.events if isinstance(event, Mark)] == ["a door"]


def test_the_window_shows_the_same(run: Run) -> None:
    vm = ViewModel(run.session)
    vm.tick()
    (played,) = vm.music.played
    assert (played.start, played.stop) == run.track
    rows = vm.timeline.rows
    assert (rows[within(rows[:, 0], run.pause), 4] == 0).all()
    assert (rows[:, 4] > 0).any()
    shown = [note.kind for note in vm.notes]
    for once in (NoteKind.TRACK, NoteKind.REPORT, NoteKind.MARK):
        assert shown.count(once) == 1
    assert [note.rating for note in vm.notes if note.rating] == [(0.5, -0.5)]


def test_a_simulated_listener_feels_the_music_while_it_is_audible(run: Run) -> None:
    mind = Mind()
    felt: dict[type[SessionEvent], bool] = {}
    for at, event in run.events:
        mind.push(at, event)
        felt[type(event)] = mind.mood != (0.0, 0.0)
    assert felt[TrackStart]
    assert not felt[MusicPaused]
    assert felt[MusicResumed]
    assert not felt[TrackStop]


def test_a_sham_can_be_yoked_to_it(run: Run) -> None:
    with Library(run.library) as library:
        (played,) = yoke(run.recording, library).played
    began = run.one(SessionStart)[0]
    assert played.at_s == pytest.approx(run.track[0] - began)
    assert played.offset_s == pytest.approx(0.0, abs=0.01)
