"""Recordings as devices really make them: each gives the right result, or a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.writer import XdfWriter
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


def test_eeg_in_unix_time_is_said_and_aligned(shared_data: Path, tmp_path: Path) -> None:
    path = str(shared_data / "trouble" / "41_clips_epoch.xdf")
    words = "different clocks. --align shifts 'Muse' by -1787995000.0 s"
    assert words in inspected(Path(path))["clocks"]
    done = run_inside("calibrate", "--from", path, "--profile", "Ada")
    assert done.returncode == 1
    assert words in done.stderr
    assert "muselsl stream --lsltime" in done.stderr
    done = run_inside("process", path, "--out", str(tmp_path / "a.csv"))
    assert done.returncode == 0
    assert words in done.stderr.replace("\n", " ")
    done = run_inside(
        *("calibrate", "--from", path, "--profile", "Ada", "--align"),
        *("--permutations", "19", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_clips"] == 12


UNIX = 1_788_000_000.0


def two_clocks(path: Path, *, marks: list[float], eeg_zero: float, marks_zero: float) -> Path:
    """Write 60 s of EEG and markers second by second, as a recorder does, on two clocks."""
    noise = np.random.default_rng(0).normal(0, 10, (6000, 2))
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(build_header("Amp", "EEG", ["C3", "C4"], rate_hz=100))
        other = writer.add_stream(build_header("P", "Markers", ["m"], fmt="string"))
        for second in range(60):
            part = slice(second * 100, second * 100 + 100)
            writer.samples(eeg, noise[part], eeg_zero + np.arange(part.start, part.stop) / 100)
            due = [mark for mark in marks if second <= mark < second + 1]
            writer.texts(other, [("m",)] * len(due), marks_zero + np.array(due))
    return path


@pytest.mark.parametrize(
    ("eeg_zero", "marks_zero"), [(UNIX, 800.0), (90_000.0, 800.0), (800.0, UNIX)]
)
def test_order_in_the_file_aligns_two_clocks(
    tmp_path: Path, eeg_zero: float, marks_zero: float
) -> None:
    marks = [20.5, 30.2, 40.7, 50.1]
    path = two_clocks(tmp_path / "s.xdf", marks=marks, eeg_zero=eeg_zero, marks_zero=marks_zero)
    recording = read_xdf(path)
    difference = recording.align()
    assert difference is not None
    assert difference.from_order
    start = float(recording.find_eeg().corrected()[0])
    assert start < 1e6, "times are on the clock that is not Unix time"
    got = [marker.time - start for marker in recording.markers()]
    assert np.allclose(got, marks, atol=1.0)
    assert recording.clock_difference() is None


def test_markers_that_no_constant_fits_into_the_eeg(tmp_path: Path) -> None:
    path = two_clocks(tmp_path / "s.xdf", marks=[1.5, 2.5], eeg_zero=UNIX, marks_zero=0.0)
    with XdfWriter(tmp_path / "t.xdf") as writer:
        for stream in read_xdf(path).streams:
            number = writer.add_stream(stream.header)
            if stream.header.is_text:
                writer.texts(number, stream.texts, np.array([0.0, 900.0]))
            else:
                writer.samples(number, stream.samples(), stream.stamps)
    recording = read_xdf(tmp_path / "t.xdf")
    assert recording.align() is None
    difference = recording.clock_difference()
    assert difference is not None
    assert "No constant explains it" in difference.text


def test_one_clock_is_no_difference(tmp_path: Path) -> None:
    path = two_clocks(tmp_path / "s.xdf", marks=[20.0], eeg_zero=800.0, marks_zero=800.0)
    assert inspected(path)["clocks"] == ""


def processed(path: Path, out: Path) -> tuple[int, str, dict[str, np.ndarray]]:
    done = run_inside(
        *("process", str(path), "--out", f"{out}.csv", "--features", f"{out}.npz"),
    )
    with np.load(f"{out}.npz") as features:
        return done.returncode, done.stderr.replace("\n", " "), dict(features)


def rewritten(path: Path, out: Path, rate_hz: float) -> Path:
    """Write the EEG of a recording again, with a true rate in its header."""
    eeg = read_xdf(path).find_eeg()
    header = build_header("E", "EEG", eeg.header.labels, units=eeg.header.units, rate_hz=rate_hz)
    with XdfWriter(out) as writer:
        stream = writer.add_stream(header)
        writer.samples(stream, eeg.samples(), eeg.stamps)
    return out


@pytest.mark.parametrize(
    ("name", "announced", "true_hz"),
    [("01_rate0.xdf", "no regular rate", 256.0), ("18_wrongrate.xdf", "256 Hz", 220.0)],
)
def test_wrong_rate_is_replaced_by_the_measured_one(
    tmp_path: Path, name: str, announced: str, true_hz: float
) -> None:
    note = f"Stream 'E' announces {announced}, but its samples are evenly stamped at {true_hz:g} Hz"
    (stream,) = inspected(TROUBLE / name)["streams"]
    assert any(note in found for found in stream["notes"])
    code, said, features = processed(TROUBLE / name, tmp_path / "wrong")
    assert code == 0
    assert note in said
    true = rewritten(TROUBLE / name, tmp_path / "true.xdf", true_hz)
    _, said, wanted = processed(true, tmp_path / "true")
    assert "announces" not in said
    assert features["rate"] == true_hz
    assert np.array_equal(features["state"], wanted["state"])
    ok = wanted["state"] == "ok"
    assert ok.sum() > 100
    # Bands are logarithms of power.
    assert np.abs(features["bands"][ok] - wanted["bands"][ok]).max() < np.log(1.03)


def test_volts_that_say_microvolts_are_never_silent(tmp_path: Path) -> None:
    path = TROUBLE / "11_lying_unit.xdf"
    note = "The EEG of 'E' changes by 1e-05 microvolts by its unit; it may be in volts."
    (stream,) = inspected(path)["streams"]
    assert note in stream["notes"]
    code, said, features = processed(path, tmp_path / "o")
    assert code == 1
    assert f"gives no reading in 200 estimates ({note}; TP9: flat" in said
    assert not (features["state"] == "ok").any()


def test_pedestal_of_an_athena_is_doubted(tmp_path: Path) -> None:
    path = TROUBLE / "09_athena_scale.xdf"
    (stream,) = inspected(path)["streams"]
    assert "4.55 times too large" in stream["notes"][0]
    code, said, _ = processed(path, tmp_path / "o")
    assert code == 0
    assert "4.55 times too large" in said


def test_eeg_is_chosen_from_two_streams_with_one_source_id() -> None:
    path = TROUBLE / "13_crown.xdf"
    recording = read_xdf(path)
    assert recording.find_eeg().header.name == "Crown-459"
    assert recording.find_eeg("459").header.name == "Crown-459", "by the source id too"
    assert [marker.text for marker in recording.markers()] == ["1", "1", "1"]
