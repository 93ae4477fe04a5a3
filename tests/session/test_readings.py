"""Whoever looks sees the newest estimates, and a lost stream as no reading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bci_affect.eeg import FeatureWindow, State
from bci_affect.session.readings import Readings
from tests.session.test_result_writer import estimate


def window(index: int) -> FeatureWindow:
    return FeatureWindow(
        bands=np.zeros((1, 1, 1), np.float32),
        mask=np.ones(1, np.bool_),
        quality=np.ones(1, np.float32),
        time=float(index),
        state=State.OK,
        index=index,
        reasons=(),
    )


def test_history_and_latency_are_of_the_newest() -> None:
    readings = Readings()
    assert readings.newest() == (None, None)
    assert readings.history(10) == []
    assert all(np.isnan(readings.latency_ms()))
    for i in range(200):
        readings.take(window(i), estimate(float(i)), done=float(i), latency_s=i * 1e-3)
    assert [e.time for e in readings.history(3)] == [196, 197, 198, 199]
    np.testing.assert_allclose(readings.latencies_ms()[1], np.arange(139, 200))  # the last minute
    assert readings.latency_ms()[0] == np.median(np.arange(139, 200))


def test_a_lost_stream_leaves_the_last_reading_marked_as_none() -> None:
    readings = Readings()
    assert readings.lose() is None
    readings.take(window(1), estimate(1.0), done=1.0, latency_s=0.001)
    lost = readings.lose()
    assert lost is not None
    assert (lost.state, lost.confidence, lost.valence) == (State.LOST, 0.0, 0.1)
    assert readings.newest()[1] is lost
    assert [e.state for e in readings.history(10)] == [State.OK, State.LOST]


def test_the_course_is_of_the_whole_session_where_the_history_is_of_three_minutes() -> None:
    readings = Readings()
    for i in range(6000):
        readings.take(window(i), estimate(float(i)), done=float(i), latency_s=0.0)
    assert len(readings.history(1e9)) == 1440
    course = readings.course()
    readings.lose()
    assert len(course) == 6000, "a copy"
    np.testing.assert_array_equal(course.time, np.arange(6000))
    whole = readings.course()
    assert whole.ok.tolist() == [True] * 6000 + [False]
    assert np.isnan(whole.eeg[-1]).all()
    assert whole.attention.shape == (1,)


def test_a_window_that_is_still_filling_has_no_latency() -> None:
    readings = Readings()
    for state in (State.WARMING, State.GAP):
        filling = replace(estimate(0.0), state=state)
        readings.take(window(0), filling, done=5.0, latency_s=5.0)
    assert readings.latencies_ms().shape == (2, 0)
    assert all(np.isnan(readings.latency_ms()))
