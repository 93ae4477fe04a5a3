"""The one place where sound goes: a device while it is there, the clock while it is not."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import NamedTuple

from bci_affect.music.player.frame_time import Clock
from bci_affect.music.player.output import (
    AudioOutput,
    ClockOutput,
    DeviceOutput,
    Fill,
    OutputError,
    look_again,
    surroundings,
)

log = logging.getLogger(__name__)

_RETRY_S = 2.0
_OPENINGS = 4
"""A device whose word on its delay does not settle is opened so often; then it is believed."""
_LOOK_FOR_S, _LOOK_ANYWAY_S = 15.0, 60.0
"""How long a device is looked for after one came or went, and how often otherwise."""
_NO_SOUND = "No sound ({}): playing silently until there is a device."


class Change(NamedTuple):
    """A device came or went: ``device_lost`` or ``device_found``, when, and a sentence."""

    kind: str
    time: float
    message: str


class Speaker:
    """An output that is always there, whatever becomes of the device.

    Parameters
    ----------
    clock : callable
        Clock on which the time of a frame is told.
    device : str
        Part of a device's name; "" is the system's default, "none" plays silently on the clock.

    Attributes
    ----------
    rate_hz : int
        Rate of the frames, which stays as it is when the device changes.
    message : str
        One sentence for the user while there is no sound; else "".
    """

    def __init__(self, clock: Clock, device: str) -> None:
        self._clock, self._device = clock, device
        self.message = ""
        self._retry_at = self._look_until = self._look_anyway_at = 0.0
        self._surroundings = surroundings()
        self._underflows = 0  # of devices that were left
        self._output: AudioOutput = ClockOutput(clock)
        self._openings = 1
        self._lost = False  # a device that was there; one that never was is looked for less
        if device != "none":
            try:
                self._output = DeviceOutput(device, clock, trusting=False)
            except OutputError as error:
                self._without(error)
        self.rate_hz = self._output.rate_hz

    @property
    def name(self) -> str:
        """Name of what plays now."""
        return self._output.name

    @property
    def underflows(self) -> int:
        """Times that a device ran out of frames."""
        return self._underflows + _underflows(self._output)

    def start(self, fill: Fill) -> None:
        """Begin to ask for frames."""
        self._fill = fill
        try:
            self._output.start(fill)
        except OutputError as error:
            self._without(error)
            self._change_to(ClockOutput(self._clock, self.rate_hz))

    def alive(self) -> bool:
        """Say whether frames are asked for."""
        return self._output.alive()

    def watch(self) -> Change | None:
        """Notice a device that is gone, go on silently, and take it again when it is back."""
        if _doubtful(self._output) and self._openings < _OPENINGS:
            self._openings += 1
            self._output.close()  # another stream of it may fare better
            with suppress(OutputError):
                self._change_to(self._open())
        if not self._output.alive():
            name = self._output.name
            self.message = f"The sound device '{name}' is gone: playing silently until it is back."
            self._change_to(ClockOutput(self._clock, self.rate_hz))
            self._lost = True
            self._retry_at = time.monotonic() + _RETRY_S
            self._look_until = time.monotonic() + _LOOK_FOR_S
            return Change("device_lost", self._clock(), self.message)
        if self._output.silent and self._retry_at and self._may_be_back():
            look_again()
            self._openings = 1
            try:
                found = self._open()
            except OutputError:
                return None
            self.message, self._retry_at = "", 0.0
            self._change_to(found)
            return Change("device_found", self._clock(), f"Sound on '{found.name}'.")
        return None

    def _may_be_back(self) -> bool:
        """Say whether to look for the device now: where something came or went, else seldom."""
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + _RETRY_S
        seen = surroundings()
        if seen != self._surroundings or (seen is None and self._lost):
            self._surroundings, self._look_until = seen, now + _LOOK_FOR_S
        if now > self._look_until and now < self._look_anyway_at:
            return False
        self._look_anyway_at = now + _LOOK_ANYWAY_S
        return True

    def _open(self) -> DeviceOutput:
        trusting = self._openings == _OPENINGS
        return DeviceOutput(self._device, self._clock, self.rate_hz, trusting=trusting)

    def close(self) -> None:
        """Stop asking and release the device."""
        self._output.close()

    def _change_to(self, output: AudioOutput) -> None:
        self._output.close()
        self._underflows += _underflows(self._output)
        self._output = output
        self.start(self._fill)

    def _without(self, error: OutputError) -> None:
        now = time.monotonic()
        self._retry_at, self._look_anyway_at = now + _RETRY_S, now + _LOOK_ANYWAY_S
        self.message = _NO_SOUND.format(error)
        log.warning(self.message)


def _doubtful(output: AudioOutput) -> bool:
    return isinstance(output, DeviceOutput) and output.doubtful


def _underflows(output: AudioOutput) -> int:
    return output.underflows if isinstance(output, DeviceOutput) else 0
