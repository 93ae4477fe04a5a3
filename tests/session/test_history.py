"""The history has the newest estimates, and a lost stream is not a reading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bci_affect.eeg import FeatureWindow, State
from bci_affect.session.history import EstimateHistory
from tests.session.test_result_writer import estimate


def window(index: int) -> FeatureWindow:
    return FeatureWindow(
        bands=np.zeros((1, 1, 1), np.float32),
        mask=np.ones(1, np.bool_),
        quality=np.ones(1, np.float32),
        time=float(index),
        state=State.OK,
        index=index,
        electrodes_version=0,
        reasons=(),
    )


def test_history_and_latency_are_of_the_newest() -> None:
    history = EstimateHistory()
    assert history.newest() == (None, None)
    assert history.history(10) == []
    assert all(np.isnan(history.latency_ms()))
    for i in range(200):
        history.add(window(i), estimate(float(i)), done=float(i), latency_s=i * 1e-3)
    assert [e.time for e in history.history(3)] == [196, 197, 198, 199]
    np.testing.assert_allclose(history.latencies_ms()[1], np.arange(139, 200))  # the last minute
    assert history.latency_ms()[0] == np.median(np.arange(139, 200))


def test_a_lost_stream_leaves_the_last_reading_marked_as_none() -> None:
    history = EstimateHistory()
    assert history.mark_lost() is None
    history.add(window(1), estimate(1.0), done=1.0, latency_s=0.001)
    lost = history.mark_lost()
    assert lost is not None
    assert (lost.state, lost.confidence, lost.valence) == (State.LOST, 0.0, 0.1)
    assert history.newest()[1] is lost
    assert [e.state for e in history.history(10)] == [State.OK, State.LOST]


def test_the_course_is_of_the_whole_session_where_the_history_is_of_three_minutes() -> None:
    history = EstimateHistory()
    for i in range(6000):
        history.add(window(i), estimate(float(i)), done=float(i), latency_s=0.0)
    assert len(history.history(1e9)) == 1440
    course = history.estimate_log()
    history.mark_lost()
    assert len(course) == 6000, "a copy"
    np.testing.assert_array_equal(course.time, np.arange(6000))
    whole = history.estimate_log()
    assert whole.ok.tolist() == [True] * 6000 + [False]
    assert np.isnan(whole.eeg[-1]).all()
    assert whole.attention.shape == (1,)


def test_a_window_that_is_still_filling_has_no_latency() -> None:
    history = EstimateHistory()
    for state in (State.WARMING, State.GAP):
        filling = replace(estimate(0.0), state=state)
        history.add(window(0), filling, done=5.0, latency_s=5.0)
    assert history.latencies_ms().shape == (2, 0)
    assert all(np.isnan(history.latency_ms()))
