"""Headset for tests: the hardware that the machine lacks, and everything that can go wrong with it.

A `Headset` lives on over connections, as the device on a head does. It counts its samples in EEG
channel 0 and is wherever the test puts it: `refuses` names BrainFlow's exit code for the next tries
to connect, `silent` lets it stay connected but send nothing, `breaks` names the code for the next
read, `at_start` the one for the start of sending, `rate_hz` may differ from what is described.

`StandInBoard` implements `bci_affect.streams.bridge.board.Board` for one connection to it: samples
wait in a buffer as in BrainFlow's driver until they are read or the connection is released.

`StandInMachine` implements `Surroundings`: what Bluetooth and serial ports of the machine show.
"""

from __future__ import annotations

import time

import numpy as np

from bci_affect.streams.bridge.board import AUXILIARY, DEFAULT, BoardError
from bci_affect.streams.bridge.surroundings import Bluetooth, Seen

DESCRIBED = {
    DEFAULT: {
        "eeg_channels": [1, 2],
        "eeg_names": "Fz,Cz",
        "battery_channel": 3,
        "package_num_channel": 0,
        "sampling_rate": 250,
        "timestamp_channel": 4,
    },
    AUXILIARY: {"accel_channels": [0, 1, 2], "sampling_rate": 50, "timestamp_channel": 3},
}


class Headset:
    """Device that lives on over connections."""

    def __init__(self, rate_hz=250.0, burst=1, jitter_s=0.0):
        self.rate_hz, self.burst, self.jitter_s = rate_hz, burst, jitter_s
        self.refuses, self.breaks, self.at_start = "", "", ""
        self.refused = 0
        self.silent = False
        self.made = {DEFAULT: 0, AUXILIARY: 0}  # samples that the driver received
        self.connections = []
        self._random = np.random.default_rng(1)

    def board(self, settings):
        """Return a new connection."""
        board = StandInBoard(self)
        self.connections.append(board)
        return board

    def rates(self):
        return {DEFAULT: self.rate_hz, AUXILIARY: 50.0}

    def rows(self, preset, first, n, began, done):
        """Return `n` samples (n_rows, n) from `first` on, of a connection that has given `done`."""
        numbers = np.arange(first, first + n)
        at = began + (done + np.arange(n)) / self.rates()[preset]
        if self.jitter_s:  # a radio delivers late, never early
            at = at + self._random.uniform(0, self.jitter_s, n)
        if preset == AUXILIARY:
            return np.vstack([numbers, 0 * at, 0 * at + 1, at])
        return np.vstack([numbers % 256, numbers, 20 * np.sin(numbers), 0 * at + 87, at])


class StandInBoard:
    """One connection to a `Headset`."""

    def __init__(self, headset):
        self.headset = headset
        self.calls = []
        self._began = None
        self._done = {DEFAULT: 0, AUXILIARY: 0}
        self._buffer = {DEFAULT: [], AUXILIARY: []}
        self._prepared = False

    def describe(self):
        return DESCRIBED

    def prepare(self):
        self.calls.append("prepare")
        if self.headset.refuses:
            self.headset.refused += 1
            raise BoardError(self.headset.refuses, "unable to prepare streaming session")
        self._prepared = True

    def rate_hz(self, preset):
        if not self._prepared:
            raise BoardError("BOARD_NOT_CREATED_ERROR")
        return self.headset.rates()[preset]

    def start(self):
        self.calls.append("start")
        if self.headset.at_start:
            raise BoardError(self.headset.at_start)
        self._began = time.time()

    def _receive(self):
        """Move what the device has sent until now into the driver's buffer."""
        if self._began is None:
            return
        gone = time.time() - self._began
        for preset, rate_hz in self.headset.rates().items():
            due = int(gone * rate_hz)
            due -= due % self.headset.burst
            n = due - self._done[preset]
            if n <= 0:
                continue
            if not self.headset.silent:
                first = self.headset.made[preset]
                rows = self.headset.rows(preset, first, n, self._began, self._done[preset])
                self._buffer[preset].append(rows)
                self.headset.made[preset] += n
            self._done[preset] = due

    def read(self, preset):
        self._receive()
        if self.headset.breaks:
            code, self.headset.breaks = self.headset.breaks, ""
            raise BoardError(code, "unable to get board data")
        parts, self._buffer[preset] = self._buffer[preset], []
        n_rows = 5 if preset == DEFAULT else 4
        return np.concatenate(parts, axis=1) if parts else np.zeros((n_rows, 0))

    def stop(self):
        self.calls.append("stop")
        self._receive()
        self._began = None

    def release(self):
        self.calls.append("release")
        self._prepared = False


class StandInMachine:
    """Bluetooth and serial ports of a machine, as the test sets them."""

    def __init__(self, state=Bluetooth.ON, devices=(), ports=(), note="", openable=True, group=""):
        self.seen = Seen(state, tuple(devices), note)
        self._ports, self.openable, self._group = tuple(ports), openable, group

    def bluetooth(self, seconds=0.0):
        return self.seen

    def ports(self):
        return self._ports

    def may_open(self, path):
        return self.openable

    def group(self, path):
        return self._group
