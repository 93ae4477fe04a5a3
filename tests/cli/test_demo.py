"""`demo`, `live --replay`, `process` and `doctor` as a new user runs them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from bci_affect.affect.estimate_csv import COLUMNS
from bci_affect.resources import shipped
from tests.cli.test_app import run


class InTheWindow(NamedTuple):
    """A demonstration that runs."""

    process: subprocess.Popen[bytes]
    picture: Path
    estimates: Path
    said: Path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def in_the_window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InTheWindow]:
    """Begin the demonstration in its window; it keeps running during the other tests."""
    folder = tmp_path_factory.mktemp("window")
    picture, estimates = folder / "window.png", folder / "e.csv"
    with (folder / "stderr").open("w") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bci_affect", "demo", "--audio", "none"),
                *("--duration", "200", "--screenshot", str(picture), "--after", "30"),
                *("--estimates", str(estimates)),
            ],
            env=os.environ | {"BCI_AFFECT_HOME": str(folder / "home")},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        yield InTheWindow(process, picture, estimates, folder / "stderr")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@pytest.mark.usefixtures("in_the_window")  # started first, checked last
def test_demo_in_the_terminal_over_real_lsl(tmp_path: Path) -> None:
    estimates = tmp_path / "e.csv"
    result = run(
        *("demo", "--headless", "--no-music", "--duration", "14"),
        *("--estimates", str(estimates), "--record", str(tmp_path / "rec")),
    )
    assert result.returncode == 0, result.stderr
    states = [row["state"] for row in rows(estimates)]
    assert states[0] == "warming"
    assert states.count("ok") > 20
    assert "0 lost" in result.stdout
    (recording,) = (tmp_path / "rec").rglob("*.xdf")
    report = run("inspect", str(recording), "--json")
    names = {stream["name"] for stream in json.loads(report.stdout)["streams"]}
    assert {"Simulated EEG", "bci_affect.estimate", "bci_affect.events"} <= names


def test_process_writes_estimates_and_features(tmp_path: Path) -> None:
    out, features = tmp_path / "e.csv", tmp_path / "f.npz"
    result = run(
        *("process", str(shipped("recordings/demo.xdf")), "--out", str(out)),
        *("--features", str(features), "--json"),
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    written = rows(out)
    assert summary["estimates"] == len(written)
    assert tuple(written[0]) == COLUMNS
    with np.load(features, allow_pickle=False) as arrays:
        n, steps, channels, bands = arrays["bands"].shape
        assert n == len(written)
        assert channels == len(arrays["channels"]) == 8
        assert bands == len(arrays["band_names"])
        assert steps == 12
        np.testing.assert_allclose(arrays["time"], [float(row["time"]) for row in written])
        assert np.isfinite(arrays["bands"]).all()


def test_replay_ends_by_itself(tmp_path: Path) -> None:
    estimates = tmp_path / "e.csv"
    result = run(
        *("live", "--headless", "--no-music", "--speed", "20"),
        *("--replay", str(shipped("recordings/demo.xdf")), "--estimates", str(estimates)),
    )
    assert result.returncode == 0, result.stderr
    assert len(rows(estimates)) > 1000


def test_the_sender_ends_with_a_demonstration_that_is_killed() -> None:
    code = (
        "import time\nfrom bci_affect.app import DEMO_RECORDING, publisher\n"
        "from bci_affect.resources import shipped\n"
        "with publisher(shipped(DEMO_RECORDING)):\n    print('on', flush=True)\n    time.sleep(600)"
    )
    demonstration = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert demonstration.stdout is not None
    assert demonstration.stdout.readline() == b"on\n"
    senders = psutil.Process(demonstration.pid).children()
    assert len(senders) == 1
    demonstration.kill()
    demonstration.wait(60)
    demonstration.stdout.close()
    _, left = psutil.wait_procs(senders, timeout=60)
    assert not left


def test_doctor_finds_what_every_session_needs() -> None:
    result = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    for name in ("python", "lsl", "qt", "torch", "model", "disk"):
        assert checks[name]["result"] != "failed", checks[name]
    assert result.returncode == 0


@pytest.mark.timeout(240)
def test_demo_in_the_window_with_music(in_the_window: InTheWindow) -> None:
    """All parts: music is rendered, tagged, chosen and played; the window is drawn."""
    demo = in_the_window
    deadline = time.monotonic() + 200
    while not (demo.picture.exists() and any(row["track"] for row in rows(demo.estimates))):
        assert demo.process.poll() is None, demo.said.read_text()
        assert time.monotonic() < deadline, "no picture, or no music"
        time.sleep(0.5)
    demo.process.terminate()
    assert demo.process.wait(60) == 0, demo.said.read_text()
    assert demo.picture.read_bytes().startswith(b"\x89PNG")
    assert demo.picture.stat().st_size > 30_000
    written = rows(demo.estimates)
    assert sum(row["state"] == "ok" for row in written) > 30
