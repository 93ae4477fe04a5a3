"""Private sound server with a null sink, and a recorder of its monitor source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.player.priority import raised_priority
from benchmarks.sound_server import RATE_HZ, SINK, SoundServer, unavailable

__all__ = [
    "RATE_HZ",
    "find_excerpt",
    "null_sink",
    "play_and_record",
    "playback_time",
    "unavailable",
]
MONITOR_MS = 40
"""Block length of the monitor in ms. The monitor delivers a block when it is mixed, one block
length before it plays: measured leads are 6.8, 10.1 and 40.2 ms with blocks of 5, 10 and 40 ms."""

CHILD = """
import json, sys, time
from bci_affect.events import EventKind
from bci_affect.music.player import AudioPlayer
from bci_affect.music.types import Track
spec = json.loads(sys.argv[1])
events = []
tracks = [
    Track(i, path, f"t{i}", "", "", seconds, 0, 0, 0, 0, (), gain)
    for i, (path, seconds, gain) in enumerate(spec["tracks"])
]
player = AudioPlayer(
    on_event=lambda e: events.append([e.kind, e.time, e.track_id]),
    volume=1.0, crossfade_s=spec["crossfade_s"], device=spec.get("device", ""),
)
device = player.state().device
player.play(tracks[0])
for track in tracks[1:]:
    player.enqueue(track)
until = time.monotonic() + spec["seconds"] + 60
while time.monotonic() < until:
    if sum(kind == EventKind.TRACK_STOP for kind, *_ in events) == len(tracks):
        break
    time.sleep(0.1)
time.sleep(0.5)
starved = player.state().starved
player.close()
print(json.dumps({"events": events, "starved": starved, "device": device}))
"""


@contextmanager
def null_sink(folder: Path) -> Iterator[dict[str, str]]:
    """Run a sound server and yield the environment variables that select it."""
    with SoundServer(folder) as server:
        yield server.env


def play_and_record(env: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    """Play tracks in another process and record the monitor of the sink.

    Returns
    -------
    dict
        The player's report (``events``, ``starved``, ``device``) and the recording: ``audio``,
        shape (n_frames, 2); ``begin``, monotonic time in seconds at which its first frame played;
        ``arrivals``, for every block the number of frames received so far and the time of the
        first frame estimated from that block.
    """
    parts: list[bytes] = []
    arrivals: list[tuple[int, float]] = []

    def read() -> None:
        n = 0
        assert recorder.stdout is not None
        while block := os.read(recorder.stdout.fileno(), 1 << 16):
            parts.append(block)
            n += len(block)
            arrivals.append((n // 8, time.monotonic() - n / 8 / RATE_HZ + MONITOR_MS / 1000))

    with raised_priority():  # a delayed recorder would look like delayed playback
        recorder = subprocess.Popen(
            [
                "parec", "-d", f"{SINK}.monitor", "--raw", "--format=float32le",
                f"--rate={RATE_HZ}", "--channels=2", f"--latency-msec={MONITOR_MS}",
            ],
            env=env,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
    try:
        time.sleep(0.5)
        child = subprocess.run(
            [sys.executable, "-c", CHILD, json.dumps(spec)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            timeout=spec["seconds"] + 120,
            check=True,
        )
        time.sleep(0.3)
    finally:
        recorder.terminate()
        recorder.wait(10)
        reader.join(5)
        if recorder.stdout is not None:
            recorder.stdout.close()
    audio = np.frombuffer(b"".join(parts)[: n_bytes(parts)], np.float32).reshape(-1, 2)
    # Blocks can arrive late but not early, so the earliest estimate is the most accurate.
    begin = min(time for _, time in arrivals)
    return json.loads(child.stdout) | {"audio": audio, "begin": begin, "arrivals": arrivals}


def playback_time(recording: dict[str, Any], frame: float) -> float:
    """Return the monotonic time in seconds at which a frame of the recording played.

    Only blocks within half a second of the frame are used: if the sink was suspended for a moment,
    everything after it plays later.
    """
    near = [time for at, time in recording["arrivals"] if abs(at - frame) < RATE_HZ / 2]
    return min(near) + frame / RATE_HZ


def n_bytes(parts: list[bytes]) -> int:
    """Number of bytes in complete frames."""
    return sum(map(len, parts)) // 8 * 8


def find_excerpt(audio: NDArray[np.float32], excerpt: NDArray[np.float32]) -> int:
    """Find an excerpt of shape (n,) in a recording of shape (m,); return its first frame."""
    from scipy import signal

    return int(np.argmax(signal.fftconvolve(audio, excerpt[::-1], mode="valid")))
