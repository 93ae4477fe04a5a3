"""What was put in is written, in order and to the last; a file that fails is said once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.affect.estimate_csv import EstimateCsv
from bci_affect.eeg import State
from bci_affect.session.result_writer import ResultWriter


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
    (tmp_path / "e.csv").mkdir()  # somebody takes the name meanwhile
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
