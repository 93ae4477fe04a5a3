"""A simulated listener follows a session over LSL, and keeps its ground truth."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.events import TrackStart, encode
from bci_affect.simulation.listener import publish_listener
from bci_affect.simulation.person import Artifacts
from bci_affect.simulation.session import SessionPlan, cap_channels
from bci_affect.streams import RawOutlet, local_clock, simulated_event_header

PLAN = SessionPlan(
    seconds=60.0,
    channels=cap_channels("muse"),
    rate_hz=128.0,
    coupling=2.0,
    seed=7,
    artifacts=Artifacts(gain_drift_db=3.0),
)


@pytest.mark.timeout(60)
def test_truth_of_a_listener_who_follows_a_session(tmp_path: Path) -> None:
    path, stop = tmp_path / "truth.jsonl", threading.Event()
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(publish_listener(PLAN, stop, truth=path)))
    events = RawOutlet(simulated_event_header(), own=False)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        event = TrackStart(track="a", offset=0.0, valence=0.8, arousal=-0.7)
        while not path.exists() or "0.8, -0.7" not in path.read_text():
            assert time.monotonic() < deadline, "the session's event did not reach the listener"
            if events.has_consumers():
                events.push([[encode(event)]], np.array([local_clock()]))
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(10)
        events.close()
    assert sent[0] > 0
    head, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    assert (head["coupling"], head["gain_drift_db"], head["effect"]) == (2.0, 3.0, 1.0)
    assert rest[0]["mood"] == [0.0, 0.0]
    assert rest[0]["activity"] == "listen"
    gains = next(document["gain_db"] for document in rest if "gain_db" in document)
    assert set(gains) == set(PLAN.channels)
    assert max(abs(value) for value in gains.values()) > 0.5
    assert rest[-1]["mood"] == [0.8, -0.7]
    assert rest[-1]["time"] <= local_clock()


def test_truth_does_not_overwrite_a_file(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text("mine")
    with pytest.raises(BciAffectError, match="exists; give a new file"):
        publish_listener(PLAN, threading.Event(), truth=path)
    assert path.read_text() == "mine"
