from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bci_affect.gui.pace import INTERVAL_MS, LATE_S, SLOWEST_MS, FramePacer


def run(
    pace: FramePacer, seconds: float, share: float, start: tuple[float, float]
) -> tuple[float, float]:
    """Let ticks come at the pace's own interval, each costing `share` of the time."""
    now, cpu = start
    end = now + seconds
    while now < end:
        now += pace.interval_ms / 1000
        cpu += share * pace.interval_ms / 1000
        pace.after_tick(0.001, cpu, now)
    return now, cpu


def test_a_cheap_window_keeps_25_frames_a_second() -> None:
    pace = FramePacer()
    run(pace, 10, 0.1, (0.0, 0.0))
    assert pace.interval_ms == INTERVAL_MS
    assert 24 < pace.fps < 26


def test_a_dear_window_slows_down_and_comes_back() -> None:
    pace = FramePacer()
    at = run(pace, 20, 0.9, (0.0, 0.0))
    assert pace.interval_ms == SLOWEST_MS
    run(pace, 60, 0.02, at)
    assert pace.interval_ms == INTERVAL_MS


def test_it_draws_as_often_as_the_share_allows() -> None:
    """13 ms a frame are 32 % of a core at 25 frames a second, and 24 % at 18."""
    pace = FramePacer()
    now = cpu = 0.0
    for _ in range(2000):
        now += pace.interval_ms / 1000
        cpu += 0.013
        pace.after_tick(0.013, cpu, now)
    assert 0.2 < pace.cpu_share <= 0.25
    assert 16 < pace.fps < 20


def test_late_ticks_on_a_busy_machine_slow_it_down() -> None:
    pace = FramePacer()
    for k in range(40):
        pace.after_tick(0.001, 0.001 * k, 0.2 * k)
    assert pace.interval_ms > INTERVAL_MS


def drawing(frame_s: float) -> FramePacer:
    """Return a pace that has seen frames of this cost."""
    pace = FramePacer()
    for k in range(60):
        pace.after_tick(frame_s, k * frame_s, k * 0.04)
    pace.until_next_s(60 * 0.04)  # the next frame should begin now
    return pace


def test_a_frame_waits_for_an_estimate_that_it_would_meet() -> None:
    pace, now = drawing(0.008), 60 * 0.04
    assert 0.005 < pace.hold_s(0.005, now) < 0.01, "until the estimate is made"
    assert 0 < pace.hold_s(-0.002, now) <= 0.002, "it is being made: look again soon"
    assert pace.hold_s(0.009, now) == 0.0, "the frame is drawn by then"
    assert pace.hold_s(-LATE_S, now) == 0.0, "nobody waits for a stream that stands still"
    assert pace.hold_s(math.nan, now) == 0.0, "nothing is expected"
    for later in (0.0, 0.01, 0.02):
        assert pace.hold_s(0.005, now + later) > 0
    assert pace.hold_s(0.005, now + 0.05) == 0.0, "it was held for long enough"


@given(st.floats(0.02, 0.5), st.floats(0.001, 0.015))
def test_frames_that_wait_are_caught_up(hop_s: float, frame_s: float) -> None:
    """As often as without a session, unless its estimates leave no room; hardly one is met."""
    pace = drawing(frame_s)
    now = began = 60 * 0.04
    cpu, frames, met = 60 * frame_s, 0, 0
    pace.interval_ms = INTERVAL_MS
    while now < began + 10.0:
        due_in = hop_s - (now - began) % hop_s  # and worked on for 2 ms
        due_in = due_in if due_in < hop_s - 0.002 else due_in - hop_s
        rest = pace.hold_s(due_in, now)
        if not rest:
            frames += 1
            met += -0.002 < due_in < 0.5 * frame_s
            now += frame_s
            cpu += frame_s
            rest = pace.until_next_s(now)
        now += rest + 1e-6
    assert 130 < frames <= 253
    if hop_s > 0.08:
        assert frames >= 245
        assert met <= 0.02 * frames
