"""Results are written in order and completely; a file that fails is reported once."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.affect.estimate_csv import EstimateCsv
from bci_affect.eeg import State
from bci_affect.event_log import TimedEvent
from bci_affect.events import Mark, SelfReport
from bci_affect.session.recording import SessionRecording
from bci_affect.session.result_writer import ResultWriter
from bci_affect.streams import EVENT_STREAM, event_header, read_xdf


def estimate(time: float) -> AffectEstimate:
    return AffectEstimate(
        time=time,
        valence=0.1,
        arousal=-0.2,
        valence_prob=0.55,
        arousal_prob=0.4,
        confidence=0.2,
        embedding=np.zeros(2, np.float32),
        attention=np.zeros((1, 1), np.float32),
        quality=1.0,
        state=State.OK,
    )


def test_everything_is_written_in_order_and_the_chore_done_at_the_end(tmp_path: Path) -> None:
    chores: list[int] = []
    writer = ResultWriter(
        EstimateCsv(tmp_path / "e.csv"),
        None,
        None,
        playing=lambda: "7",
        notify=lambda level, text: None,
        chore=lambda: chores.append(1),
    )
    writer.put(estimate(0.0))  # before it has begun
    writer.start()
    for i in range(1, 500):
        writer.put(estimate(float(i)))
    writer.close()
    with (tmp_path / "e.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time"]) for row in rows] == list(range(500))
    assert {row["track"] for row in rows} == {"7"}
    assert chores == [1]


def test_a_file_that_cannot_be_written_is_said_once_and_given_up(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    file = EstimateCsv(tmp_path / "e.csv")
    (tmp_path / "e.csv").mkdir()  # the name is taken meanwhile
    writer = ResultWriter(
        file,
        None,
        None,
        playing=lambda: "",
        notify=lambda level, text: said.append((level, text)),
        chore=lambda: None,
    )
    writer.start()
    for i in range(5):
        writer.put(estimate(float(i)))
    writer.close()
    ((level, sentence),) = said
    assert level == "error"
    assert "cannot be written" in sentence


def test_events_are_recorded_as_they_are(tmp_path: Path) -> None:
    """Events in the file read back as they were emitted, under the source id of the session."""
    header = event_header("bci_affect-0123456789ab")
    recording = SessionRecording(tmp_path, "A", "bci_affect-0123456789ab")
    recording.start(SimpleNamespace(tap=None))  # type: ignore[arg-type]
    writer = ResultWriter(
        None,
        None,
        recording,
        playing=lambda: "",
        notify=lambda level, text: None,
        chore=lambda: None,
    )
    events: list[TimedEvent] = [(1.0, Mark("a door")), (2.0, SelfReport(7, 3))]
    for timed in events:
        writer.put(timed)
    writer.start()
    writer.close()
    status = recording.status()
    assert status is not None
    recorded = read_xdf(status.path)
    assert recorded.events() == events
    (stream,) = (s for s in recorded.streams if s.header.name == EVENT_STREAM)
    assert stream.header.source_id == header.source_id
