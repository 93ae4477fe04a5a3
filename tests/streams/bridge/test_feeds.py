"""The sensors of real boards become the right LSL streams."""

from __future__ import annotations

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams.bridge.board import ANCILLARY, AUXILIARY, BoardSettings, BrainFlowBoard
from bci_affect.streams.bridge.feeds import board_source_id, make_feeds

pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")


def feeds(board, **more):
    settings = BoardSettings(board, **more)
    return {f.type: f for f in make_feeds(settings, BrainFlowBoard(settings).describe(), {})}


def test_a_muse_has_movement_and_pulse_at_their_own_rates():
    found = feeds("muse_2", mac_address="AA")
    assert found["EEG"].header.labels == ("TP9", "AF7", "AF8", "TP10")
    assert (found["ACC"].preset, found["ACC"].header.rate_hz) == (AUXILIARY, 52)
    assert (found["PPG"].preset, found["PPG"].header.rate_hz) == (ANCILLARY, 64)
    assert found["GYRO"].header.units == ("degrees/s",) * 3
    assert "OPTICS" not in found, "the same rows as PPG are published once"
    ids = [feed.header.source_id for feed in found.values()]
    assert len(set(ids)) == len(ids)
    assert ids[0] == board_source_id(BoardSettings("muse_2", mac_address="AA"))


@pytest.mark.parametrize(
    ("board", "types"),
    [
        ("muse_s_athena", {"EEG", "ACC", "GYRO", "OPTICS", "Battery"}),
        ("cyton", {"EEG", "ACC"}),
        ("ganglion", {"EEG", "ACC", "Impedance"}),
        ("crown", {"EEG"}),
        (
            "synthetic",
            {"EEG", "ACC", "GYRO", "PPG", "EDA", "Temperature", "Impedance", "Battery"},
        ),
    ],
)
def test_each_board_has_the_streams_of_its_sensors(board, types):
    assert set(feeds(board)) == types


def test_rates_of_the_connected_device_count():
    settings = BoardSettings("muse_2")
    made = make_feeds(settings, BrainFlowBoard(settings).describe(), {0: 512.0, 1: 104.0})
    assert [feed.header.rate_hz for feed in made][:3] == [512, 104, 104]
    only = make_feeds(settings, BrainFlowBoard(settings).describe(), {}, side_streams=False)
    assert [feed.type for feed in only] == ["EEG"]


def test_a_board_without_eeg_is_refused():
    with pytest.raises(BciAffectError, match="no EEG channels"):
        feeds("emotibit")
