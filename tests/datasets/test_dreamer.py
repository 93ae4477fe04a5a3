"""Reader of DREAMER on a file with the original layout."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from bci_affect.datasets import open_dataset
from bci_affect.datasets.mat_validation import is_valid_mat
from bci_affect.errors import BciAffectError


def write_dreamer(path: Path, n_people: int = 2, n_clips: int = 3, channels: int = 14) -> None:
    rng = np.random.default_rng(0)
    people = np.zeros((1, n_people), dtype=object)
    for person in range(n_people):
        stimuli = np.zeros((n_clips, 1), dtype=object)
        for clip in range(n_clips):
            stimuli[clip, 0] = 4000 + rng.standard_normal((1280 + 128 * clip, channels))
        people[0, person] = {
            "EEG": {"baseline": stimuli, "stimuli": stimuli},
            "ScoreValence": np.arange(1, n_clips + 1)[:, None],
            "ScoreArousal": np.full((n_clips, 1), 5),
        }
    savemat(path, {"DREAMER": {"Data": people, "EEG_SamplingRate": 128}})


def test_clips_and_scores(tmp_path: Path) -> None:
    write_dreamer(tmp_path / "DREAMER.mat")
    data = open_dataset("dreamer", tmp_path)
    assert data.subjects == ("s01", "s02")
    trials = data.trials("s02")
    assert [trial.eeg.shape for trial in trials] == [(14, 1280), (14, 1408), (14, 1536)]
    assert [trial.ratings["valence"] for trial in trials] == [1, 3, 5]  # 1-5 spread to 1-9
    assert trials[0].ratings["arousal"] == 9
    assert trials[0].montage.names[0] == "AF3"
    assert trials[1].stimulus == "clip02"


def test_invalid_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="Cannot read"):
        open_dataset("dreamer", tmp_path)
    path = tmp_path / "DREAMER.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(BciAffectError, match="not DREAMER"):
        open_dataset("dreamer", path)
    five = tmp_path / "five.mat"
    write_dreamer(five, channels=5)
    with pytest.raises(BciAffectError, match="14"):
        open_dataset("dreamer", five).trials("s01")


@pytest.mark.parametrize("compressed", [False, True])
def test_unknown_data_type_is_refused_before_scipy_reads_it(
    tmp_path: Path, compressed: bool
) -> None:
    """SciPy crashes with a segmentation fault on unknown types."""
    path = tmp_path / "DREAMER.mat"
    savemat(path, {"DREAMER": np.arange(9.0)}, do_compression=compressed)
    assert is_valid_mat(path)
    raw = path.read_bytes()
    inside = bytearray(zlib.decompress(raw[136:]) if compressed else raw[128:])
    at = inside.rindex((9).to_bytes(4, "little") + (72).to_bytes(4, "little"))
    inside[at] = 0
    broken = zlib.compress(inside) if compressed else bytes(inside)
    head = raw[:128] + (15).to_bytes(4, "little") + len(broken).to_bytes(4, "little")
    path.write_bytes((head if compressed else raw[:128]) + broken)
    assert not is_valid_mat(path)
    with pytest.raises(BciAffectError, match=r"not DREAMER\.mat"):
        open_dataset("dreamer", tmp_path)
