"""Source of EEG from a CSV file: one column per electrode, in microvolts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from bci_affect import BciAffectError, Chunk, make_montage
from bci_affect.streams import (
    ConnectionState,
    EndOfStream,
    Health,
    Marker,
    RawTap,
    StreamInfo,
)

CHUNK_S = 0.1


class CsvSource:
    """EEG of a CSV file, as fast as it is read."""

    def __init__(self, path: str, rate_hz: float) -> None:
        self._path, self._rate_hz = Path(path), rate_hz
        self._info: StreamInfo | None = None
        self._at = 0
        self._state = ConnectionState.SEARCHING
        self.tap: RawTap | None = None
        self.awaited = self.due = math.nan

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; raises `RuntimeError` before `open`."""
        if self._info is None:
            raise RuntimeError("open the source first")
        return self._info

    @property
    def health(self) -> Health:
        """State and counts."""
        return Health(self._state, "", 0.0, self._rate_hz, math.nan, received=self._at)

    def open(self, timeout_s: float = 0.0) -> StreamInfo:
        """Read the file."""
        try:
            names = self._path.read_text(encoding="utf-8").splitlines()[0].split(",")
            self._eeg = np.loadtxt(self._path, delimiter=",", skiprows=1, ndmin=2).T
        except (OSError, ValueError, IndexError) as error:
            raise BciAffectError(f"Cannot read {self._path}: {error}.") from None
        units = ("microvolts",) * len(names)
        labels = tuple(names)
        montage = make_montage(labels)
        self._info = StreamInfo("CSV", "EEG", "", self._rate_hz, labels, units, montage)
        self._state = ConnectionState.STREAMING
        return self._info

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the next tenth of a second."""
        stop = self._at + round(CHUNK_S * self._rate_hz)
        samples = self._eeg[:, self._at : stop].astype(np.float32)
        if not samples.shape[1] or self._state is ConnectionState.STOPPED:
            raise EndOfStream
        times = np.arange(self._at, self._at + samples.shape[1]) / self._rate_hz
        self._at += samples.shape[1]
        return Chunk(samples, times)

    def markers(self) -> list[Marker]:
        """Return no markers: the file has none."""
        return []

    def close(self) -> None:
        """Stop; safe to call twice."""
        self._state = ConnectionState.STOPPED
