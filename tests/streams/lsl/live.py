"""Helpers of the live tests: publishers in other processes, and a reader that keeps everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from bci_affect.streams import ConnectionState, LslSource, local_clock

ROOT = Path(__file__).resolve().parents[3]


started: list[subprocess.Popen] = []


def spawn(module, *args, stdin=None):
    """Start a Python module in another process, in the same LSL session."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, args)],
        cwd=ROOT,
        env=env,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started.append(process)
    return process


def publisher(name, source_id, base, *more):
    return spawn("tests.streams.lsl.publisher", name, source_id, "--base", base, *more)


def end(*processes):
    """End processes; all that were started, where none is named."""
    processes = processes or tuple(started)
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


class Reader(threading.Thread):
    """Reads a source to the end, and keeps chunks and every state with its time."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source = source
        self.chunks = []
        self.states = []
        self.markers = []
        self._end = threading.Event()
        self.start()

    def run(self):
        while not self._end.is_set():
            chunk = self.source.read(0.02)
            if chunk is not None:
                self.chunks.append(chunk)
            self.markers += self.source.markers()
            health = self.source.health
            if not self.states or self.states[-1][1:] != (health.state, health.reason):
                self.states.append((time.monotonic(), health.state, health.reason))

    def finish(self):
        self._end.set()
        self.join()
        self.source.close()
        return self

    @property
    def numbers(self):
        """Sample numbers that were sent, in order of reading."""
        return np.concatenate([chunk.samples[0] for chunk in self.chunks]).astype(int)

    @property
    def times(self):
        return np.concatenate([chunk.times for chunk in self.chunks])

    def wait_for(self, condition, timeout_s):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.02)
        return False

    def state_after(self, moment, *states):
        """Return seconds from `moment` to the first of `states`; infinite where none came."""
        found = [when - moment for when, state, _ in self.states if state in states]
        return min((wait for wait in found if wait >= 0), default=np.inf)


def opened(name, **more):
    source = LslSource(name=name, **more)
    source.open(90.0)
    return Reader(source)


def streaming(reader):
    return reader.source.health.state is ConnectionState.STREAMING


def now():
    return local_clock()
