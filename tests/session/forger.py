"""Another process: publishes markers in the form of a session's events until its input closes.

Run as ``python -m tests.session.forger``. One stream is of another program, one has the name of the
event stream and a foreign source id, and one is of a second session on the network.
"""

from __future__ import annotations

import sys
import threading

import pylsl

from bci_affect.events import (
    CalibrationStop,
    SelfReport,
    SessionPause,
    TrackStart,
    TrackStop,
    encode,
)

FORGED = (
    TrackStart(track="forged", valence=1.0, arousal=1.0),
    SelfReport(1, 9),
    SessionPause(),
    CalibrationStop(),
    TrackStop(),
)
STREAMS = (
    ("Other program", "Markers", "other"),
    ("bci_affect.events", "Markers", "another"),
    ("bci_affect.events", "Markers", "bci_affect-0123456789ab-events"),
)


def main() -> None:
    outlets = [
        pylsl.StreamOutlet(pylsl.StreamInfo(name, kind, 1, 0.0, "string", source))
        for name, kind, source in STREAMS
    ]
    done = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        done.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    print("publishing", flush=True)
    while not done.wait(0.5):
        for outlet in outlets:
            for event in FORGED:
                outlet.push_sample([encode(event)])


if __name__ == "__main__":
    main()
