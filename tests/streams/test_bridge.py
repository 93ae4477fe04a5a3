"""BrainFlow's synthetic and playback boards arrive over LSL with names, units, and every sample."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams import LslSource
from bci_affect.streams.bridge import BoardSettings, Bridge
from tests.streams.lsl.live import Reader


def bridged(settings, seconds=2.0):
    bridge = Bridge(settings)
    stop = threading.Event()
    sent = []
    thread = threading.Thread(target=lambda: sent.append(bridge.run(stop, wait=True)))
    thread.start()
    source = LslSource(name=bridge.header.name)
    try:
        source.open(60.0)
        reader = Reader(source)
        want = seconds * bridge.header.rate_hz
        reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) > want, 60.0)
    finally:
        stop.set()
        thread.join()
    reader.wait_for(lambda: sum(c.times.size for c in reader.chunks) >= sent[0], 60.0)
    reader.finish()
    return bridge.header, reader, sent[0]


def test_without_brainflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "brainflow.board_shim", None)
    with pytest.raises(BciAffectError, match=r"bci_affect\[headset\]"):
        Bridge(BoardSettings("synthetic"))


def test_the_synthetic_board_arrives_whole():
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    header, reader, sent = bridged(BoardSettings("synthetic"))
    assert header.rate_hz == 250
    assert header.labels[:2] == ("Fz", "C3")
    assert set(header.units) == {"microvolts"}
    assert header.simulated
    assert sum(c.times.size for c in reader.chunks) == sent
    assert np.isfinite(np.concatenate([c.samples for c in reader.chunks], axis=1)).all()
    assert np.diff(reader.times).min() > 0


def test_a_playback_board_gives_the_recorded_samples(tmp_path):
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    from brainflow.board_shim import BoardIds, BoardShim

    rows = BoardShim.get_num_rows(BoardIds.SYNTHETIC_BOARD.value)
    data = np.zeros((rows, 2000))
    eeg = BoardShim.get_eeg_channels(BoardIds.SYNTHETIC_BOARD.value)
    data[eeg] = np.arange(2000)
    data[BoardShim.get_timestamp_channel(BoardIds.SYNTHETIC_BOARD.value)] = (
        1e9 + np.arange(2000) / 250
    )
    path = tmp_path / "board.csv"
    np.savetxt(path, data.T, fmt="%.6f", delimiter="\t")  # as BrainFlow's own files are
    _, reader, _ = bridged(BoardSettings("playback_file", file=str(path), master="synthetic"))
    values = np.concatenate([c.samples[0] for c in reader.chunks])
    assert np.all(np.diff(values) == 1)


def test_unknown_boards_and_wrong_names_are_refused():
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    with pytest.raises(BciAffectError, match=r"knows no board 'toaster'; it knows .*cyton"):
        Bridge(BoardSettings("toaster"))
    with pytest.raises(BciAffectError, match="16 EEG channels, but 2 names"):
        Bridge(BoardSettings("synthetic", labels=("Fz", "Cz")))
