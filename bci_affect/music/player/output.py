"""Audio outputs: a device through PortAudio, or a silent output driven by the clock."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.player.frame_time import Clock, FrameTime
from bci_affect.music.player.priority import raised_priority

logger = logging.getLogger(__name__)

Fill = Callable[[NDArray[np.float32], float], None]
LATENCY_S = 0.5
"""Latency requested from a device; timestamps account for it. With 'low', seconds of sound are lost
silently under load; with 0.15 and 0.3 s, ten minutes at a load of 10 on two cores had gaps."""
NO_DEVICE = "no sound device"
_SETTLE_S = 2.5
_CALLBACK_TIMEOUT_S = 3.0  # without callback for longer, a device is lost


class OutputError(Exception):
    """Raised if a device cannot be opened; the message contains the reason."""


class AudioOutput(Protocol):
    """Interface of an output that requests frames at a constant rate.

    Attributes
    ----------
    name : str
        Name of the device.
    rate_hz : int
        Sampling rate.
    silent : bool
        True if it produces no sound.
    """

    name: str
    rate_hz: int
    silent: bool

    def start(self, fill: Fill) -> None:
        """Start; `fill` is called with a buffer (n, 2) and the time of its first frame."""

    def alive(self) -> bool:
        """Return True if it still requests frames."""

    def close(self) -> None:
        """Stop and release the device."""


class ClockOutput:
    """Silent output that consumes frames at the rate of the clock."""

    silent = True

    def __init__(self, clock: Clock, rate_hz: int = 44_100) -> None:
        self.name = NO_DEVICE
        self.rate_hz = rate_hz
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, fill: Fill) -> None:
        """Consume frames every 20 ms."""
        self._thread = threading.Thread(
            target=self._run, args=(fill,), name="music-clock", daemon=True
        )
        self._thread.start()

    def _run(self, fill: Fill) -> None:
        buffer = np.zeros((self.rate_hz // 5, 2), dtype=np.float32)
        started, consumed = time.monotonic(), 0
        while not self._stop.wait(0.02):
            due = int((time.monotonic() - started) * self.rate_hz) - consumed
            while due > 0:
                n = min(due, len(buffer))
                fill(buffer[:n], self._clock() - due / self.rate_hz)
                consumed += n
                due -= n

    def alive(self) -> bool:
        """Return True if the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)


class DeviceOutput:
    """Audio device through PortAudio.

    Parameters
    ----------
    device : str
        Part of its name, case-insensitive; the system's default if empty.
    clock : callable
        Clock of the times of frames.
    rate_hz : int, optional
        Sampling rate; by default that of the device.
    accept_unstable : bool
        Play even if the reported delay does not stabilise.

    Raises
    ------
    OutputError
        If PortAudio or the device is not available.
    """

    silent = False

    def __init__(
        self, device: str, clock: Clock, rate_hz: int | None = None, *, accept_unstable: bool = True
    ) -> None:
        sounddevice = _sounddevice()
        try:
            info = _find(sounddevice, device)
            self.rate_hz = int(rate_hz or info["default_samplerate"])
            self.name = str(info["name"])
            with raised_priority():
                self._stream = sounddevice.OutputStream(
                    samplerate=self.rate_hz,
                    device=info["index"],
                    channels=2,
                    dtype="float32",
                    latency=LATENCY_S,
                    callback=self._callback,
                )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise OutputError(str(error).splitlines()[0]) from None
        self._portaudio_error = sounddevice.PortAudioError
        self._fill: Fill | None = None
        self._called = time.monotonic()
        self._frames = 0
        self._frame_time = FrameTime(clock, self.rate_hz)
        # Until a sound server has played the first buffer, its reported delay is a guess (42 ms
        # wrong in a measured case). Its clock estimate may then be wrong by a percent if disturbed:
        # the reported delay changes by 5 to 50 ms in the following seconds and recovers after half
        # a minute. Therefore playback starts when the delay is stable.
        self._accept_unstable = accept_unstable
        self._first_audible = int(float(self._stream.latency) * self.rate_hz)
        self._settle_limit = self._first_audible + int(_SETTLE_S * self.rate_hz)
        self._settled = False
        self.unstable = False
        self.underflows = 0

    def _callback(self, out: NDArray[np.float32], n: int, times: Any, status: Any) -> None:
        self._called = time.monotonic()
        if status.output_underflow:
            self.underflows += 1
            self._frame_time.reset()
        frame, self._frames = self._frames, self._frames + n
        if self._fill is None or frame < self._first_audible:
            out.fill(0.0)
            return
        audible_at = self._frame_time(times.currentTime, times.outputBufferDacTime, frame)
        self._settled = self._settled or self._frame_time.steady
        self.unstable = not self._settled and frame > self._settle_limit
        if self._settled or (self.unstable and self._accept_unstable):
            self._fill(out, audible_at)
        else:
            out.fill(0.0)

    def start(self, fill: Fill) -> None:
        """Start to request frames."""
        self._fill = fill
        self._called = time.monotonic()
        try:
            with raised_priority():
                self._stream.start()
        except self._portaudio_error as error:
            raise OutputError(str(error).splitlines()[0]) from None

    def alive(self) -> bool:
        """Return True if the callback was called recently; it may be a second late under load."""
        return bool(self._stream.active) and time.monotonic() - self._called < _CALLBACK_TIMEOUT_S

    def close(self) -> None:
        """Stop immediately and release the device; errors of a removed device are ignored."""
        with contextlib.suppress(self._portaudio_error):
            self._stream.abort()
        with contextlib.suppress(self._portaudio_error):
            self._stream.close()


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError:
        raise OutputError(
            "PortAudio is not installed (Debian: apt install libportaudio2)"
        ) from None
    return sounddevice


def _find(sounddevice: Any, name: str) -> dict[str, Any]:
    devices = [d for d in sounddevice.query_devices() if d["max_output_channels"] >= 2]
    if not devices:
        raise OutputError("no sound device found")
    if name:
        for device in devices:
            if name.lower() in device["name"].lower():
                return dict(device)
        names = ", ".join(sorted({d["name"] for d in devices}))
        raise OutputError(f"no sound device '{name}'; available: {names}")
    return dict(sounddevice.query_devices(kind="output"))


def devices() -> list[str]:
    """Return the names of output devices; empty without PortAudio."""
    try:
        found = _sounddevice().query_devices()
    except OutputError:
        return []
    return [str(d["name"]) for d in found if d["max_output_channels"] >= 2]


def device_fingerprint() -> tuple[tuple[int, int] | None, ...] | None:
    """Return a value that changes with the available devices and servers; None if unsupported."""
    if sys.platform != "linux":
        return None
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return tuple(
        map(_identity, (Path("/dev/snd"), runtime / "pulse" / "native", runtime / "pipewire-0"))
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def rescan_devices() -> None:
    """Restart PortAudio to update its list of devices; only while no stream is open.

    Call it rarely: on Linux it reloads the ALSA plug-ins, and a library used by one of them leaks
    12 kB each time (libpixman 0.42, through libavcodec).
    """
    try:
        sounddevice = _sounddevice()
    except OutputError:
        return
    try:
        sounddevice._terminate()
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        logger.debug("PortAudio could not be restarted: %s", error)
