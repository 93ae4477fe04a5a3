"""Session of the soak test: a real session in the real window, with faults injected from inside.

``soak.py`` starts it. Standard input accepts one JSON object per line: ``do`` is ``slow`` or
``freeze`` (with ``seconds``), ``audio`` or ``record``; the end of input ends the session. Standard
output emits the session's status once per second. Unhandled exceptions of every thread and log
records with a traceback are counted.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any

SCREEN_TICK_MS = 100
SLOW_DRAW_S = 0.4


class Uncaught(logging.Handler):
    """Log handler that collects unhandled exceptions and logged tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []
        threading.excepthook = lambda args: self.note(args.exc_type, args.exc_value, "thread")
        sys.unraisablehook = lambda args: self.note(args.exc_type, args.exc_value, "destructor")

    def emit(self, record: logging.LogRecord) -> None:
        """Store a log record if it has a traceback."""
        if record.exc_info:
            lines = "".join(traceback.format_exception(*record.exc_info))
            self.found.append(f"{record.getMessage()}: {lines[-600:]}")

    def note(self, kind: type[BaseException], error: BaseException | None, where: str) -> None:
        """Store an exception that reached a hook."""
        self.found.append(f"{where}: {kind.__name__}: {error}")


class Hand:
    """Faults of the environment, injected into the running session."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.slow_until = 0.0
        self.freeze_s = 0.0
        self.quit = False

    def obey(self) -> None:
        """Execute commands until the end of standard input, which ends the session."""
        for line in sys.stdin:
            command = json.loads(line)
            what = command["do"]
            if what == "slow":
                self.slow_until = time.monotonic() + command["seconds"]
            elif what == "freeze":
                self.freeze_s = command["seconds"]
            elif what == "audio":
                self._lose_audio()
            elif what == "record":
                self.session.start_recording()
        self.quit = True

    def _lose_audio(self) -> None:
        """Close the player's output, like an unplugged device."""
        parts = self.session._music._parts
        if parts is not None:
            parts.player._speaker.close()

    def screen(self, close: Any) -> None:
        """Delay the window's thread as requested, or close the window; called by that thread."""
        if self.freeze_s:
            wait, self.freeze_s = self.freeze_s, 0.0
            time.sleep(wait)
        if time.monotonic() < self.slow_until:
            time.sleep(SLOW_DRAW_S)
        if self.quit:
            close()


def status(session: Any, uncaught: Uncaught, since: float) -> dict[str, Any]:
    """Return the session's status as plain values, with its latencies after `since`."""
    from bci_affect.music.player.output import NO_DEVICE

    snapshot = session.snapshot()
    health, recording = snapshot.stream.health, snapshot.recording
    player = snapshot.music.player if snapshot.music else None
    return {
        "state": str(health.state),
        "reason": health.reason,
        "received": health.received,
        "lost": health.lost,
        "late": health.late,
        "latencies": [pair for pair in session.latencies_ms().T.tolist() if pair[0] > since],
        "recording": recording.path if recording else "",
        "recording_error": recording.error if recording else "",
        "recording_active": bool(recording and recording.active),
        "playing": bool(player and player.playing),
        "silent": player is None or player.device == NO_DEVICE,
        "track": player.track_id if player else None,
        "position_s": player.position_s if player else 0.0,
        "estimate": str(snapshot.affect.estimate.state) if snapshot.affect.estimate else "",
        "messages": [f"{m.level}: {m.text}" for m in snapshot.messages],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "uncaught": uncaught.found,
    }


def main() -> None:
    """Run a session in the window until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--estimates", type=Path, required=True)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    uncaught = Uncaught()
    logging.getLogger().addHandler(uncaught)

    from pyqtgraph.Qt import QtCore, QtWidgets

    from bci_affect.app.demo import demo_library
    from bci_affect.app.run import window_services
    from bci_affect.gui import run_window
    from bci_affect.gui.app import application
    from bci_affect.resources import user_home
    from bci_affect.session import SessionOptions, build_session, load_predictor
    from bci_affect.streams import LslSource

    music = demo_library(user_home() / "demo")
    options = SessionOptions(
        library=music.library,
        bring_in=music.bring_in,
        record_dir=wanted.record,
        estimates=wanted.estimates,
    )
    predictor = load_predictor(None)
    source = LslSource(source_id=wanted.source_id)
    session = build_session(source, options, predictor)
    session.start(60.0, record=True)
    hand = Hand(session)
    obeying = threading.Thread(target=hand.obey, name="soak-hand", daemon=True)
    obeying.start()
    done = threading.Event()

    told = -math.inf

    def tell_once() -> None:
        nonlocal told
        now = status(session, uncaught, told)
        told = max([told, *(moment for moment, _ in now["latencies"])])
        print(json.dumps(now), flush=True)

    def tell() -> None:
        while not done.wait(1.0):
            tell_once()

    teller = threading.Thread(target=tell, name="soak-status")
    teller.start()
    app = application()

    def close() -> None:
        timer.stop()
        for window in QtWidgets.QApplication.topLevelWidgets():
            if hasattr(window, "end_and_close"):
                window.end_and_close()

    timer = QtCore.QTimer(app)
    timer.timeout.connect(lambda: hand.screen(close))
    timer.start(SCREEN_TICK_MS)
    try:
        with ExitStack() as stack:
            stack.callback(session.stop)
            run_window(
                session, services=window_services(session, options, predictor, stack, source)
            )
    finally:
        done.set()
        teller.join()
    obeying.join()
    tell_once()


if __name__ == "__main__":
    main()
