"""Readings of a rated clip: settled EEG of the clip, outside of breaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bci_affect.datasets import Segment
from bci_affect.training.calibration.recordings import _extract_clips
from bci_affect.training.calibration.runs import Run

WINDOW_S = 6.0


def run_of(segment: Segment) -> Run:
    time = np.arange(0.0, 60.0, 0.25)
    return Run(
        path=Path("a.xdf"),
        subject="A",
        session="1",
        channels=("C3",),
        positions=np.zeros((1, 3), np.float32),
        time=time,
        logit=np.stack((time, time), axis=1),
        embedding=time[:, None],
        attention=np.ones(1),
        quality_time=time,
        quality=np.where((time >= 20) & (time < 30), 0.0, 1.0),
        segments=[segment],
        alpha_rise=0.0,
        messages=(),
    )


def test_windows_that_reach_into_a_break_are_left_out() -> None:
    """After a break the window must fill again, as at the start of the clip."""
    clip = Segment(10.0, 50.0, "a", "a", 7.0, 3.0, breaks=((20.0, 30.0),))
    _, (row,), dropped = _extract_clips([run_of(clip)], WINDOW_S, 0.0)
    assert not dropped
    times = np.arange(0.0, 60.0, 0.25)
    wanted = ((times >= 16) & (times <= 20)) | ((times >= 36) & (times <= 50))
    np.testing.assert_array_equal(row.times, times[wanted])
    assert row.quality > 0.98, "electrodes in a break do not count"


def test_a_clip_with_too_little_left_is_dropped() -> None:
    clip = Segment(10.0, 50.0, "a", "a", 7.0, 3.0, breaks=((18.0, 45.0),))
    kept, rows, (reason,) = _extract_clips([run_of(clip)], WINDOW_S, 0.0)
    assert not kept
    assert not rows
    assert "clean EEG" in reason
