"""Processor time taken by the host of a virtual machine is reported next to latencies."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from bci_affect.app.benchmarks.machine import BEAT_S, POLL_S, ControlLoop, StealMonitor, percentiles
from bci_affect.streams import local_clock


class Host:
    """Host that takes 30 ms at one moment."""

    def __init__(self, at: float) -> None:
        self.at = at

    def cpu_times(self) -> SimpleNamespace:
        return SimpleNamespace(steal=5.0 + 0.03 * (local_clock() >= self.at))


def test_estimates_during_stolen_time_are_reported_separately(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(local_clock() + 10 * POLL_S)
    monkeypatch.setattr(psutil, "cpu_times", host.cpu_times)
    stolen = StealMonitor()
    stolen.start()
    time.sleep(20 * POLL_S)
    stolen.stop()
    times = host.at + POLL_S * np.array([-5.0, -4.0, 0.5, 6.0, 7.0])
    found = percentiles(times, np.array([3.0, 3.0, 30.0, 3.0, 3.0]), stolen)
    assert found["n"] == 5
    assert found["p99"] > 20
    assert found["nothing_stolen"] == {"n": 4, "p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert found["stolen_share_of_a_core"] == pytest.approx(0.03 / (20 * POLL_S), rel=0.5)


def test_a_machine_that_counts_no_stolen_time_leaves_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "cpu_times", SimpleNamespace)
    stolen = StealMonitor()
    stolen.start()
    time.sleep(4 * POLL_S)
    stolen.stop()
    found = percentiles(np.array([local_clock()]), np.array([3.0]), stolen)
    assert found["p50"] == 3.0
    assert found["nothing_stolen"]["n"] == 0
    assert math.isnan(found["stolen_share_of_a_core"])
    assert math.isnan(found["nothing_stolen"]["p50"])


def test_a_control_loop_shows_the_latency_of_the_machine() -> None:
    control = ControlLoop()
    began = local_clock()
    control.start()
    assert control.latencies_ms().size, "it runs when start returns"
    while control.latencies_ms().shape[1] < 4 and local_clock() < began + 60:
        time.sleep(BEAT_S)
    control.stop()
    over, ms = control.latencies_ms()
    assert len(over) >= 4
    assert ((over > began) & (over < local_clock())).all()
    assert (np.diff(over) > 0).all()
    assert (ms > 0).all()
