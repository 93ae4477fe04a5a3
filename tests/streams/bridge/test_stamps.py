"""A board's Unix stamps become even times on LSL's clock, whatever happens to the system clock."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.streams.bridge.stamps import Stamper, UnixToLsl


class Clocks:
    """LSL's clock, and a system clock that can be set."""

    def __init__(self):
        self.now, self.ahead = 100.0, 1.7e9

    def lsl(self):
        return self.now

    def unix(self):
        return self.now + self.ahead


def test_setting_the_system_clock_moves_no_sample():
    clocks = Clocks()
    convert = UnixToLsl(clocks.lsl, clocks.unix)
    times = []
    for turn in range(200):
        stamps = []
        for _ in range(5):  # the clock is set between two samples of one read
            clocks.now += 0.004
            if turn == 100 and len(stamps) == 2:
                clocks.ahead -= 3600.0
            stamps.append(clocks.unix())
        times += convert(np.array(stamps)).tolist()
    np.testing.assert_allclose(times, 100.0 + 0.004 * np.arange(1, 1001), atol=1e-5)


def test_a_board_with_a_clock_of_its_own_is_shifted_by_one_constant():
    clocks = Clocks()
    convert = UnixToLsl(clocks.lsl, clocks.unix)
    times = []
    for _ in range(50):
        clocks.now += 0.02
        times += convert(1e9 + np.array([clocks.now - 0.01, clocks.now])).tolist()
    np.testing.assert_allclose(np.diff(times), 0.01, atol=1e-6)
    assert abs(times[-1] - clocks.now) < 1e-6


@settings(max_examples=40)
@given(
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    jitter=st.sampled_from([0.0, 0.01, 0.08]),
    ends=st.sets(st.integers(0, 29)),
)
def test_every_sample_comes_out_once_with_increasing_times(cuts, jitter, ends):
    random = np.random.default_rng(0)
    stamper = Stamper(250.0)
    pairs, first, time = [], 0, 0.0
    for i, n in enumerate(cuts):
        stamps = time + (np.arange(n) + 1) / 250 + random.uniform(0, jitter, n)
        time += n / 250
        rows = np.arange(first, first + n, dtype=np.float32)[:, None]
        pairs += stamper.push(rows, stamps)
        first += n
        if i in ends:
            pairs += stamper.end_connection()
            time += random.uniform(0, 2)
    pairs += stamper.end_connection()
    values = np.concatenate([rows[:, 0] for rows, _ in pairs])
    times = np.concatenate([t for _, t in pairs])
    assert values.tolist() == list(range(first))
    assert (np.diff(times) > 0).all()


def test_an_irregular_feed_keeps_its_stamps():
    stamper = Stamper(0.0)
    (pair,) = stamper.push(np.ones((2, 1), np.float32), np.array([1.0, 5.0]))
    assert pair[1].tolist() == [1.0, 5.0]
    assert stamper.end_connection() == []
