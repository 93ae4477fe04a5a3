"""Damaged files: no traceback, no silent wrong number, and the report right."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.writer import XdfWriter
from tests.streams.xdf.damage import KINDS, content, judge, ours, trial, write_session


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    path = write_session(folder / "large.xdf", 40, rate=64, channels=8)
    return folder, path.read_bytes(), content(path)[1]


def chunk_ends(data):
    """Offsets at which a chunk ends, by a walk of the test's own."""
    ends, at = {4}, 4
    while at < len(data):
        width = data[at]
        at += 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "little")
        ends.add(at)
    return ends


def write_small(path):
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(build_header("Cap", "EEG", ["a"], rate_hz=8))
        events = writer.add_stream(build_header("Events", "Markers", ["a"], fmt="string"))
        for second in range(2):
            stamps = second + np.arange(8) / 8
            writer.clock_offset(eeg, float(second), 0.5)
            writer.samples(eeg, stamps[:, None].astype("f4"), stamps)
            writer.texts(events, [["mark"]], np.array([second + 0.1]))
            writer.flush()
    return path


def test_every_cut_of_a_small_file(tmp_path):
    path = write_small(tmp_path / "small.xdf")
    data = path.read_bytes()
    truth = content(path)[1]
    ends = chunk_ends(data)
    for length in range(len(data)):
        verdict = ours(data[:length], truth)
        assert verdict.wrong == verdict.bad_stamps == 0, length
        if not verdict.refused:
            damage = verdict.damage
            assert bool(damage) == (length not in ends), length
            assert all("ends within a chunk" in d.what for d in damage), length


@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_of_a_large_file(large, kind):
    folder, data, truth = large
    (total,) = trial(data, kind, 34, truth, folder)
    assert total["bad stamps"] == 0
    assert total["wrong, silent"] == 0
    if kind != "cut":  # a file truncated between two chunks is intact, only shorter
        assert total["missing, silent"] == 0


def test_one_damaged_chunk_costs_that_chunk_only(large):
    folder, data, truth = large
    recording = read_xdf(_write(folder / "whole.xdf", data))
    cap = next(s for s in recording.streams if s.header.name == "Cap")
    at = data.index(np.float32(cap.samples(1000, 1001)[0, 3]).tobytes())
    broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    recording, found = content(_write(folder / "bit.xdf", broken))
    assert [d.what for d in recording.damage] == ["values that do not match the checksum"]
    assert recording.damage[0].offset < at < recording.damage[0].offset + recording.damage[0].length
    assert judge(found, truth).missing == 32
    events = next(s for s in recording.streams if s.header.name == "Cap").timeline()[1]
    assert [(event.kind, event.lost) for event in events] == [("gap", 32)]


def _write(path, data):
    path.write_bytes(data)
    return path
