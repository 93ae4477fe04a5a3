"""A guided calibration from start to verdict: a simulated listener, real LSL, three processes.

    python benchmarks/guided_calibration.py --effect 5 --clips 12 --seconds 20

One process publishes EEG of a simulated listener who feels what is played; another is
``bci-affect calibrate --headless`` as a person would start it; this one answers its questions with
what the clip was meant to be felt like, plus the scatter of a person's own word. Prints one JSON
document: the verdict, what was asked, and how long it took. Files go into --home.
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
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, required=True, help="New folder for everything.")
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
    """Once the clips are chosen, say what each is meant to feel like."""
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
