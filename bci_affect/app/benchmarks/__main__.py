"""Process of one benchmark: ``python -m bci_affect.app.benchmarks NAME [--quick]``.

The last line on stdout is a JSON object with ``figures``, or with ``error`` and exit status 1.
Anything else that a library prints there goes to stderr.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from bci_affect.app.benchmarks import BENCHMARKS
from bci_affect.errors import BciAffectError
from bci_affect.streams import write_lsl_config


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave through the `finally` blocks, which end children and remove temporary files."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(1)


def main() -> int:
    """Run one benchmark and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m bci_affect.app.benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--quick", action="store_true")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with results, tempfile.TemporaryDirectory(prefix="bci-affect-bench-") as folder:
        os.environ["LSLAPICFG"] = str(write_lsl_config(Path(folder)))
        answer: dict[str, Any]
        try:
            module = importlib.import_module(BENCHMARKS[wanted.name])
            answer = {"figures": module.run(wanted.quick)}
        except BciAffectError as error:
            answer = {"error": str(error)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=lambda value: value.tolist()), file=results)
    return int("error" in answer)


if __name__ == "__main__":
    sys.exit(main())
