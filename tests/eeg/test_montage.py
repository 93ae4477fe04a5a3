"""Names as people and vendors write them find their place; what is no EEG is left out."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.eeg import make_montage, map_electrodes, unique_names
from bci_affect.eeg.montage import montage_messages
from bci_affect.errors import BciAffectError
from tests.eeg.signals import CAP_32


def test_a_cap_sits_on_the_head():
    m = make_montage(CAP_32)
    assert m.placed.all()
    left, right = (m.positions[m.names.index(n)] for n in ("C3", "C4"))
    assert left[0] < -0.04 < 0.04 < right[0]
    assert np.linalg.norm(m.positions, axis=1) == pytest.approx(np.full(32, 0.1), abs=0.045)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("T3", "T7"),
        ("t6", "P8"),
        ("FP1", "Fp1"),
        ("EEG Fpz-REF", "Fpz"),
        ("EEG Cz-LE", "Cz"),
        ("eeg:oz", "Oz"),
        ("Fp2.", "Fp2"),
        ("Channel Pz", "Pz"),
        ("L_forehead", "AF7"),
        ("C3-A2", "C3"),
        ("tp9", "TP9"),
    ],
)
def test_other_spellings(written, meant):
    a, b = make_montage([written]), make_montage([meant])
    assert a.names == (written,)
    assert np.array_equal(a.positions, b.positions)
    assert a.placed.all()


@pytest.mark.parametrize(
    "label",
    [
        *("Trigger", "TRIG", "STATUS", "ACC_X", "accel1", "GyroY", "COUNTER", "INTERPOLATED"),
        *("GSR", "EOG1", "hEOG", "EMG", "Plet", "Temp", "AUX1", "Battery", "Timestamp", "MARKER"),
        *("X", "CQ_CMS", "MOT.Q0", "PPG1", "Sample Number", "sample index", "Right AUX", "TRG"),
        *("Counter", "Interpolate", "HardwareMarker", "Markers"),  # EmotivPRO's LSL outlet
    ],
)
def test_what_is_no_eeg(label):
    m = make_montage([label, "Cz"])
    assert m.is_eeg.tolist() == [False, True]
    assert label in montage_messages(m)[0]


def test_an_unknown_electrode_is_eeg_without_a_place_and_is_named():
    m = make_montage(["Ch1", "Cz"])
    assert m.is_eeg.all()
    assert m.placed.tolist() == [False, True]
    assert "Ch1" in montage_messages(m)[0]


def test_types_of_the_stream_and_the_users_map_decide():
    m = make_montage(["A", "B", "Cz", ""], types=["EEG", "misc", "eeg", ""])
    assert m.is_eeg.tolist() == [True, False, True, True]
    assert m.placed.tolist() == [False, False, True, False]
    mapped = map_electrodes(m, {"a": "Pz", "CZ": "", "EEG 004": "T3"})
    assert mapped.is_eeg.tolist() == [True, False, False, True]
    assert mapped.placed.tolist() == [True, False, False, True]
    pz, t7 = make_montage(["Pz", "T7"]).positions
    assert np.array_equal(mapped.positions[[0, 3]], [pz, t7])
    assert mapped.names == m.names
    with pytest.raises(BciAffectError, match="no place"):
        map_electrodes(m, {"A": "Nowhere"})
    with pytest.raises(BciAffectError, match="names 'C', which is no channel"):
        map_electrodes(m, {"C": "Pz"})


def test_empty_and_repeated_labels_become_unique():
    assert unique_names(["", "Cz", "Cz", "Cz-2", " ", "Cz"]) == (
        "EEG 001",
        "Cz",
        "Cz-3",
        "Cz-2",
        "EEG 005",
        "Cz-4",
    )
    with pytest.raises(BciAffectError, match="no channels"):
        make_montage([])
