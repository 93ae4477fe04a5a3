"""Recordings as devices really make them: each gives the right result, or a reason."""

from __future__ import annotations

import json
from pathlib import Path

from bci_affect.streams.xdf.reader import read_xdf
from tests.cli.inside import run_inside

TROUBLE = Path(__file__).parents[1] / "trouble"


def test_small_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in TROUBLE.iterdir()) < 1_500_000


def inspected(path: Path) -> dict:
    done = run_inside("inspect", str(path), "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_header_in_the_code_page_of_windows() -> None:
    (eeg,) = inspected(TROUBLE / "02_cp1252.xdf")["streams"]
    assert eeg["name"] == "Muse Ä"
    assert eeg["units"] == ["µV"] * 4
    assert eeg["notes"] == [], "the unit is known"


def test_markers_in_latin_1() -> None:
    found = read_xdf(TROUBLE / "33_latin1marks.xdf").markers()
    assert found[0].text == "glücklich"


def test_numbers_as_markers_give_twelve_clips(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "trouble" / "50_int32marks.xdf"
    labels = tmp_path / "labels.toml"
    labels.write_text(
        "[labels]\n7 = {valence = 8, arousal = 7}\n3 = {valence = 2, arousal = 3}\n"
        "[trial]\nseconds = 25\n"
    )
    done = run_inside(
        *("calibrate", "--from", str(path), "--labels", str(labels), "--profile", "Ada"),
        *("--permutations", "19", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_clips"] == 12


def test_trigger_column_gives_twelve_markers(shared_data: Path) -> None:
    path = shared_data / "trouble" / "51_trigcol.xdf"
    (eeg,) = inspected(path)["streams"]
    assert eeg["triggers"] == {"TRIGGER": 12}
    assert {marker.text for marker in read_xdf(path).markers()} == {"3", "7"}
