"""Speaker: the current audio output, with fallback to silent playback if the device is lost."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import NamedTuple

from bci_affect.events import EventKind
from bci_affect.music.player.frame_time import Clock
from bci_affect.music.player.output import (
    AudioOutput,
    ClockOutput,
    DeviceOutput,
    Fill,
    OutputError,
    device_fingerprint,
    rescan_devices,
)

logger = logging.getLogger(__name__)

_RETRY_S = 2.0
_OPENINGS = 4
"""Attempts to open a device until its reported delay is stable; after these it is accepted."""
_SEARCH_S, _SEARCH_INTERVAL_S = 15.0, 60.0
"""Duration of the search after a change of devices, and interval of searches otherwise."""
_NO_SOUND = "No sound ({}): playing silently until there is a device."


class DeviceChange(NamedTuple):
    """Loss or return of a device: ``device_lost`` or ``device_found``, time and message."""

    kind: EventKind
    time: float
    message: str


class Speaker:
    """Output that survives the loss of its device.

    Parameters
    ----------
    clock : callable
        Clock of the times of frames.
    device : str
        Part of a device's name; "" is the system's default, "none" plays silently.

    Attributes
    ----------
    rate_hz : int
        Sampling rate, unchanged when the device changes.
    message : str
        Sentence for the user while there is no sound; else "".
    """

    def __init__(self, clock: Clock, device: str) -> None:
        self._clock, self._device = clock, device
        self.message = ""
        self._retry_at = self._search_until = self._next_search_at = 0.0
        self._fingerprint = device_fingerprint()
        self._underflows = 0  # of closed devices
        self._output: AudioOutput = ClockOutput(clock)
        self._openings = 1
        self._lost = False  # a lost device is searched for more often than one never present
        if device != "none":
            try:
                self._output = DeviceOutput(device, clock, accept_unstable=False)
            except OutputError as error:
                self._fall_back(error)
        self.rate_hz = self._output.rate_hz

    @property
    def name(self) -> str:
        """Name of the current output."""
        return self._output.name

    @property
    def underflows(self) -> int:
        """Number of underflows reported by devices."""
        return self._underflows + _underflows(self._output)

    def start(self, fill: Fill) -> None:
        """Start to request frames."""
        self._fill = fill
        try:
            self._output.start(fill)
        except OutputError as error:
            self._fall_back(error)
            self._change_to(ClockOutput(self._clock, self.rate_hz))

    def alive(self) -> bool:
        """Return True if frames are requested."""
        return self._output.alive()

    def poll(self) -> DeviceChange | None:
        """Detect the loss of the device, continue silently, and reopen it when it returns."""
        if _is_unstable(self._output) and self._openings < _OPENINGS:
            self._openings += 1
            self._output.close()  # a new stream may be stable
            with suppress(OutputError):
                self._change_to(self._open())
        if not self._output.alive():
            name = self._output.name
            self.message = f"The sound device '{name}' is gone: playing silently until it is back."
            self._change_to(ClockOutput(self._clock, self.rate_hz))
            self._lost = True
            self._retry_at = time.monotonic() + _RETRY_S
            self._search_until = time.monotonic() + _SEARCH_S
            return DeviceChange(EventKind.DEVICE_LOST, self._clock(), self.message)
        if self._output.silent and self._retry_at and self._should_rescan():
            rescan_devices()
            self._openings = 1
            try:
                found = self._open()
            except OutputError:
                return None
            self.message, self._retry_at = "", 0.0
            self._change_to(found)
            return DeviceChange(EventKind.DEVICE_FOUND, self._clock(), f"Sound on '{found.name}'.")
        return None

    def _should_rescan(self) -> bool:
        """Return True if it is time to search: after a change of devices, else rarely."""
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + _RETRY_S
        fingerprint = device_fingerprint()
        if fingerprint != self._fingerprint or (fingerprint is None and self._lost):
            self._fingerprint, self._search_until = fingerprint, now + _SEARCH_S
        if now > self._search_until and now < self._next_search_at:
            return False
        self._next_search_at = now + _SEARCH_INTERVAL_S
        return True

    def _open(self) -> DeviceOutput:
        accept_unstable = self._openings == _OPENINGS
        return DeviceOutput(
            self._device, self._clock, self.rate_hz, accept_unstable=accept_unstable
        )

    def close(self) -> None:
        """Stop and release the device."""
        self._output.close()

    def _change_to(self, output: AudioOutput) -> None:
        self._output.close()
        self._underflows += _underflows(self._output)
        self._output = output
        self.start(self._fill)

    def _fall_back(self, error: OutputError) -> None:
        now = time.monotonic()
        self._retry_at, self._next_search_at = now + _RETRY_S, now + _SEARCH_INTERVAL_S
        self.message = _NO_SOUND.format(error)
        logger.warning(self.message)


def _is_unstable(output: AudioOutput) -> bool:
    return isinstance(output, DeviceOutput) and output.unstable


def _underflows(output: AudioOutput) -> int:
    return output.underflows if isinstance(output, DeviceOutput) else 0
