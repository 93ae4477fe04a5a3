"""Ctrl-C, SIGTERM, SIGHUP and SIGSTOP in the middle of long commands: nothing finished is lost."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bci_affect.affect.estimate_csv import COLUMNS
from bci_affect.music import Library
from bci_affect.resources import shipped
from bci_affect.streams import read_xdf
from tests.streams.lsl.live import end, now, publisher

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")


@pytest.fixture(autouse=True)
def _no_process_stays() -> Iterator[None]:
    yield
    end()


def begin(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bci_affect", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(process: subprocess.Popen[str], number: signal.Signals | None) -> tuple[int, str, str]:
    """Send a signal; return exit status, output, and messages."""
    if number is not None:
        process.send_signal(number)
    output, messages = process.communicate(timeout=60)
    assert "Traceback" not in messages, messages
    return process.returncode, output, messages


def stopped_line(messages: str, number: signal.Signals) -> bool:
    return messages.rstrip().splitlines()[-1].startswith(f"bci-affect: stopped by {number.name}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_is_finished_by_any_signal(tmp_path: Path, number: signal.Signals) -> None:
    name = f"cap-{number.name}"
    publisher(name, name, now())
    path = tmp_path / "a.xdf"
    process = begin("record", path, "--stream", name, "--timeout", 60)
    wait_until(process, lambda: path.exists() and path.stat().st_size > 20_000)
    if number is signal.SIGTERM:  # the machine sleeps, or the person presses Ctrl-Z
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        process.send_signal(signal.SIGCONT)
        size = path.stat().st_size
        wait_until(process, lambda: path.stat().st_size > size + 10_000)
    status, output, _ = finish(process, number)
    assert (status, "samples" in output) == (0, True)
    (stream,) = read_xdf(path).streams
    assert stream.footer, "the file was closed"
    assert not read_xdf(path).damage
    numbers = stream.samples()[:, 0]
    assert (numbers[1:] - numbers[:-1] == 1).all(), "nothing was lost"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [signal.SIGHUP, None])
def test_a_session_is_finished_by_a_signal_and_by_a_closed_pipe(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    name = f"cap-live-{number}"
    publisher(name, name, now())
    process = begin(
        *("live", "--stream", name, "--headless", "--no-music", "--no-publish"),
        *("--record", tmp_path / "r", "--estimates", tmp_path / "e.csv"),
    )
    estimates = tmp_path / "e.csv"
    wait_until(process, lambda: estimates.exists() and estimates.stat().st_size > 500)
    if number is not None:  # the machine sleeps, or the person presses Ctrl-Z
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        process.send_signal(signal.SIGCONT)
        size = estimates.stat().st_size
        wait_until(process, lambda: estimates.stat().st_size > size + 1000)
    if number is None:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        status, _, messages = finish(process, None)
        assert "Nothing is published" in messages
    else:
        status, _, messages = finish(process, number)
        assert "The program was suspended for" in messages
        assert "sends nothing" not in messages
    assert status == (1 if number is None else 0)
    (path,) = (tmp_path / "r").rglob("*.xdf")
    recording = read_xdf(path)
    assert not recording.damage
    assert all(stream.footer for stream in recording.streams)
    numbers = recording.find_eeg(name).samples()[:, 0]
    assert (numbers[1:] - numbers[:-1] == 1).all(), "nothing was lost, and nothing invented"
    with estimates.open() as file:
        assert all(len(row) == len(COLUMNS) for row in csv.reader(file))
    assert {p.stat().st_mode & 0o777 for p in (path, estimates)} == {0o600}


def test_a_stopped_process_leaves_no_half_file(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    process = begin("process", shipped("recordings/demo.xdf"), "--out", folder / "e.csv")
    wait_until(process, lambda: any(folder.iterdir()))
    status, _, messages = finish(process, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    assert stopped_line(messages, signal.SIGTERM)
    assert not any(folder.iterdir())


def test_a_stopped_scan_keeps_its_tracks(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "bci_affect",
            "simulate",
            "music",
            tmp_path / "m",
            "--count",
            "6",
            "--seconds",
            "8",
        ],
        check=True,
        capture_output=True,
    )
    process = begin("music", "add", tmp_path / "m", "--workers", 1)
    home = Path(os.environ["BCI_AFFECT_HOME"])
    database = home / "music.sqlite"

    def added() -> int:
        if not database.exists():
            return 0
        with Library(database) as library:
            return len(library)

    wait_until(process, lambda: added() > 0)
    status, _, messages = finish(process, signal.SIGHUP)
    assert status == 128 + signal.SIGHUP
    assert stopped_line(messages, signal.SIGHUP)
    assert added() > 0
    assert database.stat().st_mode & 0o777 == 0o600


def test_a_stopped_training_ends_with_one_line(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "bci_affect", "simulate", "deap", tmp_path / "d"),
            *("--subjects", "3", "--trials", "6", "--seconds", "20"),
        ],
        check=True,
        capture_output=True,
    )
    run = tmp_path / "run"
    process = begin(
        *("train", shipped("configs/eeg-only.toml"), "--data", tmp_path / "d", "--out", run)
    )
    wait_until(process, lambda: run.exists() and any(run.iterdir()))
    status, _, messages = finish(process, signal.SIGINT)
    assert status == 128 + signal.SIGINT
    assert stopped_line(messages, signal.SIGINT)


RECORDING = shipped("recordings/demo.xdf")
LONG = {
    "live": ("live", "--headless", "--no-music", "--wait", 60, "--record", "rec"),
    "record": ("record", "new.xdf", "--timeout", 60),
    "process": ("process", RECORDING, "--out", "e.csv"),
    "train": ("train", shipped("configs/eeg-only.toml"), "--data", "none", "--out", "run"),
    "music": ("music", "add", "."),
    "calibrate": ("calibrate", "--from", RECORDING, "--profile", "Ada"),
    "benchmark": ("benchmark", "--only", "retrieval", "--quick", "--out", "b.json"),
    "report": ("report", RECORDING, "--out", "r.html"),
}
MOMENTS = {"live": 2.0, "record": 1.2, "calibrate": 0.8, "report": 1.0, "benchmark": 0.4}


def handles_signals(process: subprocess.Popen[str]) -> bool:
    """Return whether the process has got so far as to handle signals (at once elsewhere)."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return True
    (caught,) = (
        line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt")
    )
    return bool(int(caught, 16) >> (signal.SIGHUP - 1) & 1)


@pytest.mark.parametrize("command", LONG)
def test_a_signal_at_any_moment_of_a_long_command_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Also while it is imported or waits for a device; no half file is left."""
    monkeypatch.chdir(tmp_path)
    number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[list(LONG).index(command) % 3]
    process = begin(*LONG[command])
    wait_until(process, lambda: handles_signals(process))
    time.sleep(MOMENTS.get(command, 0.05))
    status, _, messages = finish(process, number)
    assert status == 128 + number, messages
    assert stopped_line(messages, number)
    assert len(messages.splitlines()) <= 1 + (command == "benchmark"), "its progress is a line"
    left = [
        path.name for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts
    ]
    assert set(left) <= {"b.json"}
