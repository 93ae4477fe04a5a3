"""Devices that announce another rate than they have, over real LSL."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams import LslSource, XdfSource, read_to_end, read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from tests.streams.lsl.live import Reader, end, now, opened, publisher


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


@pytest.mark.parametrize(
    ("announced", "rate", "words"),
    [(256, 220, "announces 256 Hz"), (0, 250, "announces no regular rate")],
)
def test_evenly_stamped_eeg_is_read_at_its_measured_rate(tmp_path, announced, rate, words):
    base = now()
    publisher("Wrong", "wrong-1", base, "--announced", announced, "--rate", rate)
    source = LslSource(name="Wrong")
    source.tap = recorder = Recorder(tmp_path / "s.xdf")
    assert source.open(90.0).rate_hz == rate
    reader = Reader(source)
    assert reader.wait_for(lambda: reader.chunks and reader.numbers.size > 4 * rate, 30)
    assert words in source.health.reason
    assert f"{rate} Hz; that rate is used" in source.health.reason
    reader.finish()
    recorder.stop()
    numbers = reader.numbers
    assert (np.diff(numbers) == 1).all()
    assert np.abs(reader.times - (base + numbers / rate)).max() < 0.05
    assert read_xdf(tmp_path / "s.xdf").find_eeg("Wrong").announced_hz == announced
    replay = XdfSource(tmp_path / "s.xdf", offline=True)
    assert replay.open().rate_hz == rate
    chunks = list(read_to_end(replay))
    n = numbers.size
    assert np.array_equal(np.concatenate([c.samples for c in chunks], axis=1)[0, :n], numbers)
    assert np.array_equal(np.concatenate([c.times for c in chunks])[:n], reader.times)


def test_a_rate_that_cannot_be_measured_is_used_with_a_warning():
    """Stamps at arrival are uneven: the announced rate stays, and the difference is reported."""
    publisher("Uneven", "uneven-1", now(), "--announced", 300, "--stamps", "arrival")
    reader = opened("Uneven")
    assert reader.source.info.rate_hz == 300
    words = "not 300: frequencies are read 1"
    assert reader.wait_for(lambda: words in reader.source.health.reason, 20)
    reader.finish()


def test_irregular_eeg_is_refused():
    publisher("Random", "random-1", now(), "--announced", 0, "--stamps", "random")
    source = LslSource(name="Random")
    with pytest.raises(BciAffectError, match="at no regular rate"):
        source.open(60.0)
    source.close()
