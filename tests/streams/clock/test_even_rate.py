"""Measured rate of recordings: replaces a wrong announced one, except in a session's own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.events import Mark, encode
from bci_affect.streams import build_header, event_header
from bci_affect.streams.clock.even_rate import LEAST_S, even_rate
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.writer import XdfWriter

FOREIGN = build_header("Markers", "Markers", ["marker"], fmt="string", source_id="other")


@pytest.mark.parametrize(
    ("events", "rate_hz"),
    [pytest.param(event_header(), 256.0, id="own"), pytest.param(FOREIGN, 220.0, id="foreign")],
)
def test_a_session_recording_keeps_the_rate_of_its_live_run(
    events: StreamHeader, rate_hz: float, tmp_path: Path
) -> None:
    path = tmp_path / "a.xdf"
    stamps = np.arange(20 * 220) / 220
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(build_header("Cap", "EEG", ["C3"], rate_hz=256.0))
        writer.samples(eeg, np.ones((len(stamps), 1), np.float32), stamps)
        notes = writer.add_stream(events)
        writer.texts(notes, [[encode(Mark())]], np.array([1.0]))
    assert read_xdf(path).find_eeg().header.rate_hz == rate_hz


def test_a_short_part_has_no_rate() -> None:
    assert np.isnan(even_rate(np.arange(int(0.9 * LEAST_S * 250)) / 250))
    assert even_rate(np.arange(int(1.1 * LEAST_S * 250)) / 250) == 250
