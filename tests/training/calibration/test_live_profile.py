"""A calibrated profile in a live session over LSL, in other processes, one of which is killed."""

from __future__ import annotations

import csv
import html
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.cli.session_report import report_recording
from bci_affect.session.profiles import ProfileStore
from tests.training.calibration.conftest import command


def start(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bci_affect", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"BCI_AFFECT_HOME": str(home)},
    )


def readings(path: Path) -> dict[float, float]:
    """Time and arousal of all valid rows that are whole."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["track"] is not None]
    return {float(r["time"]): float(r["arousal_prob"]) for r in rows if r["state"] == "ok"}


def wait_for(what: Callable[[], bool], seconds: float, *processes: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        for process in processes:
            if process.poll() is not None:
                assert process.stderr is not None
                raise AssertionError(process.stderr.read().decode())
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.2)


@pytest.mark.timeout(300)
def test_live_uses_the_profile_which_survives_kill_9(
    calibrated: dict[str, Any],
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = calibrated["home"]
    own, nobody = tmp_path / "own.csv", tmp_path / "nobody.csv"
    player = start(home, "play", str(calibrated["recording"]), "--loop")
    common = (
        "live",
        "--stream",
        "Sim",
        "--headless",
        "--no-music",
        "--wait",
        "60",
        "--model",
        str(model_file),
    )
    lives = [
        start(
            home,
            *(*common, "--profile", "P7", "--estimates", str(own)),
            *("--record", str(tmp_path / "rec")),
        ),
        start(home, *common, "--estimates", str(nobody)),
    ]
    try:
        wait_for(lambda: len(readings(own)) > 20 and len(readings(nobody)) > 20, 90, player, *lives)
        os.kill(lives[0].pid, signal.SIGKILL)
    finally:
        for process in (*lives, player):
            if process.poll() is None:
                process.terminate()
        for process in (*lives, player):
            process.wait(15)
            if process.stderr:
                process.stderr.close()
    a, b = readings(own), readings(nobody)
    # Both saw the same stream; the population's head does not move as this person's does.
    times = sorted(a)
    population = np.interp(times, sorted(b), [b[t] for t in sorted(b)])
    assert np.abs(population - [a[t] for t in times]).mean() > 0.02
    database = home / "profiles.sqlite"
    with sqlite3.connect(database) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with ProfileStore(database) as store:
        profile = store.load("P7")
    assert profile.personal is not None
    assert profile.personal.arousal.informative

    # The killed session's recording, processed for the same person, gives what was shown live:
    # it says with which normalisation and which calibration the session began.
    (recording,) = (tmp_path / "rec").rglob("*.xdf")
    again = tmp_path / "again.csv"
    with ProfileStore(database) as store:  # the profile goes on meanwhile
        (key,) = [
            row[0] for row in sqlite3.connect(database).execute("SELECT key FROM normalisation")
        ]
        state = store.normalisation("P7", key)
        assert state is not None
        store.save_normalisation("P7", key, state | {"mean": state["mean"] + 1.0})
    model = ("--model", str(model_file), "--profile", "P7")
    result = command(home, "process", str(recording), "--out", str(again), *model)
    assert result.returncode == 0, result.stderr
    offline = readings(again)
    shared = sorted(set(np.round(list(a), 3)) & set(np.round(list(offline), 3)))
    assert len(shared) > 15
    live_at = {round(t, 3): p for t, p in a.items()}
    offline_at = {round(t, 3): p for t, p in offline.items()}
    np.testing.assert_allclose(
        [live_at[t] for t in shared], [offline_at[t] for t in shared], atol=1e-5
    )

    # The report of that session finds out whose it was, and has the verdict's exact words.
    monkeypatch.setenv("BCI_AFFECT_HOME", str(home))
    page = report_recording(
        recording, None, profile="", model=model_file, progress=lambda share: None
    )
    verdict = calibrated["document"]["dimensions"]["arousal"]["verdict"]
    assert verdict in html.unescape(page.read_text(encoding="utf-8"))
