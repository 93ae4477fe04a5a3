"""Discovery of streams: ended senders remain visible for some seconds."""

from __future__ import annotations

import threading
import time

import pytest

from bci_affect.streams.lsl import discovery as lsl
from tests.streams.lsl.live import end, now, publisher

NAME = "comes-again"
FORGOTTEN_S = 5.0
"""So long after its last answer liblsl's resolver shows a stream."""


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def named(found: lsl.FoundStream) -> bool:
    return found.name == NAME


def test_a_search_that_saw_only_a_dead_sender_waits_for_a_living_one():
    """A headset's program and its receiver restart at the same time."""
    dead = publisher(NAME, "first", now())
    (seen,) = lsl.search(60.0, named)
    end(dead)
    found: list[object] = []
    settle_s = FORGOTTEN_S + 2.0  # surely the dead one is gone from sight by then
    search = threading.Thread(
        target=lambda: found.extend(lsl.search(90.0, named, settle_s=settle_s))
    )
    began = time.monotonic()
    search.start()
    while any(info.uid() == seen.uid() for info in lsl.visible()):
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    search.join(settle_s)
    assert search.is_alive(), "it gave up though it had time"
    publisher(NAME, "second", now())
    search.join(90)
    assert [info.source_id() for info in found] == ["second"]
