"""Headset of the soak test: a process that publishes 32 channels at 256 Hz, with faults on demand.

``soak.py`` starts, kills, suspends and restarts it and sends faults on its standard input
(``nan SECONDS``, ``clock SECONDS``), one per line. The EEG repeats a simulated minute. The last
channel contains the sample number, so a receiver can identify missing samples. Every packet is
written to a log of fixed-size records before it is sent; the log survives ``kill -9``.
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
"""Samples per packet: 16 ms."""
RECORD = np.dtype([("first", "<i8"), ("stop", "<i8"), ("sent", "<f8"), ("spoilt", "<i8")])
COUNTER = "COUNTER"


def expected(template: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the EEG (n, n_channels) of samples with these numbers."""
    values: np.ndarray = template[numbers % len(template)]
    return values


class _Faults:
    """Requested faults, read from standard input on a separate thread."""

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
    """Publish until killed; arguments: SOURCE_ID RATE BASE TEMPLATE.npy LABELS LOG."""
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
        # Wait for the time of the packet's last sample: any later delay would count as the
        # session's latency.
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
        # Log before sending: if the headset is killed in between, the log contains a packet that
        # was not sent, like others of its last second. The reverse would be undetectable.
        os.write(log, np.array([(number, due, now, spoilt)], RECORD).tobytes())
        outlet.push_chunk(samples, stamps.tolist())
        number = due


if __name__ == "__main__":
    main()
