"""Guided calibration of a simulated listener from start to verdict, over LSL in three processes.

    python benchmarks/guided_calibration.py --home DIR --effect 5 --clips 12 --seconds 20

One process publishes EEG of a simulated listener who responds to the music. Another runs
``bci-affect calibrate --headless``. This process answers its questions with the intended mood of
each clip plus random scatter. It prints one JSON document: the verdict, the exit status, and the
duration. Files are written into --home.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import numpy as np

from bci_affect.streams import write_lsl_config

COMMAND = (sys.executable, "-m", "bci_affect")


def main() -> None:
    """Run the calibration and print its result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, required=True, help="new folder for all files")
    parser.add_argument("--effect", type=float, default=5.0)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--cap", default="epoc")
    parser.add_argument("--person", type=int, default=7)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--rest", action="store_true")
    arguments = parser.parse_args()
    home: Path = arguments.home
    home.mkdir(parents=True)
    config = write_lsl_config(home)
    env = os.environ | {"BCI_AFFECT_HOME": str(home), "LSLAPICFG": str(config)}
    for words in (("simulate", "music"), ("music", "add")):
        subprocess.run(
            [*COMMAND, *words, home / "music"], env=env, check=True, stdout=subprocess.DEVNULL
        )
    started = time.monotonic()
    listener = subprocess.Popen(
        [
            *(*COMMAND, "simulate", "listener", "--cap", arguments.cap),
            *("--effect", str(arguments.effect), "--person", str(arguments.person)),
        ],
        env=env,
    )
    calibrate = subprocess.Popen(
        [
            *(*COMMAND, "calibrate", "--headless", "--profile", "Ada", "--json", "--wait", "60"),
            *("--clips", str(arguments.clips), "--seconds", str(arguments.seconds)),
            *("--rest" if arguments.rest else "--no-rest", "--audio", "none"),
            *("--permutations", str(arguments.permutations)),
        ],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert calibrate.stdin is not None
    assert calibrate.stdout is not None
    try:
        _answer(home / "calibrations" / "ada.json", calibrate, calibrate.stdin)
        document = json.loads(calibrate.stdout.read() or "null")
        code = calibrate.wait()
    finally:
        listener.terminate()
        listener.wait()
        if calibrate.poll() is None:
            calibrate.kill()
    print(json.dumps({"seconds": time.monotonic() - started, "exit": code, "found": document}))


def _answer(progress: Path, process: subprocess.Popen[str], answers: IO[str]) -> None:
    """Wait for the choice of clips and answer with the intended mood of each."""
    while not progress.exists():
        if process.poll() is not None:
            return
        time.sleep(0.2)
    rng = np.random.default_rng(0)
    for clip in json.loads(progress.read_text())["clips"]:
        for name in ("valence", "arousal"):
            side = 1 if clip[name] > 0 else -1
            answers.write(f"{round(float(np.clip(5 + side * rng.uniform(1, 4), 1, 9)), 1)}\n")
        answers.write("\n\n")  # familiarity and liking: no answer
    answers.flush()


if __name__ == "__main__":
    main()
