"""Soak test: a complete live session under injected faults.

    python benchmarks/soak.py --seconds 3600 --seed 1 --report docs/reliability.md

A simulated headset (32 channels at 256 Hz, numbered samples) publishes in one process. The session
runs in another: window (offscreen without a display), music (to its own sound server if PulseAudio
is installed), recording, publishing. This process injects faults on a seeded schedule, reads the
session's estimates over LSL like any other program, monitors its memory, threads and files, and
compares the recordings with the headset's log sample by sample. It prints one JSON document; the
exit status is 1 if a criterion is missed. Memory growth and latency drift are criteria in runs of
20 minutes or more and only reported in shorter ones. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bci_affect.app.benchmarks.machine import ControlLoop, StealMonitor  # noqa: E402
from bci_affect.streams import write_lsl_config  # noqa: E402
from benchmarks.soak_disk import SmallDisk  # noqa: E402
from benchmarks.soak_headset import COUNTER, RATE_HZ  # noqa: E402
from benchmarks.soak_judge import judge, machine, write_report  # noqa: E402
from benchmarks.sound_server import SoundServer, unavailable  # noqa: E402

SOURCE_ID = "soak-cap"
PATIENCE_S = 60.0
TEMPLATE_S = 60.0


class Watch:
    """Observations of the session from outside, with times on the LSL clock."""

    def __init__(self, session: subprocess.Popen[str], clock: Callable[[], float]) -> None:
        self.session, self.clock = session, clock
        self.began = clock()
        self.statuses: list[tuple[float, dict[str, Any]]] = []
        # time, RSS, threads, fds, CPU, load
        self.process: list[tuple[float, int, int, int, float, float]] = []
        self.estimates: list[tuple[float, float]] = []  # when received, stamp
        self.within: list[tuple[float, float]] = []  # when estimated, latency in ms
        self.stolen, self.control = StealMonitor(), ControlLoop()
        self.messages: list[tuple[float, str]] = []
        self._said: set[str] = set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run) for run in (self._read, self._look, self._listen)
        ]

    def start(self) -> None:
        """Start observing."""
        self.control.start()
        self.stolen.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; the session's output must have ended before."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.stolen.stop()
        self.control.stop()

    @property
    def now(self) -> dict[str, Any]:
        """Latest status of the session; empty before the first."""
        return self.statuses[-1][1] if self.statuses else {}

    def wait(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float) -> float:
        """Wait until a future status meets a condition; return seconds, or infinity on timeout."""
        began, seen = time.monotonic(), len(self.statuses)
        while time.monotonic() - began < timeout_s:
            if any(condition(status) for _, status in self.statuses[seen:]):
                return time.monotonic() - began
            if self.session.poll() is not None:
                raise RuntimeError(f"the session ended unexpectedly ({self.session.returncode})")
            time.sleep(0.1)
        return float("inf")

    def _read(self) -> None:
        assert self.session.stdout is not None
        for line in self.session.stdout:
            status = json.loads(line)
            now = self.clock()
            self.within += [(when, ms) for when, ms in status.pop("latencies")]
            for text in status.pop("messages"):
                if text not in self._said:
                    self._said.add(text)
                    self.messages.append((now, text))
            self.statuses.append((now, status))

    def _look(self) -> None:
        proc = Path(f"/proc/{self.session.pid}")
        while not self._stop.wait(1.0):
            try:
                rss = 4096 * int((proc / "statm").read_text().split()[1])
                fields = (proc / "stat").read_text().rpartition(")")[2].split()
                cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                fds = len(list((proc / "fd").iterdir()))
                seen = (self.clock(), rss, int(fields[17]), fds, cpu, os.getloadavg()[0])
                self.process.append(seen)
            except (OSError, IndexError):
                return

    def _listen(self) -> None:
        import pylsl

        while not self._stop.is_set():
            found = pylsl.resolve_byprop("name", "bci_affect.estimate", timeout=1.0)
            if not found:
                continue
            inlet = pylsl.StreamInlet(found[0], recover=False)
            try:
                while not self._stop.is_set():
                    _, stamp = inlet.pull_sample(timeout=0.5)
                    if stamp is not None:
                        self.estimates.append((self.clock(), stamp))
            except RuntimeError:
                continue


class Soak:
    """Headset, session, and the faults injected into them."""

    def __init__(
        self,
        folder: Path,
        seconds: float,
        seed: int,
        disk: SmallDisk,
        sound: SoundServer | None = None,
    ) -> None:
        import pylsl

        self.clock: Callable[[], float] = pylsl.local_clock
        self.folder, self.seconds, self.disk, self.sound = folder, seconds, disk, sound
        self.rng = np.random.default_rng(seed)
        self.length = min(1.0, seconds / 600.0)  # faults are shorter in a short run
        self.faults: list[dict[str, Any]] = []
        self.machine = machine()
        self.log = folder / "headset.log"
        self.template, self.labels = self._template()
        self.base = self.clock()
        self.headset: subprocess.Popen[str] | None = None
        self.switch_on()
        self.session = subprocess.Popen(
            [
                *(sys.executable, str(HERE / "soak_session.py"), "--source-id", SOURCE_ID),
                *("--record", str(disk.folder), "--estimates", str(folder / "estimates.csv")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "session.log").open("w"),
            text=True,
            env=sound.env if sound else None,
        )
        self.watch = Watch(self.session, self.clock)

    def _template(self) -> tuple[Path, tuple[str, ...]]:
        from bci_affect.eeg import CAPS
        from bci_affect.simulation.session import SessionPlan, SimulatedSession

        plan = SessionPlan(seconds=TEMPLATE_S, channels=CAPS["cap32"], rate_hz=RATE_HZ)
        path = self.folder / "template.npy"
        np.save(path, np.concatenate([block.samples for block in SimulatedSession(plan).blocks()]))
        return path, plan.channels

    def switch_on(self, rate_hz: float = RATE_HZ) -> None:
        """Start the headset."""
        log = self.log if rate_hz == RATE_HZ else self.folder / "other-rate.log"
        self.headset = subprocess.Popen(
            [
                *(sys.executable, str(HERE / "soak_headset.py"), SOURCE_ID, str(rate_hz)),
                *(repr(self.base), str(self.template), ",".join(self.labels), str(log)),
            ],
            stdin=subprocess.PIPE,
            text=True,
        )

    def switch_off(self) -> None:
        """Kill the headset."""
        if self.headset is not None:
            self.headset.kill()
            self.headset.communicate()

    def tell(self, process: subprocess.Popen[str] | None, line: str) -> None:
        """Send a command."""
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def run(self, *, calm: bool = False) -> int:
        """Run the schedule, without faults if `calm`; return the session's exit status."""
        self.watch.start()
        try:
            if self.watch.wait(lambda s: s["estimate"] == "ok", 2 * PATIENCE_S) == float("inf"):
                raise RuntimeError("the session gave no estimate")
            self.watch.wait(lambda s: s["playing"], PATIENCE_S)
            self.began = self.clock()
            quiet = 0.1 * self.seconds if self.seconds >= 600 else 2.0
            for at, kind in [] if calm else self.schedule(quiet, self.seconds - quiet):
                time.sleep(max(0.0, self.began + at - self.clock()))
                self.fault(kind)
            time.sleep(max(0.0, self.began + self.seconds - self.clock()))
        finally:
            self.ended = self.clock()
            assert self.session.stdin is not None
            self.session.stdin.close()
            try:
                status = self.session.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.session.kill()
                status = self.session.wait()
            self.switch_off()
            self.watch.stop()
        return status

    def schedule(self, start: float, stop: float) -> list[tuple[float, str]]:
        """Return every kind of fault once per round, in random order, about 45 s apart."""
        rounds = max(1, round((stop - start) / (45.0 * len(self.KINDS))))
        kinds = [str(k) for _ in range(rounds) for k in self.rng.permutation(list(self.KINDS))]
        step = (stop - start) / len(kinds)
        times = start + step * (np.arange(len(kinds)) + self.rng.uniform(0, 0.2, len(kinds)))
        return list(zip(times.tolist(), kinds, strict=True))

    def fault(self, kind: str) -> None:
        """Inject one fault and record the recovery time of the session."""
        at = self.clock()
        seen = self.KINDS[kind](self)
        over = self.clock()
        well = self.watch.wait(
            lambda s: s["state"] == "streaming" and s["recording_active"], PATIENCE_S
        )
        self.faults.append(
            {"kind": kind, "at_s": at - self.began, "seconds": over - at, "seen": seen}
            | {"well_after_s": well, "begin": at, "end": over + min(well, PATIENCE_S)}
        )
        print(json.dumps(self.faults[-1]), file=sys.stderr, flush=True)

    # -- faults: each returns what the session displayed ------------------------------------------

    def _away(self, least: float, most: float) -> None:
        time.sleep(float(self.rng.uniform(least, most)) * max(self.length, 0.2))

    def outlet_killed(self) -> str:
        """Switch the headset off and on again."""
        self.switch_off()
        shown = self.watch.wait(lambda s: s["state"] in ("lost", "stalled"), PATIENCE_S)
        self._away(2, 20)
        self.switch_on()
        return f"displayed after {shown:.1f} s"

    def outlet_paused(self) -> str:
        """Suspend the headset, which then sends its buffered samples."""
        assert self.headset is not None
        self.headset.send_signal(signal.SIGSTOP)
        shown = self.watch.wait(lambda s: s["state"] in ("lost", "stalled"), PATIENCE_S)
        self._away(1, 10)
        self.headset.send_signal(signal.SIGCONT)
        return f"displayed after {shown:.1f} s"

    def rate_changed(self) -> str:
        """Restart the headset at another rate, then at its own."""
        self.switch_off()
        self.switch_on(RATE_HZ / 2)
        self.watch.wait(lambda s: "Hz instead of" in s["reason"], PATIENCE_S)
        reason = str(self.watch.now["reason"])
        self.switch_off()
        self.switch_on()
        return reason

    def nan_burst(self) -> str:
        """Send NaN on four electrodes."""
        seconds = float(self.rng.uniform(0.5, 3.0))
        self.tell(self.headset, f"nan {seconds}")
        shown = self.watch.wait(lambda s: s["estimate"] != "ok", 3.0)
        time.sleep(seconds)
        return "estimates held" if shown < np.inf else "electrodes masked"

    def clock_reset(self) -> str:
        """Set the headset's clock without losing samples."""
        jump = float(self.rng.choice([-3000.0, -100.0, 7200.0, 250_000.0]))
        self.tell(self.headset, f"clock {jump}")
        time.sleep(2.0)
        return f"{jump:+g} s"

    def audio_gone(self) -> str:
        """Kill the player's sound server and restart it.

        Without a server the session closes its own output, like an unplugged device.
        """
        if self.sound is None:
            self.tell(self.session, json.dumps({"do": "audio"}))
            time.sleep(2.0)
        else:
            self.sound.stop(kill=True)
            self.watch.wait(lambda s: s["silent"], PATIENCE_S)
        before = (self.watch.now["track"], self.watch.now["position_s"])
        moved = self.watch.wait(
            lambda s: s["playing"] and (s["track"], s["position_s"]) != before, PATIENCE_S
        )
        if self.sound is None:
            return f"music continued after {moved:.1f} s"
        self._away(1, 5)
        self.sound.start()
        back = self.watch.wait(lambda s: not s["silent"], PATIENCE_S)
        return f"silent playback after {moved:.1f} s; sound {back:.1f} s after the server returned"

    def disk_full(self) -> str:
        """Fill the disk, free it again, and start a new recording."""
        self.disk.fill(self.session.pid, self.watch.now["recording"])
        self.watch.wait(lambda s: s["recording_error"] != "", PATIENCE_S)
        error = str(self.watch.now["recording_error"]).replace(str(self.disk.folder), "")
        self._away(1, 5)
        self.disk.empty(self.session.pid)
        self.tell(self.session, json.dumps({"do": "record"}))
        return error

    def slow_screen(self) -> str:
        """Slow down every frame, and freeze the window once."""
        seconds = 20.0 * max(self.length, 0.2)
        self.tell(self.session, json.dumps({"do": "slow", "seconds": seconds}))
        self.tell(self.session, json.dumps({"do": "freeze", "seconds": seconds / 4}))
        time.sleep(1.25 * seconds)
        return f"{seconds:.0f} s at 2 frames per second after {seconds / 4:.0f} s without frames"

    KINDS: ClassVar[dict[str, Callable[[Soak], str]]] = {
        "outlet killed": outlet_killed,
        "outlet paused": outlet_paused,
        "rate changed": rate_changed,
        "NaN burst": nan_burst,
        "clock reset": clock_reset,
        "audio gone": audio_gone,
        "disk full": disk_full,
        "slow screen": slow_screen,
    }


def main() -> int:
    """Run the soak test and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--calm", action="store_true", help="no faults: measure the cost of a session"
    )
    parser.add_argument("--report", type=Path, help="write the report here (Markdown)")
    parser.add_argument("--keep", type=Path, help="keep logs and recordings in this new folder")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bci-affect-soak-") as own:
        folder = wanted.keep or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["LSLAPICFG"] = str(write_lsl_config(folder))
        os.environ["BCI_AFFECT_HOME"] = str(folder / "home")
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ["PYTHONPATH"] = str(HERE.parent)
        with ExitStack() as stack:
            disk = stack.enter_context(SmallDisk(folder))
            sound = None if unavailable() else stack.enter_context(SoundServer(folder))
            soak = Soak(folder, wanted.seconds, wanted.seed, disk, sound)
            status = soak.run(calm=wanted.calm)
            result = judge(soak, status, COUNTER)
            if wanted.keep:
                shutil.copytree(disk.folder, folder / "recordings")
                (folder / "statuses.json").write_text(json.dumps(soak.watch.statuses))
    print(json.dumps(result, indent=2))
    if wanted.report:
        write_report(wanted.report, result)
    return int(not all(check["met"] for check in result["checks"]))


if __name__ == "__main__":
    sys.exit(main())
