"""A complete session over real LSL, with the publisher in another process."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bci_affect.affect import EstimateCsv, analyse
from bci_affect.affect.estimate import AffectEstimate
from bci_affect.config import LiveSettings
from bci_affect.eeg import State
from bci_affect.errors import BciAffectError
from bci_affect.event_log import Breaks, PlayedMusic
from bci_affect.events import (
    Mark,
    MusicPaused,
    RestStart,
    RestStop,
    SelfReport,
    SessionPause,
    SessionResume,
    TrackStart,
)
from bci_affect.model import Predictor
from bci_affect.resources import shipped
from bci_affect.session import path_factory
from bci_affect.session.engine import LiveSession
from bci_affect.session.publish import Publisher
from bci_affect.session.recording import SessionRecording
from bci_affect.streams import ConnectionState, LslSource, XdfSource, read_xdf

RECORDING = shipped("recordings/demo.xdf")
SPEED = 4.0


@contextmanager
def playing(recording: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Publish a recording from another process; it waits for the session to listen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bci_affect", "play", str(recording), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith(b"Playing"), "a busy machine starts it slowly"
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


def make_session(predictor: Predictor, **parts: object) -> LiveSession:
    return LiveSession(
        LslSource(),
        path_factory(predictor, LiveSettings()),
        model_name=predictor.card.name,
        model_summary=predictor.card.summary,
        **parts,  # type: ignore[arg-type]
    )


def until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return true()


def test_live_run_is_processed_alike_and_its_recording_too(
    predictor: Predictor, tmp_path: Path
) -> None:
    """Invariant 1: live, the recording of the live run, and the file that was played, all agree."""
    rows = tmp_path / "live.csv"
    session = make_session(
        predictor,
        estimates=EstimateCsv(rows),
        recording=SessionRecording(tmp_path / "rec", "P 7"),
    )
    with playing(RECORDING, "--speed", str(SPEED)):
        session.start(60, record=True)
        assert until(lambda: len(session.history(math.inf)) > 160, 60)
        session.mark("here")
        session.rate(7, 3, liking=8)
        session.rate(11, 3)
        stream = session.snapshot().stream
        session.stop()
    assert session.failure is None
    assert stream is not None
    assert stream.health.lost == 0

    live = session.history(math.inf)
    with rows.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["state"] for row in written] == [e.state.value for e in live]

    def offline(path: Path) -> list[AffectEstimate]:
        source = XdfSource(path, offline=True)
        make = path_factory(predictor, LiveSettings())
        return [step.estimate for step in analyse(source, make(source.open()))]

    def agree(other: list[AffectEstimate]) -> None:
        shared = min(len(live), len(other))
        assert shared > 150
        assert [e.state for e in other[:shared]] == [e.state for e in live[:shared]]
        for name in ("valence", "arousal", "confidence", "quality", "embedding", "attention"):
            a = np.array([getattr(e, name) for e in live[:shared]])
            b = np.array([getattr(e, name) for e in other[:shared]])
            np.testing.assert_allclose(a, b, atol=1e-5)

    agree(offline(RECORDING))
    status = session.snapshot().recording
    assert status is not None
    assert not status.active
    assert "sub-P7" in status.path
    recorded = read_xdf(status.path)
    assert not recorded.damage
    ours = [event for _, event in recorded.events() if isinstance(event, Mark | SelfReport)]
    assert ours == [Mark("here"), SelfReport(7, 3, liking=8)]
    estimates = next(s for s in recorded.streams if s.header.name == "bci_affect.estimate")
    assert len(estimates) > 100
    agree(offline(Path(status.path)))


def test_a_hanging_receiver_holds_up_nothing(predictor: Predictor) -> None:
    """Invariant 7: estimates continue while their receiver is blocked."""
    released = threading.Event()

    class Stuck(Publisher):
        def estimate(self, estimate: AffectEstimate) -> None:
            released.wait(30)

    session = make_session(predictor, publisher=Stuck(predictor.space, "stuck"))
    with playing(RECORDING, "--speed", str(SPEED)):
        session.start(60)
        assert until(lambda: len(session.history(math.inf)) > 100, 60)
        released.set()
        session.stop()


def test_a_killed_device_is_said_to_be_lost_and_the_reading_is_held(predictor: Predictor) -> None:
    session = make_session(predictor)
    with playing(RECORDING, "--speed", str(SPEED)) as device:
        session.start(60)

        def reading() -> bool:
            estimate = session.snapshot().affect.estimate
            return estimate is not None and estimate.state is State.OK

        assert until(reading, 60)
        device.kill()
        device.wait(10)

        def lost() -> bool:
            snapshot = session.snapshot()
            return (
                snapshot.stream is not None
                and snapshot.stream.health.state is not ConnectionState.STREAMING
                and snapshot.affect.estimate is not None
                and snapshot.affect.estimate.state is State.LOST
            )

        assert until(lost, 5)
    snapshot = session.snapshot()
    assert snapshot.stream is not None
    assert snapshot.stream.health.reason
    assert snapshot.affect.estimate is not None
    assert snapshot.affect.estimate.confidence == 0
    assert np.isfinite(snapshot.affect.estimate.valence)
    session.stop()


def test_commands_reach_the_data_path(predictor: Predictor, tmp_path: Path) -> None:
    session = make_session(predictor, recording=SessionRecording(tmp_path))
    with playing(RECORDING, "--speed", str(SPEED)):
        info = session.start(60)
        session.set_bad(info.labels[0])
        session.baseline(5.0)
        assert session.snapshot().baseline.left_s > 4

        def measured() -> bool:
            window = session.snapshot().affect.window
            return (
                window is not None
                and not window.mask[0]
                and session.snapshot().baseline.features is not None
            )

        assert until(measured, 60)
        session.set_paused(True)
        session.set_paused(True)
        assert session.snapshot().clock.paused
        count = len(session.history(math.inf))
        assert until(lambda: len(session.history(math.inf)) > count, 60), "EEG goes on in a break"
        session.emit_event(TrackStart("Sea", artist="A", track_id=4, valence=0.5, offset=0.0))
        session.emit_event(MusicPaused("Sea", artist="A", track_id=4))
        session.start_recording()
        session.set_paused(False)
        assert not session.snapshot().clock.paused
        session.stop()
    assert session.music is None
    assert session.snapshot().music is None
    kinds = [type(event) for _, event in session.events()]
    assert kinds.index(RestStart) < kinds.index(RestStop)
    breaks = [kind for kind in kinds if kind in (SessionPause, SessionResume)]
    assert breaks == [SessionPause, SessionResume]
    (path,) = tmp_path.rglob("*.xdf")
    recorded = read_xdf(path).events()
    assert [span.music for span in PlayedMusic(recorded).played] == [
        TrackStart("Sea", artist="A", track_id=4, valence=0.5, earlier=True)
    ]
    assert PlayedMusic(recorded).played[0].pauses, "the track was paused"
    ((start, stop),) = Breaks(recorded).spans
    assert recorded[0][0] <= start < stop < recorded[-1][0]
    assert kinds.count(TrackStart) == 1, "the session's own list has no second start"


def test_no_stream_is_one_sentence(predictor: Predictor) -> None:
    session = make_session(predictor)
    with pytest.raises(BciAffectError, match="stream"):
        session.start(1.0)
    session.stop()
