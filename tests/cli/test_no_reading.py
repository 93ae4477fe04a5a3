"""A live session without a single reading does not end as a success."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_signals import begin, finish
from tests.streams.lsl.live import end, spawn

TROUBLE = Path(__file__).parents[1] / "streams" / "trouble"


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def test_volts_labelled_microvolts_end_with_the_reason() -> None:
    spawn("bci_affect", "play", TROUBLE / "11_lying_unit.xdf", "--speed", 6, "--loop")
    live = begin(
        *("live", "--headless", "--no-music", "--no-publish", "--wait", 60, "--duration", 3.5)
    )
    status, output, messages = finish(live, None)
    assert status == 1, messages
    assert "may be in volts" in messages.splitlines()[-1]
    last = output.splitlines()[-1]
    assert "quality 0.00" in last
    assert "flat" in last, "the reason is next to the quality"
