"""Plot the estimates of a recording: ``python replay_and_plot.py session.xdf --out affect.png``."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import bci_affect as ba
from bci_affect.resources import shipped


def main() -> None:
    """Process the recording and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", nargs="?", type=Path, default=shipped("recordings/demo.xdf"))
    parser.add_argument("--out", type=Path, default=Path("affect.png"))
    arguments = parser.parse_args()
    result = ba.process(arguments.recording)
    print(result)
    time = np.array([estimate.time for estimate in result.estimates])
    reading = np.array([estimate.state is ba.State.OK for estimate in result.estimates])
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(9, 4))
    for axis, name in zip(axes, ("valence", "arousal"), strict=True):
        value = np.array([getattr(estimate, name) for estimate in result.estimates])
        axis.plot(time - time[0], np.where(reading, value, np.nan))
        axis.set(ylabel=name, ylim=(-1, 1))
        axis.axhline(0, color="grey", linewidth=0.5)
    axes[-1].set_xlabel("seconds")
    figure.savefig(arguments.out, dpi=80)
    plt.close(figure)
    print(f"Wrote {arguments.out}.")


if __name__ == "__main__":
    main()
