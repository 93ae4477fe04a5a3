"""The exported recording has its volts, positions, events and gaps."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.eeg import make_montage, to_mne
from bci_affect.errors import BciAffectError
from tests.eeg.signals import CAP_8, pink, times_of


def test_a_recording_arrives_in_volts_with_places_events_and_gaps():
    eeg = np.vstack([pink(1, 8, 2500) + 60_000, np.arange(2500, dtype=np.float32)[None]])
    montage = make_montage([*CAP_8, "Counter"])
    times = times_of(2500, 250.0)
    times[1000:] += 5.0
    raw = to_mne(
        eeg,
        250.0,
        montage,
        units=["uV"] * 9,
        times=times,
        markers=[(101.0, "happy"), (105.0, "in the gap"), (110.0, "later"), (900.0, "outside")],
        bad=["C3"],
    )
    np.testing.assert_allclose(raw.get_data(picks="eeg"), eeg[:8] * 1e-6, rtol=1e-6)
    np.testing.assert_array_equal(raw.get_data(picks="misc")[0], eeg[8])
    assert raw.info["bads"] == ["C3"]
    place = raw.get_montage().get_positions()["ch_pos"]["O1"]
    np.testing.assert_allclose(place, montage.positions[6], atol=1e-6)
    found = dict(zip(raw.annotations.description, raw.annotations.onset, strict=True))
    assert found["happy"] == pytest.approx(1.0)
    assert found["in the gap"] == pytest.approx(4.0, abs=0.01)
    assert found["later"] == pytest.approx(5.0)
    assert found["BAD_gap"] == pytest.approx(999 / 250.0)
    assert "outside" not in found


@pytest.mark.parametrize("factor", [1.0, 1e-6])
def test_without_units_they_are_judged(factor):
    eeg = (pink(2, 8, 1000) + 1000) * np.float32(factor)
    raw = to_mne(eeg, 250.0, make_montage(CAP_8))
    assert 5e-6 < np.median(raw.get_data().std(axis=1)) < 5e-5


def test_unknown_places_and_wrong_shapes():
    raw = to_mne(pink(3, 2, 500), 250.0, make_montage(["A", "B"]), units=["uV", "uV"])
    assert raw.get_montage() is None
    with pytest.raises(BciAffectError, match="2 channels are named"):
        to_mne(pink(3, 3, 500), 250.0, make_montage(["A", "B"]))
    with pytest.raises(BciAffectError, match="10 stamps for 500"):
        to_mne(pink(3, 2, 500), 250.0, make_montage(["A", "B"]), times=np.arange(10.0))
