"""Recording of other programs' streams: from the collector to the recorder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.collector import Collector
from bci_affect.streams.xdf.recorder import Recorder

PROGRESS_S = 0.2


def record_streams(
    path: Path,
    *,
    wanted: Sequence[str] = (),
    duration_s: float | None = None,
    timeout_s: float = 10.0,
    stop: threading.Event | None = None,
    progress: Callable[[str, list[str]], None] = lambda text, missing: None,
) -> dict[str, Any]:
    """Record until `duration_s` has passed or `stop` is set.

    Parameters
    ----------
    path : Path
        New file.
    wanted : sequence of str
        Names or source ids of the streams to record; all visible streams if empty.
    duration_s : float, optional
        Length, counted from the first stream on.
    timeout_s : float
        How long to wait for the wanted streams (or for any).
    stop : threading.Event, optional
        Ends the recording.
    progress : callable
        Called with a line of text and the missing streams, five times a second.

    Returns
    -------
    dict
        ``path, seconds, bytes, samples`` (by stream name).

    Raises
    ------
    BciAffectError
        If a wanted stream does not appear in time, no stream is found, or writing fails.
    """
    stop = stop or threading.Event()
    missing = _wait(wanted, timeout_s, stop)
    if missing:
        raise BciAffectError(
            f"Not there after {timeout_s:g} s: {', '.join(missing)}. 'bci-affect streams' lists "
            "what can be seen."
        )
    recorder = Recorder(path)
    collector = Collector(
        lambda found: not wanted or found.name in wanted or found.source_id in wanted,
        lambda: recorder,
    )
    collector.start()
    began = time.monotonic()
    try:
        while not stop.wait(PROGRESS_S):
            status = recorder.status
            if status.error:
                raise BciAffectError(status.error)
            here = {name for h in collector.connected for name in (h.name, h.source_id)}
            progress(
                f"{status.path}: {status.seconds:.0f} s, {status.size_bytes / 1e6:.1f} MB, "
                f"{len(collector.connected)} streams",
                [name for name in wanted if name not in here],
            )
            if duration_s is not None and time.monotonic() - began >= duration_s:
                break
    finally:
        collector.stop()
        status = recorder.stop()
    if status.error:
        raise BciAffectError(status.error)
    names: dict[str, int] = {}
    for key, count in collector.counts.items():
        name = key.rsplit(" ", 1)[0]
        names[name] = names.get(name, 0) + count
    return {
        "path": status.path,
        "seconds": status.seconds,
        "bytes": status.size_bytes,
        "samples": names,
    }


def _wait(wanted: Sequence[str], timeout_s: float, stop: threading.Event) -> list[str]:
    """Wait until all wanted streams (or any) are visible; return the missing ones."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = [lsl.describe(info) for info in lsl.visible()]
        names = {name for stream in found for name in (stream.name, stream.source_id)}
        missing = [name for name in wanted if name not in names]
        if not wanted and not found:
            missing = ["any stream"]
        if not missing or time.monotonic() >= deadline or stop.wait(0.05):
            return missing
