"""Inspection of real people's recordings: streams, rates, units, markers and quality are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.streams import XdfWriter, build_header, inspect_xdf
from tests.cli.inside import run_inside

PEOPLE: dict[str, dict[str, Any]] = {
    "dasps/sub-S02/ses-1/eeg/sub-S02_ses-1_task-dasps_run-001_eeg.xdf": {
        "channels": 14,
        "rate": 128,
        "markers": {"clip_start": 12, "clip_stop": 12, "rating": 12},
    },
    "effort/sub-00/ses-1/eeg/sub-00_ses-1_task-effort_run-001_eeg.xdf": {
        "channels": 19,
        "rate": 128,
        "markers": {"calm": 4, "end": 2, "baseline": 1},
    },
    "eyes/sub-H01/ses-1/eeg/sub-H01_ses-1_task-eyes_run-001_eeg.xdf": {
        "channels": 19,
        "rate": 128,
        "markers": {"baseline": 1, "end": 1},
    },
    "sequence/sub-48/ses-1/eeg/sub-48_ses-1_task-sequence_run-001_eeg.xdf": {
        "channels": 4,
        "rate": 220,
        "markers": {"round": 25, "solved": 23, "failed": 2},
        "gaps": 24,
        "unsteady": {"TP9", "AF7", "TP10"},
    },
}


@pytest.mark.parametrize("place", PEOPLE)
def test_inspection_of_real_people(shared_data: Path, place: str) -> None:
    right = PEOPLE[place]
    found = inspect_xdf(shared_data / "people" / place)
    eeg, *others = found["streams"]
    assert found["healthy"]
    assert found["clocks"] == ""
    assert (eeg["type"], eeg["channels"], eeg["rate_hz"]) == (
        "EEG",
        right["channels"],
        right["rate"],
    )
    assert eeg["measured_hz"] == pytest.approx(right["rate"], rel=1e-3)
    assert set(eeg["units"]) == {"microvolts"}
    assert len(eeg["gaps"]) == right.get("gaps", 0)
    assert not eeg["clock_resets"]
    assert [stream["name"] for stream in others][:1] == ["Markers"]
    assert found["markers"]["Markers"] == right["markers"]
    assert all(stream["notes"] == [] for stream in found["streams"])
    unsteady = {c["label"] for c in eeg["quality"] if c["verdict"] == "unsteady"}
    assert unsteady == right.get("unsteady", set())
    assert {c["verdict"] for c in eeg["quality"]} <= {"ok", "unsteady"}
    assert all(2 < c["spread_uv"] < 200 for c in eeg["quality"])


def test_the_page_of_a_headset_with_gaps_is_readable(shared_data: Path) -> None:
    place = next(place for place in PEOPLE if place.startswith("sequence"))
    done = run_inside("inspect", str(shared_data / "people" / place))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" bytes")
    assert "   and 4 more gaps and clock resets (--json lists them all)" in lines
    assert "       25 x round" in lines
    assert any(line.startswith("   channels: TP9 (1 good 2 mediocre") for line in lines)
    assert not any("-0" in line for line in lines if "offset" in line)


def test_hum_and_drift_are_not_unsteady(tmp_path: Path) -> None:
    n = 250 * 20
    t = np.arange(n) / 250.0
    eeg = np.random.default_rng(0).normal(0, 10, (n, 3))
    eeg[:, 0] += 400 * np.sin(2 * np.pi * 50 * t)
    eeg[:, 1] += 400 * t
    eeg[:, 2] += 400 * np.sin(2 * np.pi * 1.3 * t)
    with XdfWriter(tmp_path / "a.xdf") as writer:
        header = build_header(
            "Cap", "EEG", ["C3", "C4", "Cz"], rate_hz=250, units=["microvolts"] * 3
        )
        writer.samples(writer.add_stream(header), eeg.astype(np.float32), 5 + t)
    (stream,) = inspect_xdf(tmp_path / "a.xdf")["streams"]
    assert [c["verdict"] for c in stream["quality"]] == ["ok", "ok", "unsteady"]
