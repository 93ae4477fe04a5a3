"""Recordings as sources: paced, with seek, pause and speed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams import (
    EndOfStream,
    XdfSource,
    XdfWriter,
    build_header,
    read_to_end,
)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Ten seconds at 100 Hz whose samples are their numbers, in millivolts."""
    path = tmp_path_factory.mktemp("replay") / "n.xdf"
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(
            build_header("Cap", "EEG", ["Fz", "Cz"], units=["mV"] * 2, rate_hz=100)
        )
        marks = writer.add_stream(build_header("M", "Markers", ["m"], fmt="string"))
        n = np.arange(1000)
        writer.samples(eeg, np.stack([n, -n], 1).astype("f4") / 1000, 50 + n / 100)
        for second in range(10):
            writer.texts(marks, [[str(second)]], np.array([50.0 + second]))
    return path


def test_as_fast_as_it_goes_everything_comes_once_in_microvolts(numbered):
    source = XdfSource(numbered, offline=True, channels=["cz"])
    info = source.open()
    assert info.labels == ("Cz",)
    chunks = list(read_to_end(source))
    values = np.concatenate([chunk.samples[0] for chunk in chunks])
    assert np.allclose(values, -np.arange(1000), atol=1e-3)
    assert [marker.text for marker in source.markers()] == [str(i) for i in range(10)]
    assert source.health.received == 1000


def test_replay_is_paced_and_never_ahead_of_its_time(numbered):
    source = XdfSource(numbered, speed=10.0)
    source.open()
    began = time.monotonic()
    seen = []
    while source.position_s < 5.0:
        chunk = source.read(0.5)
        if chunk is not None:
            seen.append((time.monotonic() - began, float(chunk.times[-1]) - 50.0))
    assert all(wall * 10 >= position - 0.2 for wall, position in seen)
    assert [int(m.text) for m in source.markers()] == list(range(int(source.position_s) + 1))


def test_seek_pause_and_speed(numbered):
    source = XdfSource(numbered, offline=True)
    source.open()
    source.read(0.5)
    source.seek(7.0)
    chunk = source.read(0.5)
    assert chunk.gap_before == 1.0
    assert chunk.samples[0, 0] == pytest.approx(700, abs=0.01)
    source.paused = True
    assert source.read(0.05) is None
    source.paused = False
    source.speed = 50.0
    assert list(read_to_end(source))[-1].times[-1] == pytest.approx(59.99, abs=1e-6)
    assert source.position_s == pytest.approx(source.duration_s)
    with pytest.raises(BciAffectError, match="above 0"):
        source.speed = 0.0
    source.close()
    with pytest.raises(EndOfStream):
        source.read(0.0)


def test_a_start_behind_the_end_is_refused(numbered):
    with pytest.raises(BciAffectError, match=r"10\.0 s long"):
        XdfSource(numbered, start_s=99).open()


def test_eeg_without_a_unit_is_judged_by_its_size(tmp_path):
    path = tmp_path / "volts.xdf"
    rng = np.random.default_rng(0)
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(build_header("Cap", "EEG", ["Fz", "Cz"], rate_hz=100))
        values = rng.normal(0.01, 20e-6, (500, 2))
        writer.samples(eeg, values.astype("f4"), np.arange(500) / 100)
    source = XdfSource(path, offline=True)
    source.open()
    samples = np.concatenate([chunk.samples for chunk in read_to_end(source)], axis=1)
    assert samples.shape == (2, 500)
    assert samples.std() == pytest.approx(20, rel=0.2)
    assert "volts" in source.health.reason
