"""Chunk queue between receiver and reader: bounded, and counting the samples it dropped."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import replace

from bci_affect.eeg import Chunk

KEEP_S = 60.0
"""Seconds of chunks that the queue holds; older ones are dropped and counted as lost."""


class ChunkQueue:
    """Queue of chunks in order of time; one thread appends, one reads.

    Parameters
    ----------
    rate_hz : float
        Rate of the stream.

    Attributes
    ----------
    dropped : int
        Samples that were not read in time.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period = 1.0 / rate_hz
        self._limit = KEEP_S * rate_hz
        self._chunks: deque[Chunk] = deque()
        self._samples = 0
        self._hole = False  # chunks were dropped before the next one
        self._last_read = math.nan
        self._ready = threading.Condition()
        self.dropped = 0

    def put(self, chunks: list[Chunk]) -> None:
        """Append chunks; drop the oldest of too many."""
        with self._ready:
            for chunk in chunks:
                self._chunks.append(chunk)
                self._samples += chunk.times.size
            while self._samples > self._limit and len(self._chunks) > 1:
                size = self._chunks.popleft().times.size
                self._samples -= size
                self.dropped += size
                self._hole = True
            self._ready.notify()

    def wait(self, timeout_s: float) -> None:
        """Wait for a chunk, at most `timeout_s`."""
        with self._ready:
            if not self._chunks:
                self._ready.wait(timeout_s)

    def get(self) -> Chunk | None:
        """Pop the oldest chunk; its gap includes chunks dropped before it."""
        if not self._chunks:
            return None
        with self._ready:
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._samples -= chunk.times.size
            if self._hole:
                gap = float(chunk.times[0]) - self._last_read - self._period
                chunk = replace(chunk, gap_before=max(gap, chunk.gap_before))
                self._hole = False
            self._last_read = float(chunk.times[-1])
            return chunk
