"""Calibration from recordings to a profile used by another process, and all refusals."""

from __future__ import annotations

import csv
import html
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.app.session_report import report_recording
from bci_affect.config import load_toml
from bci_affect.datasets import Labels
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.profiles.records import model_identity
from bci_affect.profiles.store import ProfileStore
from bci_affect.training.calibration.recordings import load_clips
from bci_affect.training.calibration.workflow import calibrate_recordings
from tests.training.calibration.conftest import ELECTRODES, FELT, LABELS, command, record

# The first test also waits for the shared calibration; all tests that need it are in this file, so
# that it runs once. The last test changes the profile.
pytestmark = pytest.mark.timeout(300)


def test_verdict_on_the_simulated_effect(calibrated: dict[str, Any]) -> None:
    document = calibrated["document"]
    assert document["profile"] == "P7", "the subject is read from the file's name"
    assert document["n_clips"] == 12
    assert document["dropped"] == []
    arousal = document["dimensions"]["arousal"]
    assert arousal["standing"] == "above chance"
    assert arousal["eeg"]["n"] == 12
    assert arousal["music"] is None


def test_report_is_complete_and_self_contained(calibrated: dict[str, Any]) -> None:
    page = Path(calibrated["document"]["report"]).read_text(encoding="utf-8")
    text = re.sub(r"&#\d+;|&\w+;", "?", page)
    for dimension in calibrated["document"]["dimensions"].values():
        start = dimension["verdict"].split("(")[0]
        assert start in text
    assert page.count("<svg") == 9
    outside: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                    outside.append(f"{tag} {name}={value[:60]}")

    Links().feed(page)
    assert [link for link in outside if "data:" not in link] == []
    assert "<script" not in page


def test_profile_changes_the_estimates_of_another_process(
    calibrated: dict[str, Any], model_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "estimates.csv"
    result = command(
        calibrated["home"],
        "process",
        str(calibrated["recording"]),
        "--out",
        str(out),
        "--model",
        str(model_file),
        "--profile",
        "P7",
    )
    assert result.returncode == 0, result.stderr
    table = np.genfromtxt(out, delimiter=",", names=True, dtype=None, encoding=None)
    clips = load_clips(
        [calibrated["recording"]],
        load_toml(calibrated["labels"], Labels),
        Predictor(model_file),
        model="x",
    )
    # The personal head is above chance for arousal: its estimates must follow the ratings and
    # differ from those of the population head.
    ok = table["state"] == "ok"
    population = 1 / (1 + np.exp(-clips.runs[0].logit[:, 1]))
    personal = np.interp(clips.runs[0].time, table["time"][ok], table["arousal_prob"][ok])
    assert np.abs(population - personal).max() > 0.1
    high, low = [], []
    for _, segment in clips.kept:
        rows = (table["time"] > segment.start + 8) & (table["time"] < segment.stop)
        mean = float(np.mean(table["arousal_prob"][rows & ok]))
        (high if segment.arousal > 5 else low).append(mean)
    assert np.mean(high) > np.mean(low) + 0.2


def test_normalisation_and_sources_are_stored(
    calibrated: dict[str, Any], model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BCI_AFFECT_HOME", str(calibrated["home"]))
    with ProfileStore() as store:
        profile = store.load("P7")
        assert profile.personal is not None
        assert profile.personal.model == model_identity(model_file)
        assert profile.history[0].sources == (str(calibrated["recording"].resolve()),)
        key = f"{model_identity(model_file)} {' '.join(ELECTRODES)}"
        state = store.normalisation("P7", key)
    assert state is not None
    assert state["mean"].shape == (len(ELECTRODES), 5)


def test_events_with_ratings_need_no_labels(tmp_path: Path, model_file: Path) -> None:
    recording = record(tmp_path / "a.xdf", events=True, clips=tuple(FELT) * 2)
    document = calibrate_recordings(
        [recording],
        Labels(),
        Predictor(model_file),
        model_path=model_file,
        profile="Ada",
        n_permutations=49,
    )
    assert document["n_clips"] == 8
    assert document["dimensions"]["valence"]["music"]["n"] == 8


def refuse(
    tmp_path: Path, model_file: Path, recording: Path, text: str = LABELS, profile: str = "Ada"
) -> str:
    labels = tmp_path / "labels.toml"
    labels.write_text(text)
    with pytest.raises(BciAffectError) as caught:
        calibrate_recordings(
            [recording],
            load_toml(labels, Labels),
            Predictor(model_file),
            model_path=model_file,
            profile=profile,
            n_permutations=19,
        )
    with ProfileStore() as store:
        assert store.names() == [], "a refused calibration leaves no profile behind"
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_too_few_clips(tmp_path: Path, model_file: Path) -> None:
    message = refuse(tmp_path, model_file, record(tmp_path / "a.xdf", clips=tuple(FELT)))
    assert "at least 8 are needed" in message


def test_one_class_only(tmp_path: Path, model_file: Path) -> None:
    message = refuse(tmp_path, model_file, record(tmp_path / "a.xdf", clips=("sad",) * 8))
    assert "add clips that are high" in message


def test_labels_that_match_nothing(tmp_path: Path, model_file: Path) -> None:
    text = "[labels]\njoy = { valence = 8, arousal = 8 }\n"
    message = refuse(tmp_path, model_file, record(tmp_path / "a.xdf", clips=("sad", "happy")), text)
    assert "'sad'" in message
    assert "'joy'" in message


def test_all_electrodes_dead(tmp_path: Path, model_file: Path) -> None:
    message = refuse(
        tmp_path, model_file, record(tmp_path / "a.xdf", dead=True, clips=tuple(FELT) * 2)
    )
    assert "enough clean EEG" in message


def test_no_electrode_of_known_position(tmp_path: Path, model_file: Path) -> None:
    from bci_affect.streams.header import build_header
    from bci_affect.streams.xdf.writer import XdfWriter

    path = tmp_path / "a.xdf"
    with XdfWriter(path) as writer:
        names = ["ch one", "ch two"]
        stream = writer.add_stream(build_header("E", "EEG", names, rate_hz=128))
        stamps = np.arange(2560) / 128
        noise = np.random.default_rng(0).standard_normal((2560, 2)).astype(np.float32)
        writer.samples(stream, noise, stamps)
        notes = writer.add_stream(build_header("M", "Markers", ["event"], fmt="string"))
        writer.texts(notes, [(name,) for name in (*FELT, *FELT)], np.arange(8) * 2.0)
    message = refuse(tmp_path, model_file, path)
    assert "10-20" in message


def test_two_people_in_one_calibration(tmp_path: Path, model_file: Path) -> None:
    paths = [record(tmp_path / f"sub-{name}_ses-1.xdf", clips=("sad", "happy")) for name in "AB"]
    labels = tmp_path / "labels.toml"
    labels.write_text(LABELS)
    with pytest.raises(BciAffectError, match="several people"):
        load_clips(paths, load_toml(labels, Labels), Predictor(model_file), model="m")


def test_missing_profile_name(tmp_path: Path, model_file: Path) -> None:
    message = refuse(
        tmp_path, model_file, record(tmp_path / "a.xdf", clips=tuple(FELT) * 2), profile=""
    )
    assert "--profile" in message


# --- the profile in live sessions of other processes, one of which is killed ------------------


def start(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bci_affect", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"BCI_AFFECT_HOME": str(home)},
    )


def readings(path: Path) -> dict[float, float]:
    """Return the arousal of all complete valid rows by time."""
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


def test_live_sessions_use_the_profile_which_survives_kill_9(
    calibrated: dict[str, Any],
    model_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = calibrated["home"]
    own, population_csv = tmp_path / "own.csv", tmp_path / "population.csv"
    player = start(home, "play", str(calibrated["recording"]), "--loop")
    common = (
        "live",
        "--stream",
        "Sim",
        "--headless",
        "--accept-notice",
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
        start(home, *common, "--estimates", str(population_csv)),
    ]

    def enough_readings() -> bool:
        return min(len(readings(own)), len(readings(population_csv))) > 20

    try:
        wait_for(enough_readings, 90, player, *lives)
        os.kill(lives[0].pid, signal.SIGKILL)
    finally:
        for process in (*lives, player):
            if process.poll() is None:
                process.terminate()
        for process in (*lives, player):
            process.wait(15)
            if process.stderr:
                process.stderr.close()
    a, b = readings(own), readings(population_csv)
    # Both received the same stream, but the personal head gives other estimates.
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

    # Processing the recording of the killed session for the same person gives the live estimates:
    # the recording contains the initial normalisation and the calibration of the session.
    (recording,) = (tmp_path / "rec").rglob("*.xdf")
    again = tmp_path / "again.csv"
    with ProfileStore(database) as store:  # the profile changes in the meantime
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

    # The report of that session names the person and contains the text of the verdict.
    monkeypatch.setenv("BCI_AFFECT_HOME", str(home))
    page = report_recording(
        recording, None, profile="", model=model_file, progress=lambda share: None
    )
    verdict = calibrated["document"]["dimensions"]["arousal"]["verdict"]
    assert verdict in html.unescape(page.read_text(encoding="utf-8"))
