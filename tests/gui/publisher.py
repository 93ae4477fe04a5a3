"""Another process: publishes a simulated headset over LSL until its standard input closes.

Run as ``python -m tests.gui.publisher SOURCE_ID``; prints one line once it streams. What it sends
is the program's own simulator, so that tests need no recording; the last channel counts samples.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pylsl

from bci_affect.eeg import make_montage
from bci_affect.simulation.simulator import EegSimulator, SimulatedPerson

RATE = 250.0
NAMES = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")


def main() -> None:
    source_id = sys.argv[1]
    info = pylsl.StreamInfo("Test cap", "EEG", len(NAMES) + 1, RATE, "float32", source_id)
    channels = info.desc().append_child("channels")
    for name in NAMES:
        channel = channels.append_child("channel")
        channel.append_child_value("label", name)
        channel.append_child_value("unit", "microvolts")
        channel.append_child_value("type", "EEG")
    counter = channels.append_child("channel")
    counter.append_child_value("label", "COUNT")
    counter.append_child_value("type", "MISC")
    outlet = pylsl.StreamOutlet(info)
    simulator = EegSimulator(
        NAMES, make_montage(NAMES).positions, RATE, SimulatedPerson.draw(4), seed=1
    )
    done = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        done.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    print("streaming", flush=True)
    start, sent = time.monotonic(), 0
    while not done.is_set():
        due = int((time.monotonic() - start) * RATE) - sent
        if due > 0:
            block = simulator.block(due, valence=0.5, arousal=-0.2)
            stamp = pylsl.local_clock()
            rows = np.vstack([block, sent + np.arange(due)])
            outlet.push_chunk(np.ascontiguousarray(rows.T, dtype=np.float32), stamp)
            sent += due
        done.wait(0.02)


if __name__ == "__main__":
    main()
