"""Power study of the calibration: conditions, output files, and figure."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from studies import calibration_power


def test_the_study_writes_results_and_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibration_power, "N_CLIPS", (12,))
    monkeypatch.setattr(calibration_power, "CURVE", (0.5, 0.9))
    argv = ["calibration_power", "--people", "2", "--seed", "3", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", argv)
    calibration_power.main()
    result = json.loads((tmp_path / "calibration_power.json").read_text())
    assert list(result["conditions"]) == [
        "12 clips, oracle 0.5",
        "12 clips, oracle 0.9",
        "12 clips, oracle 0.8, population head right",
    ]
    assert result["false_positives"]["12 clips"]["people"] == 10
    for condition in result["conditions"].values():
        low, high = condition["rejected_valence_interval"]
        assert low <= condition["rejected_valence"] <= high
    assert (tmp_path / "img/calibration_power.png").stat().st_size > 5000
    assert "took" in capsys.readouterr().out
