"""`live` from Python, with the publisher in another process."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import bci_affect as ba
from bci_affect.errors import BciAffectError
from bci_affect.resources import shipped
from tests.streams.lsl.live import end, spawn

RECORDING = shipped("recordings/demo.xdf")


def process_settings() -> tuple[object, ...]:
    return (gc.get_freeze_count(), sys.getswitchinterval(), torch.get_num_threads())


def test_a_live_session_gives_what_process_gives_on_its_recording(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    before = process_settings()
    device = spawn("bci_affect", "play", RECORDING, "--speed", "6")
    try:
        with ba.live(record=tmp_path, wait_s=60.0) as session:
            windows = session.windows(timeout_s=20.0)
            live = list(itertools.islice(session.estimates(20.0), 200))
            pairs = [next(windows) for _ in range(150)]
            assert process_settings() == before
            names = {stream.name for stream in ba.find_streams(0.3)}
            recorded = session.snapshot().recording
            assert session.music is None
    finally:
        end(device)
    torch.set_num_threads(1)
    assert "bci_affect.estimate" not in names, "nothing is published unasked"
    assert "stopped" in repr(session) or "ended" in repr(session)
    assert recorded is not None
    again = ba.process(recorded.path)
    by_time = {round(estimate.time, 4): estimate for estimate in again.estimates}
    shared = [(e, by_time[round(e.time, 4)]) for e in live if round(e.time, 4) in by_time]
    assert len(shared) > 150
    for name in ("valence", "arousal", "confidence"):
        ours, theirs = (np.array([getattr(p[i], name) for p in shared]) for i in (0, 1))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert [e.state for e, _ in shared] == [e.state for _, e in shared]
    assert np.all(np.diff([window.time for window in pairs]) > 0)


def test_iterators_end_with_the_session_or_after_their_duration() -> None:
    source = ba.XdfSource(RECORDING, speed=100.0)
    counts: list[int] = []
    with ba.live(source) as session:
        other = session.windows()
        reader = threading.Thread(target=lambda: counts.append(sum(1 for _ in other)))
        reader.start()
        windows = list(session.windows())
        reader.join(10)
    assert len(windows) > 900
    assert abs(counts[0] - len(windows)) < 50, "both iterators have the windows since their start"
    assert list(session.windows()) == [], "the session has ended"


def test_a_timeout_names_the_state_of_the_stream() -> None:
    source = ba.XdfSource(RECORDING)
    with ba.live(source) as session:
        source.paused = True
        estimates = session.estimates(timeout_s=0.2)
        with pytest.raises(ba.StreamTimeout, match=r"within 0\.2 s; the stream is streaming"):
            list(estimates)
        assert list(session.windows(timeout_s=None, duration_s=0.1)) == []


def test_realtime_changes_the_process_only_while_the_session_runs() -> None:
    before = sys.getswitchinterval()
    with ba.live(ba.XdfSource(RECORDING), realtime=True):
        assert sys.getswitchinterval() < before
        assert gc.get_freeze_count() > 0
    assert sys.getswitchinterval() == before


def test_a_failure_of_the_session_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken part")

    source = ba.XdfSource(RECORDING, speed=20.0)

    def run() -> None:
        with ba.live(source) as session:
            monkeypatch.setattr(session._path, "push", fail)
            list(session.estimates(timeout_s=5.0))

    with pytest.raises(BciAffectError, match="broken part"):
        run()
