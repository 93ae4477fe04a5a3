"""Headset that the window connects: a bridge in a process of its own, watched and restarted."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Queue
from typing import IO, TYPE_CHECKING

from bci_affect.gui import HeadsetStatus
from bci_affect.streams import ConnectionState

if TYPE_CHECKING:
    from bci_affect.streams import BoardSettings, ScanResult

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "bci_affect", "bridge")
HANG_S = 30.0
"""Seconds without a line after which the bridge is killed; connecting takes up to 20 s."""
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 30.0
END_S = 8.0
INSTALL = "pip install 'bci_affect[headset]'"


class Headsets:
    """`HeadsetService` of the window: search, and one connected headset at a time.

    Parameters
    ----------
    command : sequence of str
        Command of the bridge.
    hang_s : float
        Seconds without a sign of life after which a bridge is restarted.
    """

    def __init__(self, command: Sequence[str] = COMMAND, hang_s: float = HANG_S) -> None:
        self._command, self._hang_s = tuple(command), hang_s
        self._link: _Link | None = None

    def missing(self) -> str:
        """Return what has to be installed first, or ""."""
        absent = [
            package
            for package, module in (
                ("brainflow", "brainflow"),
                ("bleak", "bleak"),
                ("pyserial", "serial"),
            )
            if importlib.util.find_spec(module) is None
        ]
        return ", ".join(absent)

    def install_command(self) -> str:
        """Return the command that installs what is missing."""
        quoted = f'"{sys.executable}"' if " " in sys.executable else sys.executable
        return f"{quoted} -m {INSTALL}"

    def boards(self) -> list[str]:
        """Return the names of all boards of BrainFlow."""
        from bci_affect.streams import board_names

        return board_names()

    def scan(self) -> ScanResult:
        """Search over Bluetooth and at serial ports (slow)."""
        from bci_affect.streams import scan_devices

        return scan_devices()

    def connect(self, settings: BoardSettings) -> str:
        """Start to connect a headset, in place of the present one; return its source id (slow)."""
        from bci_affect.streams import board_source_id

        self.close()
        self._link = _Link(settings, board_source_id(settings), self._command, self._hang_s)
        return self._link.source_id

    def status(self) -> HeadsetStatus | None:
        """Return the state of the headset; None without one."""
        link = self._link
        return None if link is None else link.status

    def close(self) -> None:
        """Disconnect the headset (slow)."""
        link, self._link = self._link, None
        if link is not None:
            link.close()


class _Link:
    """Bridge process of one headset, and the thread that watches it.

    The process ends with this one, since it reads the other end of a pipe. It is restarted if it
    dies or hangs; the first connection alone may be refused.
    """

    def __init__(
        self, settings: BoardSettings, source_id: str, command: Sequence[str], hang_s: float
    ) -> None:
        self.source_id = source_id
        self.status = HeadsetStatus(
            name=settings.board,
            source_id=source_id,
            state=ConnectionState.CONNECTING,
            reason=f"Connecting to the board '{settings.board}'.",
        )
        self._command = [*command, *_arguments(settings), "--json", "--with-parent"]
        self._hang_s = hang_s
        self._ever_sent = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bci-headset", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the bridge; returns once the headset is disconnected."""
        self._stop.set()
        self._thread.join(END_S + 2.0)

    def _run(self) -> None:
        pause = FIRST_RESTART_S
        while not self._stop.is_set():
            began = time.monotonic()
            problem = self._run_once()
            if self._stop.is_set():
                break
            if not self._ever_sent:
                self._set(state=ConnectionState.STOPPED, reason=problem)
                return
            if time.monotonic() - began > LONGEST_RESTART_S:
                pause = FIRST_RESTART_S
            logger.warning("The bridge of the headset ended: %s", problem)
            self._set(
                state=ConnectionState.RECONNECTING,
                reason=f"The connection's program ended ({problem}) and is started again.",
            )
            self._stop.wait(pause)
            pause = min(2.0 * pause, LONGEST_RESTART_S)
        self._set(state=ConnectionState.STOPPED, reason="")

    def _run_once(self) -> str:
        """Run the bridge until it ends; return the reason."""
        command = [*self._command, *(["--keep-trying"] if self._ever_sent else [])]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C ends this program, which then disconnects it
            )
        except OSError as error:
            return f"it cannot be started: {error}"
        assert process.stdout is not None
        assert process.stderr is not None
        lines: Queue[str | None] = Queue()
        errors: Queue[str | None] = Queue()
        for stream, into in ((process.stdout, lines), (process.stderr, errors)):
            threading.Thread(
                target=_copy, args=(stream, into), name="bci-headset-read", daemon=True
            ).start()
        reason = self._follow(lines)
        self._end(process)
        if reason:
            return reason
        said = _last(errors).removeprefix("bci-affect: ")
        if process.returncode < 0:
            return said or "it was ended by the system"
        return said or f"exit status {process.returncode}"

    def _follow(self, lines: Queue[str | None]) -> str:
        """Apply the state from the bridge's lines until they end; return why it is killed."""
        heard_at = time.monotonic()
        while not self._stop.is_set():
            try:
                line = lines.get(timeout=0.1)
            except Empty:
                if time.monotonic() - heard_at > self._hang_s:
                    return f"no sign of life for {self._hang_s:.0f} s"
                continue
            if line is None:
                return ""
            heard_at = time.monotonic()
            self._take(line)
        return ""

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
            state, reason = ConnectionState(said["state"]), str(said["reason"])
            battery = said["battery"]
            missed = said["missed"]
        except (ValueError, KeyError, TypeError):
            return
        if state is ConnectionState.STOPPED:  # the end of the process follows, with its own reason
            return
        self._ever_sent = self._ever_sent or state is ConnectionState.STREAMING
        self._set(
            state=state,
            reason=reason,
            battery=math.nan if battery is None else float(battery),
            missed=math.nan if missed is None else float(missed),
        )

    def _end(self, process: subprocess.Popen[str]) -> None:
        """End a process that may hang, and wait for it."""
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(END_S if self._stop.is_set() else 1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _set(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]


def _arguments(settings: BoardSettings) -> list[str]:
    """Return the arguments of `bridge` for these settings."""
    pairs = {
        "--board": settings.board,
        "--serial-port": settings.serial_port,
        "--mac": settings.mac_address,
        "--serial-number": settings.serial_number,
        "--ip": settings.ip_address,
        "--ip-port": str(settings.ip_port or ""),
        "--file": settings.file,
        "--master": settings.master,
        "--labels": ",".join(settings.labels),
        "--config": settings.configuration,
    }
    return [part for name, value in pairs.items() if value for part in (name, value)]


def _copy(stream: IO[str], into: Queue[str | None]) -> None:
    """Copy the lines of a stream, then None."""
    with stream, suppress(OSError, ValueError):
        for line in stream:
            into.put(line.strip())
    into.put(None)


def _last(lines: Queue[str | None]) -> str:
    """Return the last line until the end of a stream."""
    last = ""
    while True:
        try:
            line = lines.get(timeout=1.0)
        except Empty:
            return last
        if line is None:
            return last
        last = line or last
