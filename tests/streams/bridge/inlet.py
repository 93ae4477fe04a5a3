"""Receiver in another process: reads one stream until its input ends, then prints what came."""

from __future__ import annotations

import json
import sys
import threading

from bci_affect.streams import LslSource


def main():
    source_id, kind = sys.argv[1:3]
    source = LslSource(source_id=source_id, type=kind)
    source.open(60.0)
    print("open", flush=True)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    numbers, times, states = [], [], []
    quiet = 0
    while not ended.is_set() or quiet < 5:
        chunk = source.read(0.05)
        quiet = quiet + 1 if chunk is None else 0
        if chunk is not None:
            numbers += chunk.samples[0].tolist()
            times += chunk.times.tolist()
        health = source.health
        if not states or states[-1] != [health.state, health.reason]:
            states.append([health.state, health.reason])
    rate_hz = source.info.rate_hz
    source.close()
    print(json.dumps([numbers, times, states, rate_hz, list(source.info.labels)]), flush=True)


if __name__ == "__main__":
    main()
