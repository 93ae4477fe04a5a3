"""Streams of signals that are not EEG: ``python -m tests.bad_input.signal_publisher NAME ...``."""

from __future__ import annotations

import sys
import time

import numpy as np
import pylsl

from benchmarks.other_signals import MONTAGES, RATE_HZ, make_signal


def main() -> None:
    outlets = {}
    for name in sys.argv[1:]:
        info = pylsl.StreamInfo(name, "EEG", 4, RATE_HZ, pylsl.cf_float32, f"id {name}")
        channels = info.desc().append_child("channels")
        for label in MONTAGES["4"]:
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", "microvolts")
        samples = make_signal(name, MONTAGES["4"], 120.0).T.astype(np.float32)
        outlets[name] = pylsl.StreamOutlet(info), samples
    start, sent = pylsl.local_clock(), 0
    while sent < 120 * RATE_HZ:
        due = round((pylsl.local_clock() - start) * RATE_HZ)
        if due > sent:
            for outlet, samples in outlets.values():
                outlet.push_chunk(samples[sent:due], start + due / RATE_HZ)
            sent = due
        time.sleep(0.02)


if __name__ == "__main__":
    main()
