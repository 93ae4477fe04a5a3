from __future__ import annotations

from bci_affect.gui.pace import INTERVAL_MS, SLOWEST_MS, Pace


def run(
    pace: Pace, seconds: float, share: float, start: tuple[float, float]
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
    pace = Pace()
    run(pace, 10, 0.1, (0.0, 0.0))
    assert pace.interval_ms == INTERVAL_MS
    assert 24 < pace.fps < 26


def test_a_dear_window_slows_down_and_comes_back() -> None:
    pace = Pace()
    at = run(pace, 20, 0.9, (0.0, 0.0))
    assert pace.interval_ms == SLOWEST_MS
    run(pace, 60, 0.02, at)
    assert pace.interval_ms == INTERVAL_MS


def test_it_draws_as_often_as_the_share_allows() -> None:
    """13 ms a frame are 32 % of a core at 25 frames a second, and 24 % at 18."""
    pace = Pace()
    now = cpu = 0.0
    for _ in range(2000):
        now += pace.interval_ms / 1000
        cpu += 0.013
        pace.after_tick(0.013, cpu, now)
    assert 0.2 < pace.cpu_share <= 0.25
    assert 16 < pace.fps < 20


def test_late_ticks_on_a_busy_machine_slow_it_down() -> None:
    pace = Pace()
    for k in range(40):
        pace.after_tick(0.001, 0.001 * k, 0.2 * k)
    assert pace.interval_ms > INTERVAL_MS
