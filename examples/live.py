"""Print the estimates of a live EEG stream.

Run it next to ``bci-affect simulate stream``, or with a headset: ``python live.py --seconds 60``.
"""

from __future__ import annotations

import argparse

import bci_affect as ba


def main() -> None:
    """Print one line per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", help="name of the LSL stream, if there are several")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with ba.live(arguments.stream) as session:
        shown = 0.0
        for estimate in session.estimates(timeout_s=10.0, duration_s=arguments.seconds):
            if estimate.time - shown >= 1.0:
                shown = estimate.time
                print(estimate)


if __name__ == "__main__":
    main()
