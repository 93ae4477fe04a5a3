"""Worker process that runs cases of one target and prints one JSON line per case.

A case is defined by (seed, target, number), so a failed case can be run again alone.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import tempfile
import traceback
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.errors import BciAffectError
from benchmarks.fuzz.base import Target, Wrong
from benchmarks.fuzz.targets import TARGETS

MEMORY = 8 << 30
"""Address space of a worker, in bytes: more would stall a user's machine."""
LONGEST_MESSAGE = 1500
FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn",
             "socket.connect", "shutil.rmtree", "webbrowser.open")  # fmt: skip


class Executed(Exception):
    """Code execution caused by a file."""


def rng_of(seed: int, target: str, case: int) -> np.random.Generator:
    """Return the generator of one case."""
    return np.random.default_rng([seed, zlib.crc32(target.encode()), case])


def judge(target: Target, data: bytes, folder: Path) -> tuple[str, str]:
    """Use one input of a target; return the outcome and, for a finding, its description."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            outcome = target.use(data, folder)
    except BciAffectError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) > LONGEST_MESSAGE:
            return "unclear", f"message of {len(text)} characters: {text[:300]!r}"
        return "refused", ""
    except Wrong as error:
        return "wrong", str(error)
    except Executed as error:
        return "executed", str(error)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "bci_affect/" in f.filename] or frames
        where = f"{ours[-1].filename.rsplit('bci_affect/', 1)[-1]}:{ours[-1].lineno}"
        return (
            "traceback",
            f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:200]}",
        )
    if said:
        first = said[0]
        where = f"{first.filename.rsplit('/', 1)[-1]}:{first.lineno}"
        return "warned", f"{first.category.__name__} at {where}: {str(first.message)[:150]}"
    return outcome, ""


def main() -> None:
    """Run the cases of ``worker.py TARGET SEED START STOP``."""
    name, seed, start, stop = sys.argv[1], *map(int, sys.argv[2:5])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # keep prints of libraries out of the results
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    sys.addaudithook(_guard())
    with tempfile.TemporaryDirectory(prefix="bci-fuzz-") as place:
        folder = Path(place)
        os.environ["BCI_AFFECT_HOME"] = str(folder / "home")
        target = TARGETS[name]()
        target.prepare(folder)
        _watch["on"] = True
        for case in range(start, stop):
            data = target.make(rng_of(seed, name, case))
            out.write(json.dumps({"begin": case}) + "\n")
            outcome, what = judge(target, data, folder)
            out.write(json.dumps({"case": case, "outcome": outcome, "what": what}) + "\n")
        _watch["on"] = False


_watch: dict[str, bool] = {"on": False}


def _guard() -> Callable[[str, tuple[Any, ...]], None]:
    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if _watch["on"] and event in FORBIDDEN:
            raise Executed(f"{event}{arguments!r}"[:200])

    return look


if __name__ == "__main__":
    main()
