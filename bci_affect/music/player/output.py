"""Where sound goes: a device through PortAudio, or the clock where there is none."""

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
from bci_affect.music.player.priority import preferred_threads

log = logging.getLogger(__name__)

Fill = Callable[[NDArray[np.float32], float], None]
LATENCY_S = 0.5
"""What is asked of a device; stamps allow for it. 'low' loses seconds of sound without a word under
load; with 0.15 and 0.3 s, ten minutes at a load of 10 on two cores had gaps."""
NO_DEVICE = "no sound device"
_SETTLE_S = 2.5
_SILENT_FOR_S = 3.0  # a device whose callback stays away longer than this is lost


class OutputError(Exception):
    """A device that cannot be opened; the reason in words."""


class AudioOutput(Protocol):
    """Something that asks for frames at a steady rate.

    Attributes
    ----------
    name : str
        Device, for people to read.
    rate_hz : int
        Rate at which it takes frames.
    silent : bool
        Whether nothing can be heard from it.
    """

    name: str
    rate_hz: int
    silent: bool

    def start(self, fill: Fill) -> None:
        """Begin to ask; `fill` gets a buffer (n, 2) and when its first frame sounds."""

    def alive(self) -> bool:
        """Whether it still asks."""

    def close(self) -> None:
        """Stop asking and release the device."""


class ClockOutput:
    """No device: frames are taken as the clock goes, and nobody hears them."""

    silent = True

    def __init__(self, clock: Clock, rate_hz: int = 44_100) -> None:
        self.name = NO_DEVICE
        self.rate_hz = rate_hz
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, fill: Fill) -> None:
        """Take frames every 20 ms."""
        self._thread = threading.Thread(
            target=self._run, args=(fill,), name="music-clock", daemon=True
        )
        self._thread.start()

    def _run(self, fill: Fill) -> None:
        buffer = np.zeros((self.rate_hz // 5, 2), dtype=np.float32)
        begun, taken = time.monotonic(), 0
        while not self._stop.wait(0.02):
            due = int((time.monotonic() - begun) * self.rate_hz) - taken
            while due > 0:
                n = min(due, len(buffer))
                fill(buffer[:n], self._clock() - due / self.rate_hz)
                taken += n
                due -= n

    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)


class DeviceOutput:
    """A device through PortAudio.

    Parameters
    ----------
    device : str, optional
        Part of its name (upper or lower case); the system's default if empty.
    clock : callable
        The clock on which the time of a frame is told.
    rate_hz : int, optional
        Rate that is needed; the device's own by default.
    trusting : bool
        Whether to play though the device's word on its delay does not settle.

    Raises
    ------
    OutputError
        If PortAudio or the device is not there.
    """

    silent = False

    def __init__(
        self, device: str, clock: Clock, rate_hz: int | None = None, *, trusting: bool = True
    ) -> None:
        sounddevice = _sounddevice()
        try:
            info = _find(sounddevice, device)
            self.rate_hz = int(rate_hz or info["default_samplerate"])
            self.name = str(info["name"])
            with preferred_threads():
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
        # Until a sound server has played what it was first given, it guesses its delay: wrong by
        # 42 ms in a measured case. And what it then learns of its clock may be off by a percent
        # where it was disturbed: its word moves by 5 to 50 ms in the seconds that follow, and needs
        # half a minute to come back. So nothing is played until its word is steady.
        self._trusting = trusting
        self._first_heard = int(float(self._stream.latency) * self.rate_hz)
        self._settle_at_most = self._first_heard + int(_SETTLE_S * self.rate_hz)
        self._settled = False
        self.doubtful = False
        self.underflows = 0

    def _callback(self, out: NDArray[np.float32], n: int, times: Any, status: Any) -> None:
        self._called = time.monotonic()
        if status.output_underflow:
            self.underflows += 1
            self._frame_time.forget()
        frame, self._frames = self._frames, self._frames + n
        if self._fill is None or frame < self._first_heard:
            out.fill(0.0)
            return
        heard_at = self._frame_time(times.currentTime, times.outputBufferDacTime, frame)
        self._settled = self._settled or self._frame_time.steady
        self.doubtful = not self._settled and frame > self._settle_at_most
        if self._settled or (self.doubtful and self._trusting):
            self._fill(out, heard_at)
        else:
            out.fill(0.0)

    def start(self, fill: Fill) -> None:
        """Begin to ask for frames."""
        self._fill = fill
        self._called = time.monotonic()
        try:
            with preferred_threads():
                self._stream.start()
        except self._portaudio_error as error:
            raise OutputError(str(error).splitlines()[0]) from None

    def alive(self) -> bool:
        """Say whether the device asked lately; an overloaded machine may be a second late."""
        return bool(self._stream.active) and time.monotonic() - self._called < _SILENT_FOR_S

    def close(self) -> None:
        """Stop at once and release; a device that is gone may refuse, which is no matter."""
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
        raise OutputError(f"no sound device '{name}'; there are: {names}")
    return dict(sounddevice.query_devices(kind="output"))


def devices() -> list[str]:
    """Return the names of devices that can play; none where PortAudio is missing."""
    try:
        found = _sounddevice().query_devices()
    except OutputError:
        return []
    return [str(d["name"]) for d in found if d["max_output_channels"] >= 2]


def surroundings() -> tuple[tuple[int, int] | None, ...] | None:
    """Return what changes when sound devices or servers come or go; None where nothing tells."""
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


def look_again() -> None:
    """Let PortAudio see devices that came or went; only while no stream is open.

    To be called sparingly: on Linux it loads and unloads ALSA's plug-ins, and a library of one of
    them keeps 12 kB each time (libpixman 0.42, by way of libavcodec).
    """
    try:
        sounddevice = _sounddevice()
    except OutputError:
        return
    try:
        sounddevice._terminate()
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        log.debug("PortAudio would not look again: %s", error)
