"""Runner of benchmarks: each in a process of its own, so that none affects the next.

A process starts without what another benchmark has loaded or configured (Qt, liblsl, threads of
torch), and its crash costs one row of the result.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import psutil

logger = logging.getLogger(__name__)

TERMINATE_S = 5.0


@dataclass(frozen=True)
class BenchmarkResult:
    """Figures of one benchmark, or the reason why there are none.

    Attributes
    ----------
    name : str
        Name of the benchmark.
    seconds : float
        Duration of its process.
    figures : dict or None
        Figures by name, nested.
    error : str or None
        Reason of the failure, one sentence.
    """

    name: str
    seconds: float
    figures: dict[str, Any] | None = None
    error: str | None = None


def run_benchmark(name: str, *, quick: bool = False, timeout_s: float = 3600.0) -> BenchmarkResult:
    """Run one benchmark in a process of its own and return its result.

    Parameters
    ----------
    name : str
        A key of `BENCHMARKS`.
    quick : bool
        Measure for a shorter time, with more noise.
    timeout_s : float
        Limit in seconds, after which the process and its children are ended.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; the process has been ended by then.
    """
    command = [sys.executable, "-m", "bci_affect.app.benchmarks", name]
    began = time.monotonic()
    # Files, as a child that outlives the benchmark would keep a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process: subprocess.Popen[bytes] | None = None
        timed_out = False
        try:
            with _interrupt_deferred():
                process = subprocess.Popen(
                    command + ["--quick"] * quick, stdin=subprocess.DEVNULL, stdout=out, stderr=err
                )
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process is not None:
                _end(process)
        assert process is not None  # else an exception has left this function
        seconds = time.monotonic() - began
        printed, log = _text(out), _text(err)
    if timed_out:
        return BenchmarkResult(name, seconds, error=f"took longer than {timeout_s:g} s")
    answer = _answer(printed)
    if "figures" in answer:
        return BenchmarkResult(name, seconds, figures=answer["figures"])
    logger.info("benchmark %s failed:\n%s", name, log)
    return BenchmarkResult(name, seconds, error=answer.get("error") or _crash(process, log))


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Defer Ctrl-C until the end of the block.

    An interrupt within `subprocess.Popen` would lose the process that has just started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: pending.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if pending:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: politely, then by force."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()  # its `finally` blocks end its children
    try:
        process.wait(TERMINATE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():
            child.kill()
    psutil.wait_procs(family, TERMINATE_S)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _answer(printed: str) -> dict[str, Any]:
    lines = printed.splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _crash(process: subprocess.Popen[bytes], log: str) -> str:
    """Return the reason of an end without an answer."""
    code = process.returncode
    ended = f"ended with exit status {code}"
    if code < 0:
        try:
            ended = f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            ended = f"was ended by signal {-code}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"its process {ended}" + (f": {' '.join(lines[-4:])[:400]}" if lines else "")
