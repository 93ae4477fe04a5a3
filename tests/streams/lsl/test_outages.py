"""A device that dies, pauses, comes back, or comes back as another: recovery, or a clear state.

The scenarios run in parallel, each with its own publishers; the tests check the results.
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bci_affect.streams import ConnectionState as S
from tests.streams.lsl.live import end, now, opened, publisher

AWAY_S = 2.0
PATIENCE_S = 60.0  # of a machine under load
WITHIN_S = 15.0  # three where the machine has time: `benchmarks/soak.py` measures it


def killed_and_back(name, first_id, second_id, more=(), second=()):
    base = now() - 1.0
    device = publisher(name, first_id, base, *more)
    reader = opened(name)
    reader.wait_for(lambda: len(reader.chunks) > 50, PATIENCE_S)
    device.kill()
    device.wait()
    died = time.monotonic()
    time.sleep(AWAY_S)
    device = publisher(name, second_id, base, *more, *second)
    if second:
        reader.wait_for(lambda: "instead of" in reader.source.health.reason, PATIENCE_S)
    else:
        reader.wait_for(
            lambda: reader.source.health.state is S.STREAMING and reader.states[-1][0] > died + 1,
            PATIENCE_S,
        )
        count = len(reader.chunks)
        reader.wait_for(lambda: len(reader.chunks) > count + 50, PATIENCE_S)
    health = reader.source.health
    reader.finish()
    end(device)
    return reader, died, health


def paused(name):
    base = now() - 1.0
    device = publisher(name, name, base)
    reader = opened(name)
    reader.wait_for(lambda: len(reader.chunks) > 50, PATIENCE_S)
    device.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(AWAY_S + 1)
    device.send_signal(signal.SIGCONT)
    resumed = time.monotonic()
    due = now() - base
    reader.wait_for(lambda: reader.state_after(resumed, S.STREAMING) < np.inf, PATIENCE_S)
    reader.wait_for(lambda: reader.chunks[-1].samples[0, -1] > 250 * due, PATIENCE_S)
    reader.finish()
    end(device)
    return reader, stopped, resumed


def gone(name):
    device = publisher(name, name, now() - 1.0)
    reader = opened(name)
    reader.wait_for(lambda: len(reader.chunks) > 20, PATIENCE_S)
    device.kill()
    device.wait()
    died = time.monotonic()
    reader.wait_for(lambda: reader.state_after(died, S.LOST) < np.inf, PATIENCE_S)
    began = time.monotonic()
    reader.finish()
    return reader, died, time.monotonic() - began


SCENARIOS = {
    "same id": lambda: killed_and_back("same-id", "a", "a"),
    "new id": lambda: killed_and_back("new-id", "b1", "b2"),
    "no id": lambda: killed_and_back("no-id", "", ""),
    "other rate": lambda: killed_and_back("rate", "d", "d", second=("--rate", 500)),
    "other channels": lambda: killed_and_back("channels", "e", "e", second=("--channels", 6)),
    "paused": lambda: paused("paused"),
    "gone": lambda: gone("gone"),
}


@pytest.fixture(scope="module")
def outcome():
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        try:
            futures = {name: pool.submit(run) for name, run in SCENARIOS.items()}
            return {name: future.result() for name, future in futures.items()}
        finally:
            end()


@pytest.mark.parametrize("case", ["same id", "new id", "no id"])
def test_a_device_that_comes_back_is_taken_up_with_the_hole_marked(outcome, case):
    reader, died, health = outcome[case]
    assert reader.state_after(died, S.LOST, S.STALLED) < WITHIN_S
    assert health.state is S.STREAMING
    steps = np.diff(reader.numbers)
    holes = np.flatnonzero(steps != 1)
    assert holes.size == 1, "one hole, and nothing lost or shuffled on either side of it"
    missing = int(steps[holes[0]]) - 1
    assert missing > 0.5 * AWAY_S * 250
    gaps = [chunk.gap_before for chunk in reader.chunks if chunk.gap_before]
    assert gaps == pytest.approx([missing / 250], abs=0.02)
    assert health.lost == pytest.approx(missing, abs=5)
    assert np.diff(reader.times).min() > 0


@pytest.mark.parametrize("case", ["same id", "new id", "no id"])
def test_it_is_said_by_what_a_device_was_recognised(outcome, case):
    reader, _, _ = outcome[case]
    said = [reason for when, state, reason in reader.states if state is S.RECONNECTING]
    wanted = "same source id" if case == "same id" else "same name"
    assert any(wanted in reason for reason in said)


@pytest.mark.parametrize(
    ("case", "words"),
    [("other rate", "500 Hz instead of 250"), ("other channels", "6 instead of 4")],
)
def test_a_device_that_comes_back_as_another_is_refused_with_a_message(outcome, case, words):
    reader, _, health = outcome[case]
    assert health.state is S.LOST
    assert words in health.reason
    assert np.all(np.diff(reader.numbers) == 1)


def test_a_pause_without_a_loss_is_shown_and_loses_nothing(outcome):
    reader, stopped, resumed = outcome["paused"]
    assert reader.state_after(stopped, S.STALLED) < WITHIN_S
    assert reader.state_after(resumed, S.STREAMING) < WITHIN_S
    assert np.all(np.diff(reader.numbers) == 1)
    assert not any(chunk.gap_before for chunk in reader.chunks)
    assert reader.numbers[-1] > reader.numbers[0] + 250 * AWAY_S


def test_a_device_that_stays_away_is_lost_and_closing_is_quick(outcome):
    reader, died, closing_s = outcome["gone"]
    assert reader.state_after(died, S.LOST) < WITHIN_S
    assert reader.source.health.state is S.STOPPED
    assert closing_s < WITHIN_S
