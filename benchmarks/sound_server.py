"""Private sound server with a null sink, for the soak test and other tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from bci_affect.music.player.priority import raised_priority

SINK = "bci_null"
RATE_HZ = 44_100


def unavailable() -> str:
    """Return the reason why this machine cannot run one; empty if it can."""
    for program in ("pulseaudio", "parec"):
        if shutil.which(program) is None:
            return f"no null sink: {program} is not installed (apt install pulseaudio-utils)"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "no null sink: PortAudio is not installed (apt install libportaudio2)"
    return ""


class SoundServer:
    """PulseAudio with a null sink; a context manager that runs it.

    Parameters
    ----------
    folder : Path
        Folder for its socket and settings.

    Attributes
    ----------
    env : dict
        Environment in which programs connect to it.
    """

    def __init__(self, folder: Path) -> None:
        self._runtime = folder / "xdg"
        self._runtime.mkdir(mode=0o700, exist_ok=True)
        self.env = os.environ | {"XDG_RUNTIME_DIR": str(self._runtime), "HOME": str(folder)}
        self.env.pop("PULSE_SERVER", None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server; raise `OSError` if it does not start."""
        socket = self._runtime / "pulse" / "native"
        socket.unlink(missing_ok=True)  # left by a killed server
        with raised_priority():  # a starved sound server reports wrong delays
            self._process = subprocess.Popen(
                [
                    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1",
                    "--disallow-exit=1", "-L", "module-native-protocol-unix",
                    "-L",
                    f"module-null-sink sink_name={SINK} rate={RATE_HZ} channels=2 norewinds=1",
                    "-L", "module-always-sink",
                ],
                env=self.env,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        until = time.monotonic() + 15
        while not socket.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise OSError("the sound server did not start")
            time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server, with SIGKILL if `kill`."""
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(10)

    def __enter__(self) -> SoundServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
