"""Recordings that contain only a rest, among those of a calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bci_affect.config import load_toml
from bci_affect.datasets import Labels
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.training.calibration.recordings import load_clips
from tests.training.calibration.conftest import LABELS, record

CLIPS = ("happy", "sad") * 4


def labels_in(folder: Path) -> Labels:
    path = folder / "labels.toml"
    path.write_text(LABELS + '[rest]\nmarkers = ["rest"]\n')
    return load_toml(path, Labels)


@pytest.mark.parametrize("events", [True, False])
def test_baseline_is_the_reference_of_the_recording_after_it(
    model_file: Path, tmp_path: Path, events: bool
) -> None:
    labels, predictor = labels_in(tmp_path), Predictor(model_file)
    rest = record(tmp_path / "rest.xdf", clips=(), seed=2, events=events)
    rated = record(tmp_path / "rated.xdf", clips=CLIPS, events=events)
    alone = load_clips([rated], labels, predictor, model="m")
    after = load_clips([rest, rated], labels, predictor, model="m")
    assert len(after.table.names) == len(alone.table.names) == 8
    assert [len(run.segments) for run in after.runs] == [1, 9]
    assert np.abs(after.table.embedding - alone.table.embedding).max() > 1e-6
    swapped = load_clips([rated, rest], labels, predictor, model="m")
    assert_array_equal(swapped.table.embedding, after.table.embedding)


def test_baseline_alone_is_refused_with_a_reason(model_file: Path, tmp_path: Path) -> None:
    rest = record(tmp_path / "rest.xdf", clips=())
    with pytest.raises(BciAffectError, match="rests and no clip; add a recording"):
        load_clips([rest], labels_in(tmp_path), Predictor(model_file), model="m")
