"""Recording session to be killed: ``python -m tests.streams.xdf.recorder_process OUT``.

Records four channels at 250 Hz as they come in pieces of 20 ms, the sample's number in channel 0,
and events; prints the number that has been handed over, once per piece.
"""

import sys
import time

import numpy as np

from bci_affect.streams import Recorder, build_header

recorder = Recorder(sys.argv[1])
recorder.open_stream("eeg", build_header("Cap", "EEG", ["n", "a", "b", "c"], rate_hz=250))
recorder.open_stream("events", build_header("Events", "Markers", ["e"], fmt="string"))
began = time.monotonic()
number = 0
while True:
    due = int((time.monotonic() - began) * 250)
    n = np.arange(number, due)
    number = due
    samples = np.repeat(n[:, None], 4, axis=1).astype(np.float32)
    recorder.samples("eeg", samples, 100 + n / 250)
    recorder.mark("events", f"at {number}", 100 + number / 250)
    print(number, flush=True)
    time.sleep(0.02)
