"""Numeric marker streams in a process of their own.

Every half second each of them sends the next of 1, 2, 3, ... ; the stream of double64 has two
channels. A regular stream of codes holds each for 50 samples.
"""

from __future__ import annotations

import sys
import time

import pylsl

FORMATS = ("int8", "int16", "int32", "int64", "float32", "double64")


def main() -> None:
    seconds = float(sys.argv[1])
    outlets = []
    for fmt in FORMATS:
        channels = 2 if fmt == "double64" else 1
        info = pylsl.StreamInfo(f"Marks-{fmt}", "Markers", channels, 0, fmt, f"marks-{fmt}")
        outlets.append((pylsl.StreamOutlet(info), channels))
    codes = pylsl.StreamOutlet(pylsl.StreamInfo("Codes", "Trigger", 1, 100, "int32", "codes"))
    start = pylsl.local_clock()
    sent = pushed = 0
    while (passed := pylsl.local_clock() - start) < seconds:
        if passed > 0.5 * (sent + 1):
            sent += 1
            for outlet, channels in outlets:
                outlet.push_sample([sent, 9][:channels])
        while pushed < 100 * passed:
            codes.push_sample([1 + pushed // 100 if pushed % 100 < 50 else 0])
            pushed += 1
        time.sleep(0.01)


if __name__ == "__main__":
    main()
