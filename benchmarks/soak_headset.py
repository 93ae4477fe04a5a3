"""The headset of the soak: a process that publishes 32 channels at 256 Hz, and can be spoilt.

Started by ``soak.py``, which kills, pauses and restarts it and tells it faults on its standard
input (``nan SECONDS``, ``clock SECONDS``), one per line. The EEG repeats a simulated minute; the
last channel counts the samples, so that whoever receives can prove what is missing. Every piece
that goes out is noted before in a log of fixed-size records, which survives ``kill -9``.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pylsl

RATE_HZ = 256.0
PIECE = 4
"""Samples that are sent together: a device's packet of 16 ms."""
RECORD = np.dtype([("first", "<i8"), ("stop", "<i8"), ("sent", "<f8"), ("spoilt", "<i8")])
COUNTER = "COUNTER"


def expected(template: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the EEG (n, n_channels) that samples of these numbers hold."""
    values: np.ndarray = template[numbers % len(template)]
    return values


class _Faults:
    """What the driver asked for; lines come on a thread of their own."""

    def __init__(self) -> None:
        self.nan_until = -np.inf
        self.clock_s = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            what, value = line.split()
            if what == "nan":
                self.nan_until = pylsl.local_clock() + float(value)
            elif what == "clock":
                self.clock_s += float(value)


def main() -> None:
    """Publish: SOURCE_ID RATE BASE TEMPLATE.npy LABELS LOG; ends when it is killed."""
    source_id, rate, base, template_path, labels, log_path = sys.argv[1:]
    rate_hz, base_s = float(rate), float(base)
    template = np.load(template_path)
    names = [*labels.split(","), COUNTER]
    info = pylsl.StreamInfo("Soak cap", "EEG", len(names), rate_hz, pylsl.cf_float32, source_id)
    channels = info.desc().append_child("channels")
    for name in names:
        channel = channels.append_child("channel")
        channel.append_child_value("label", name)
        channel.append_child_value("unit", "none" if name == COUNTER else "microvolts")
        channel.append_child_value("type", "MISC" if name == COUNTER else "EEG")
    outlet = pylsl.StreamOutlet(info)
    faults = _Faults()
    log = os.open(Path(log_path), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    pause = threading.Event()
    number = int((pylsl.local_clock() - base_s) * rate_hz)
    while True:
        now = pylsl.local_clock()
        # To the moment of the piece's last sample: what a piece waits beyond it would be counted
        # as the session's latency, by its stamp.
        early = base_s + (number + PIECE) / rate_hz - now
        if early > 0:
            pause.wait(early)
            continue
        due = max(number + PIECE, int((now - base_s) * rate_hz))
        n = np.arange(number, due)
        samples = np.column_stack((expected(template, n), n)).astype(np.float32)
        spoilt = now < faults.nan_until
        if spoilt:
            samples[:, :4] = np.nan
        stamps = base_s + faults.clock_s + (n + 1) / rate_hz
        # First the log: a headset that is killed between the two then has noted a piece that it did
        # not send, as others of its last second. The other way round nobody would know of it.
        os.write(log, np.array([(number, due, now, spoilt)], RECORD).tobytes())
        outlet.push_chunk(samples, stamps.tolist())
        number = due


if __name__ == "__main__":
    main()
