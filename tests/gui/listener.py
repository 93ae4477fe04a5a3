"""A simulated listener whose time is given out in portions: minutes of EEG pass in seconds.

It replaces a replayed recording, whose clock the session follows.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from bci_affect.eeg import Chunk, make_montage
from bci_affect.simulation.simulator import EegSimulator, SimulatedPerson
from bci_affect.streams import (
    ConnectionState,
    Health,
    Marker,
    RawTap,
    SideStream,
    StreamInfo,
    XdfSource,
    build_header,
    local_clock,
)

RATE = 250.0
NAMES = ("Fp1", "Fp2", "F7", "F8", "C3", "C4", "P7", "P8")


class SteppedListener(XdfSource):
    """Feels `mood`; gives as much EEG as `grant` has allowed."""

    def __init__(self, effect: float) -> None:
        montage = make_montage(NAMES)
        self._about = StreamInfo(
            name="Simulated listener",
            type="EEG",
            source_id="listener",
            rate_hz=RATE,
            labels=montage.names,
            units=("microvolts",) * len(NAMES),
            montage=montage,
            simulated=True,
        )
        person = SimulatedPerson.draw(3, effect=effect)
        self._eeg = EegSimulator(NAMES, montage.positions, RATE, person, seed=1)
        self.mood = (0.0, 0.0)
        self.tap: RawTap | None = None
        self.awaited = self.due = math.nan
        self._told: RawTap | None = None
        self._start = local_clock()
        self._sent = self._granted = 0
        self._more = threading.Condition()

    def grant(self, seconds: float) -> None:
        """Let so much time pass, and wait until it was taken."""
        with self._more:
            self._granted += round(seconds * RATE)
            self._more.notify_all()
            assert self._more.wait_for(lambda: self._sent >= self._granted, 60)

    @property
    def position_s(self) -> float:
        return self._sent / RATE

    @property
    def info(self) -> StreamInfo:
        return self._about

    @property
    def health(self) -> Health:
        state = ConnectionState.STREAMING
        return Health(state, "", self._start, RATE, RATE, self._sent, self._sent)

    def open(self, timeout_s: float = 0.0) -> StreamInfo:
        return self._about

    def read(self, timeout_s: float) -> Chunk | None:
        with self._more:
            if not self._more.wait_for(lambda: self._granted > self._sent, timeout_s):
                return None
            n = min(64, self._granted - self._sent)
            valence, arousal = self.mood
            block = self._eeg.block(n, valence=valence, arousal=arousal).astype(np.float32)
            stamps = self._start + (self._sent + np.arange(n)) / RATE
            self._sent += n
            self._more.notify_all()
        self._record(block, stamps)
        return Chunk(block, stamps)

    def _record(self, block: np.ndarray, stamps: np.ndarray) -> None:
        tap = self.tap
        if tap is None:
            return
        if tap is not self._told:
            self._told = tap
            units = ["microvolts"] * len(NAMES)
            header = build_header("Listener", "EEG", NAMES, units=units, rate_hz=RATE)
            tap.open_stream("eeg", header)
            tap.clock_offset("eeg", float(stamps[0]), 0.0)
        tap.samples("eeg", block.T, stamps)

    def side_streams(self) -> list[SideStream]:
        """Return no stream: there is none next to the EEG."""
        return []

    def markers(self) -> list[Marker]:
        return []

    def close(self) -> None:
        with self._more:
            self._granted = self._sent
