"""Contact of the electrodes in the last second, also against a headset's own values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bci_affect.eeg import Chunk, Pipeline, make_montage
from benchmarks.contact import figures, read_person
from tests.eeg.signals import CAP_8, SHORT, pink, times_of


def test_contact_follows_the_last_second_and_not_the_votes() -> None:
    eeg = pink(3, 8, 5000)
    eeg[0, 3750:] += np.float32(600 * np.sin(np.arange(1250) / 30))
    eeg[1] = 7.0
    pipeline = Pipeline(SHORT, 250.0, make_montage([*CAP_8[:7], "ECG"]))
    times = times_of(5000, 250.0)
    pipeline.push(Chunk(eeg[:, :100], times[:100]))
    assert np.isnan(pipeline.contact[:7]).all()
    pipeline.push(Chunk(eeg[:, 100:3750], times[100:3750]))
    assert (pipeline.contact[[0, *range(2, 7)]] > 0.7).all()
    assert pipeline.contact[[1, 7]].tolist() == [0.0, 0.0]
    pipeline.push(Chunk(eeg[:, 3750:4000], times[3750:4000]))
    assert pipeline.contact[0] < 0.1
    assert (pipeline.contact[2:7] > 0.7).all()


def test_contact_agrees_with_the_headsets_own(shared_data: Path) -> None:
    folder = shared_data / "people" / "sequence"
    files = [next((folder / name).rglob("*.xdf")) for name in ("sub-36", "sub-60")]
    people = [read_person(file) for file in files]
    assert [bool(person.frozen.any()) for person in people] == [False, True]
    found = figures(people, "contact", with_frozen=False)
    assert min(found["people"].values()) > 0.88
    assert found["auc"] > figures(people, "quality", with_frozen=False)["auc"]
