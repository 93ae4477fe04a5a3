"""`benchmark` runs each measurement in its own process and keeps every row, also of failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.cli.inside import run_inside

PROGRAM = [sys.executable, "-m", "bci_affect", "benchmark"]
NO_SCREEN = os.environ | {"QT_QPA_PLATFORM": "no-such-platform"}
"""Environment in which Qt ends the process of the benchmark `gui`."""


def test_a_crash_is_a_row_and_the_others_are_measured(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    words = ["--only", "replay,gui,calibration", "--quick", "--json", "--out", str(out)]
    done = subprocess.run(
        PROGRAM + words, env=NO_SCREEN, capture_output=True, text=True, check=False, timeout=115
    )
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "bci-affect: 1 of 3 benchmarks failed."
    assert "replay (1 of 3)" in done.stderr
    assert document == json.loads(out.read_text())
    assert document["machine"]["cores"] == os.cpu_count()
    assert set(document["seconds"]) == {"replay", "gui", "calibration"}
    assert document["replay"]["times_real_time"] > 1
    assert document["calibration"]["people"] == 10
    assert set(document["gui"]) == {"error"}
    assert "SIGABRT" in document["gui"]["error"]
    assert "no-such-platform" in document["gui"]["error"]


def test_rows_are_printed_as_they_arrive_and_ctrl_c_keeps_them(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    words = ["--only", "gui,live,signal", "--out", str(out)]
    running = subprocess.Popen(
        PROGRAM + words, env=NO_SCREEN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout
    assert running.stdout.readline().split()[:2] == ["gui", "failed"]
    assert "error" in json.loads(out.read_text())["gui"]
    family = []
    while not family:  # until the next benchmark has begun
        family = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert printed.split() == ["live", "failed", "stopped", "by", "the", "user"]
    document = json.loads(out.read_text())
    assert document["live"] == {"error": "stopped by the user"}
    assert "signal" not in document
    assert not psutil.wait_procs(family, 10)[1]


def test_a_benchmark_that_takes_too_long_is_ended() -> None:
    done = run_inside("benchmark", "--only", "startup", "--timeout", "1", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["startup"] == {"error": "took longer than 1 s"}


def test_mistakes_are_found_before_anything_is_measured(tmp_path: Path) -> None:
    assert run_inside("benchmark", "--only", "live,speed").returncode == 2
    (tmp_path / "old.json").write_text("{}")
    done = run_inside("benchmark", "--out", str(tmp_path / "old.json"))
    assert done.returncode == 1
    assert "not overwritten" in done.stderr
    assert (tmp_path / "old.json").read_text() == "{}"


def test_mistakes_with_people_are_one_line(tmp_path: Path) -> None:
    people = ("benchmark", "--only", "people")
    for words in (
        people,
        (*people, "--data", str(tmp_path), "--out", "page.txt"),
        (*people, "--data", str(tmp_path), "--timeout", "9"),
        (*people, "--data", str(tmp_path), "--quick", "--seeds", "2"),
        ("benchmark", "--only", "people,live"),
        ("benchmark", "--only", "live", "--data", str(tmp_path)),
    ):
        assert run_inside(*words).returncode == 2
    done = run_inside(*people, "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"bci-affect: {tmp_path} holds no recordings (*.xdf), nor do its folders; give the "
        "folder of the recorded data sets."
    ]
    (tmp_path / "old.svg").write_text("")
    done = run_inside(*people, "--data", str(tmp_path), "--out", str(tmp_path / "old.html"))
    assert done.returncode == 1
    assert "not overwritten" in done.stderr
