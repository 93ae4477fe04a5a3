"""Over real LSL: a reader is awake when the sample comes that it awaits, and sleeps otherwise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from bci_affect.streams.lsl import inlet
from tests.streams.lsl.live import end, now, opened, publisher


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def test_a_reader_is_awake_for_the_sample_that_it_awaits(monkeypatch):
    asked = []
    monkeypatch.setattr(inlet, "_yield", lambda: asked.append(now()))
    publisher("awaited", "awaited", now() - 1.0)
    reader = opened("awaited")
    source = reader.source
    assert reader.wait_for(lambda: len(reader.chunks) > 100, 60.0)
    assert not asked, "who awaits nothing sleeps"
    came, due = [], []
    for _ in range(24):
        source.awaited = sample = float(reader.chunks[-1].times[-1]) + 0.125
        time.sleep(0.08)
        due.append(source.due)
        assert reader.wait_for(lambda sample=sample: reader.chunks[-1].times[-1] >= sample, 60.0)
        came.append(now())
    source.awaited = math.nan
    reader.finish()
    assert np.diff(reader.numbers).tolist() == [1] * (reader.numbers.size - 1)
    moments = np.array(asked)
    awake = [bool(((moments > at - 0.05) & (moments < at)).any()) for at in came]
    foretold = np.abs(np.array(due) - came) < 0.02
    assert foretold.sum() > 3
    assert sum(awake) > 3, "all but a few where the machine is busy and blocks come when they can"
