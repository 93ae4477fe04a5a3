"""Test of `kill -9` at random moments: finished work is kept, and the rest can be resumed.

    python -m benchmarks.kill9 --times 10 --json kills.json

For recording, calibration, library scan and training a child process works and is killed with
SIGKILL after a random time (seeded, uniform over the duration of the work). Its files are checked.
Then the work is resumed to its end, and the result must equal that of an undisturbed run. The exit
status is 1 if it does not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

RATE_HZ = 250
CLIPS = 12
TRACKS = 40
STUDY = """
[signal]
line_hz = "off"
[signal.window]
window_s = 3.0
step_s = 1.0
hop_s = 1.0
[signal.bands]
alpha = [8, 13]
[train]
epochs = 2
[train.model]
width = 8
space = 4
[study]
folds = 3
permutations = 20
"""


# --- Work of the child; it prints the amount of finished work ---------------------------------


def record(folder: Path) -> None:
    """Record EEG in packets of 20 ms, with the sample number in channel 0."""
    from bci_affect.streams import Recorder, build_header

    recorder = Recorder(folder / "session.xdf")
    recorder.open_stream("eeg", build_header("Cap", "EEG", ["n", "a"], rate_hz=RATE_HZ))
    time.sleep(0.05)  # wait until the file has its header
    began, number = time.monotonic(), 0
    print(0, flush=True)
    while True:
        due = int((time.monotonic() - began) * RATE_HZ)
        n = np.arange(number, due)
        number = due
        samples = np.repeat(n[:, None], 2, axis=1).astype(np.float32)
        recorder.samples("eeg", samples, 100 + n / RATE_HZ)
        print(number, flush=True)
        time.sleep(0.02)


def calibrate(folder: Path) -> None:
    """Run a guided calibration with a rating every few milliseconds."""
    from bci_affect.session.guided.calibration import GuidedCalibration, Rating, Step, Timing

    wires: dict[str, Any] = {
        "emit": lambda text: None, "play": lambda clip: None, "silence": lambda: None,
    }  # fmt: skip
    path = folder / "progress.json"
    if path.exists():
        guided = GuidedCalibration.resume(path, **wires)
    else:
        guided = GuidedCalibration.begin(
            path, "Ada", _clips(), seed=1, timing=Timing(0, 0, 0, 2), **wires
        )
    now = 100.0
    guided.start(now)
    print(len(guided.ratings), flush=True)
    while guided.step is not Step.DONE:
        now += 0.25
        guided.tick(now, quality=1.0)
        if guided.step is Step.RATING:
            guided.rate(now, Rating(7, 3))
            print(len(guided.ratings), flush=True)
        time.sleep(0.002)


def _clips() -> Any:
    from bci_affect.music import Track
    from bci_affect.session.guided.clips import choose_clips

    rng = np.random.default_rng(0)
    place = rng.uniform(-1, 1, (30, 2))
    tracks = [
        Track(i, f"/{i}.flac", f"t{i}", "a", "", 200.0, valence, arousal, 0.1, 0.1, (), 0.0)
        for i, (valence, arousal) in enumerate(place.tolist())
    ]
    return choose_clips(tracks, CLIPS, seed=1, seconds=20)


def scan(folder: Path) -> None:
    """Add music to the library."""
    from bci_affect.music import Library

    with Library(folder / "music.sqlite") as library:
        print(len(library), flush=True)
        library.add(
            [folder / "music"],
            workers=1,
            encoder="logmel",
            progress=lambda done: print(len(library), flush=True),
        )


def train(folder: Path) -> None:
    """Train and evaluate a small study."""
    from bci_affect.cli import main

    print(0, flush=True)
    config, data, cache = (str(folder.parent / name) for name in ("s.toml", "deap", "cache"))
    sys.argv = ["bci-affect", "train", config, "--data", data, "--cache", cache]
    sys.argv += ["--out", str(folder / "run")]
    main()


# --- Checks of the files left by a killed child -----------------------------------------------


def check_recording(folder: Path, said: int) -> str:
    """Check that the file is intact and at most one second is missing."""
    from bci_affect.streams import read_xdf

    recording = read_xdf(folder / "session.xdf")
    assert not recording.damage, recording.damage
    numbers = recording.streams[0].samples()[:, 0].astype(int)
    assert np.array_equal(numbers, np.arange(numbers.size)), "samples are missing in between"
    lost = (said - numbers.size) / RATE_HZ
    assert lost <= 1.0, f"{lost:.2f} s lost"
    return f"{max(lost, 0.0):.2f} s lost"


def check_calibration(folder: Path, said: int) -> str:
    """Check that every rating is on disk and the calibration can be completed."""
    path = folder / "progress.json"
    kept = len(json.loads(path.read_text())["ratings"]) if path.exists() else 0
    assert kept >= said, f"{said} ratings were given, {kept} are kept"
    again = _run("calibrate", folder)
    assert again[0] >= said, again
    assert again[-1] == CLIPS, again
    return f"{kept} of {CLIPS} ratings kept"


def check_library(folder: Path, said: int) -> str:
    """Check that every added track is complete and the next scan adds only the others."""
    from bci_affect.music import Library

    path = folder / "music.sqlite"
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    with Library(path) as library:
        kept = len(library)
        assert kept >= said, f"{said} tracks were added, {kept} are kept"
        for track in library.tracks():
            assert len(library.embeddings(track.id, "logmel")[1]), "a track without rows"
        report = library.add([folder / "music"], workers=1, encoder="logmel")
        assert (report.added, report.unchanged) == (TRACKS - kept, kept), report
        assert len(library) == TRACKS
    return f"{kept} of {TRACKS} tracks kept"


def check_training(folder: Path, said: int) -> str:
    """Check that finished folds are kept and the result equals that of an undisturbed run."""
    kept = {p: p.stat().st_mtime_ns for p in (folder / "run").glob("folds/*/*/*/fold.json")}
    _run("train", folder)
    for path, written in kept.items():
        assert path.stat().st_mtime_ns == written, "a finished fold was trained again"
    whole = folder.parent / "whole" / "run" / "metrics.json"
    assert (folder / "run" / "metrics.json").read_bytes() == whole.read_bytes()
    return f"{len(kept)} of 3 folds kept"


@dataclass(frozen=True)
class Work:
    """Kind of work: its child, its check, and its duration (0: measured first)."""

    child: Callable[[Path], None]
    check: Callable[[Path, int], str]
    seconds: float = 0.0


WORKS = {
    "record": Work(record, check_recording, 5.0),
    "calibrate": Work(calibrate, check_calibration),
    "scan": Work(scan, check_library),
    "train": Work(train, check_training),
}


def prepare(name: str, place: Path) -> None:
    """Create the input of the work, once."""
    if name == "scan":
        import soundfile

        rng = np.random.default_rng(3)
        (place / "music").mkdir()
        for i in range(TRACKS):
            sound = 0.1 * rng.standard_normal(16_000 * 3)
            soundfile.write(place / "music" / f"{i:02d}.flac", sound, 16_000)
    if name == "train":
        from bci_affect.datasets.simulated import SimulationSettings, write_deap

        (place / "s.toml").write_text(STUDY)
        write_deap(place / "deap", SimulationSettings(subjects=3, trials=6, seconds=8, effect=2))


def _folder(place: Path, name: str, work: str) -> Path:
    folder = place / name
    folder.mkdir()
    if work == "scan":
        (folder / "music").symlink_to(place / "music")
    return folder


def _start(name: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.kill9", "--child", name, str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def _run(name: str, folder: Path) -> list[int]:
    """Run a child to its end; return the numbers that it printed."""
    process = _start(name, folder)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, f"{name} ended with {process.returncode}"
    return [int(word) for word in out.split() if word.isdigit()]


def measure(name: str, place: Path) -> float:
    """Return the duration of undisturbed work after its first line of output."""
    if WORKS[name].seconds:
        return WORKS[name].seconds
    process = _start(name, _folder(place, "whole", name))
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        process.stdout.read()
    assert process.returncode == 0
    return time.monotonic() - began


def kill_once(name: str, place: Path, number: int, after_s: float, after_words: int = 1) -> str:
    """Kill one child `after_s` seconds after a line of output; return the result of its check."""
    folder = _folder(place, f"{number:03d}", name)
    with _start(name, folder) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(after_words))
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read()
    return WORKS[name].check(folder, _largest(said))


def _largest(said: str) -> int:
    """Return the largest number that a child printed, without an incomplete last line."""
    words = said.split("\n")[:-1]
    return max((int(word) for word in words if word.strip().isdigit()), default=0)


def main() -> None:
    """Kill children of every kind and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill9")
    parser.add_argument("--times", type=int, default=10, help="kills of each kind of work")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(WORKS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        WORKS[given.child[0]].child(Path(given.child[1]))
        return
    found: dict[str, list[dict[str, Any]]] = {}
    for name in given.only.split(","):
        rng = np.random.default_rng([given.seed, len(name)])
        with TemporaryDirectory() as root:
            place = Path(root)
            prepare(name, place)
            length = measure(name, place)
            found[name] = []
            for number in range(given.times):
                after_s = math.floor(rng.uniform(0, length) * 1000) / 1000
                try:
                    told, good = kill_once(name, place, number, after_s), True
                except Exception:
                    told, good = traceback.format_exc(limit=3), False
                found[name].append({"after_s": after_s, "good": good, "told": told})
                print(
                    f"{name} {number}: killed after {after_s:.2f} of {length:.2f} s: {told}",
                    flush=True,
                )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    bad = sum(not one["good"] for many in found.values() for one in many)
    print(f"{sum(map(len, found.values()))} kills, {bad} with a loss")
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
