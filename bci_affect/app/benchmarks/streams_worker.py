"""Processes of the streams benchmark: a publisher, receivers, readers; each prints its figures."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NAME = "benchmark"
SETTLE_S = 2.0


def publish(rate_hz: float, n_channels: int, seconds: float) -> None:
    """Send every sample when it is due, with the time of sending (milliseconds) in channel 0."""
    import pylsl

    info = pylsl.StreamInfo(NAME, "EEG", n_channels, rate_hz, pylsl.cf_float32, NAME)
    channels = info.desc().append_child("channels")
    for i in range(n_channels):
        channel = channels.append_child("channel")
        channel.append_child_value("label", f"E{i}")
        channel.append_child_value("unit", "microvolts")
        channel.append_child_value("type", "EEG")
    outlet = pylsl.StreamOutlet(info)
    sample = np.zeros((1, n_channels), np.float32)
    began = pylsl.local_clock()
    number = 0
    while (now := pylsl.local_clock()) < began + seconds:
        due = began + number / rate_hz
        if now < due:
            time.sleep(due - now)
            continue
        sample[0, 0] = _since_epoch(pylsl.local_clock())
        outlet.push_chunk(sample, due)
        number += 1


def _since_epoch(clock_s: float) -> float:
    """Milliseconds in the running 4 s: small enough that float32 keeps microseconds."""
    return clock_s % 4.0 * 1000.0


class _Latencies:
    """Latencies after a settling time, and the CPU time of the process since then."""

    def __init__(self, seconds: float) -> None:
        self._values: list[float] = []
        self._begin = time.monotonic() + SETTLE_S
        self._end = self._begin + seconds
        self._cpu: float | None = None

    def take(self, clock_s: float, sent_ms: float) -> None:
        if time.monotonic() >= self._begin:
            if self._cpu is None:
                self._cpu, self._wall = time.process_time(), time.monotonic()
            self._values.append((_since_epoch(clock_s) - sent_ms) % 4000.0)

    @property
    def done(self) -> bool:
        return time.monotonic() >= self._end

    def figures(self) -> dict[str, Any]:
        cpu = time.process_time() - (self._cpu or 0.0)
        p50, p99 = np.percentile(self._values, [50, 99])
        return {
            "p50_ms": float(p50),
            "p99_ms": float(p99),
            "cpu_percent": 100.0 * cpu / (time.monotonic() - self._wall),
            "samples": len(self._values),
        }


def ours(seconds: float) -> dict[str, Any]:
    """Receive with `LslSource`; channel 0 of the newest sample of each chunk gives the latency."""
    from bci_affect.streams import LslSource, local_clock

    source = LslSource(name=NAME)
    source.open(60.0)
    taken = _Latencies(seconds)
    while not taken.done:
        chunk = source.read(0.5)
        if chunk is not None:
            now = local_clock()
            for sent in chunk.samples[0]:
                taken.take(now, float(sent))
    figures = taken.figures()
    figures["lost"] = source.health.lost
    source.close()
    return figures


def mne_lsl(seconds: float) -> dict[str, Any]:
    """Receive with mne-lsl's stream at its default settings."""
    from mne_lsl.lsl import local_clock
    from mne_lsl.stream import StreamLSL

    taken: list[_Latencies] = []

    def note(data: Any, timestamps: Any, info: Any) -> tuple[Any, Any]:
        now = local_clock()
        if taken:
            for sent in data[:, 0]:
                taken[0].take(now, float(sent))
        return data, timestamps

    stream = StreamLSL(bufsize=5, name=NAME)
    stream.connect(timeout=60)
    stream.add_callback(note)
    taken.append(_Latencies(seconds))
    while not taken[0].done:
        time.sleep(0.1)
    figures = taken[0].figures()
    stream.disconnect()
    return figures


def _peak_bytes(anew: bool = False) -> float:
    """Peak of resident memory, since the call with `anew`; not a number where that is unknown."""
    try:
        if anew:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])


def read(who: str, path: str) -> dict[str, Any]:
    """Read a file; seconds, and peak memory beyond importing, in sizes of the samples."""
    if who == "ours":
        from bci_affect.streams import read_xdf
    else:
        import pyxdf
    before = _peak_bytes(anew=True)
    began = time.perf_counter()
    if who == "ours":
        stream = read_xdf(path).streams[0]
        samples: Any = stream.samples()
        read_s = time.perf_counter() - began
        stream.timeline()
    else:
        streams, _ = pyxdf.load_xdf(path, select_streams=[{"type": "EEG"}])
        samples = streams[0]["time_series"]
        read_s = float("nan")  # pyxdf reads, synchronises and dejitters in one call
    seconds = time.perf_counter() - began
    peak = _peak_bytes() - before
    return {
        "seconds": seconds,
        "of_these_reading_s": read_s,
        "MB_per_s": samples.nbytes / 1e6 / seconds,
        "peak_memory_in_sizes_of_the_samples": peak / samples.nbytes,
    }


def main() -> None:
    """Run the role that the first argument names."""
    role, *rest = sys.argv[1:]
    if role == "publish":
        publish(float(rest[0]), int(rest[1]), float(rest[2]))
        return
    if role.startswith("read-"):
        figures = read(role.removeprefix("read-"), rest[0])
    else:
        figures = {"ours": ours, "mne_lsl": mne_lsl}[role](float(rest[2]))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
