"""Contact of the electrodes against the headset's own contact values.

python -m benchmarks.contact FOLDER [--json]

The recordings of FOLDER have a stream ``Horseshoe`` next to the EEG, in which the headset grades
the contact of each electrode (1 good, 2 fair, 4 off). Each second of an electrode is one case;
fair ones are omitted, since they are neither. The figure is the area under the ROC curve of
`Pipeline.contact` (and of the voted quality), with a bootstrap interval over people.

The measure was chosen on every second person, the development half; the figure is that of the other
half. A headset's values can freeze: where all electrodes are off to the recording's end, in
`FROZEN_SHARE` of the samples or more and for more than `FROZEN_S`, the values are omitted, and the
figure with them is given as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, Pipeline
from bci_affect.streams import XdfSource, read_to_end

STREAM = "Horseshoe"
GOOD, OFF = 1, 4
FROZEN_S, FROZEN_SHARE = 60.0, 0.98
LEAST_OFF = 5
"""Fewest seconds off that a person's own figure needs."""
RESAMPLES = 2000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """Seconds of one person: the headset's values, and the program's.

    Attributes
    ----------
    name : str
    headset, contact, quality : ndarray of float64, shape (n_seconds, n_electrodes)
    frozen : ndarray of bool, shape (n_seconds,)
        Seconds after the headset's values froze.
    """

    name: str
    headset: Array
    contact: Array
    quality: Array
    frozen: NDArray[np.bool_]

    def cases(self, values: Array, *, with_frozen: bool) -> tuple[NDArray[np.bool_], Array]:
        """Return whether each case is off, and how bad `values` say that it is."""
        kept = np.isin(self.headset, (GOOD, OFF)) & np.isfinite(values)
        if not with_frozen:
            kept &= ~self.frozen[:, None]
        return self.headset[kept] == OFF, 1 - values[kept]


def read_person(file: Path) -> Person:
    """Send a recording through the signal path, and align the headset's values."""
    source = XdfSource(file, offline=True)
    info = source.open(0.0)
    stream = next(s for s in source.recording.streams if s.header.name == STREAM)
    times, values = stream.timeline()[0], stream.samples().astype(np.float64)
    order = [stream.header.labels.index(label) for label in info.labels]
    all_off = (values == OFF).all(axis=1)
    share = np.cumsum(all_off[::-1]) / np.arange(1, len(times) + 1)
    frozen = np.flatnonzero(share >= FROZEN_SHARE)
    since = times[-1 - frozen[-1]] if frozen.size else np.inf
    if times[-1] - since <= FROZEN_S:
        since = np.inf
    pipeline = Pipeline(SignalSettings(), info.rate_hz, info.montage)
    per_second = round(1.0 / pipeline.settings.window.hop_s)
    step = max(1, int(pipeline.settings.window.hop_s * info.rate_hz) - 1)
    at, headset, contact, quality = [], [], [], []
    for chunk in read_to_end(source):
        for start in range(0, len(chunk.times), step):  # one window at most, for its own contact
            piece = Chunk(
                chunk.samples[:, start : start + step],
                chunk.times[start : start + step],
                0.0 if start else chunk.gap_before,
            )
            for window in pipeline.push(piece):
                if window.index % per_second:
                    continue
                row = min(int(np.searchsorted(times, window.time)), len(times) - 1)
                at.append(window.time)
                headset.append(values[row, order])
                contact.append(pipeline.contact)
                quality.append(window.quality)
    source.close()
    return Person(
        file.stem.split("_")[0],
        np.array(headset),
        np.array(contact, np.float64),
        np.array(quality, np.float64),
        np.array(at) > since,
    )


def figures(people: list[Person], measure: str, *, with_frozen: bool) -> dict[str, Any]:
    """Return the area under the ROC curve of several people, per person and on average.

    People with fewer than `LEAST_OFF` cases off have no figure of their own and do not count.
    """
    areas = {}
    for person in people:
        off, badness = person.cases(getattr(person, measure), with_frozen=with_frozen)
        if LEAST_OFF <= off.sum() < len(off):
            areas[person.name] = float(roc_auc_score(off, badness))
    values = np.array(list(areas.values()))
    rng = np.random.default_rng(0)
    means = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        "people": areas,
        "auc": float(values.mean()),
        "interval": [float(low), float(high)],
    }


def measure(folder: Path) -> dict[str, Any]:
    """Return all figures for the recordings of a folder."""
    people = [read_person(file) for file in sorted(folder.rglob("*.xdf"))]
    halves = {"development": people[::2], "test": people[1::2], "all": people}
    return {
        half: {
            "contact": figures(group, "contact", with_frozen=False),
            "contact, with frozen values": figures(group, "contact", with_frozen=True),
            "voted quality": figures(group, "quality", with_frozen=False),
        }
        for half, group in halves.items()
    } | {"frozen": [person.name for person in people if person.frozen.any()]}


def main() -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.folder)
    if options.json:
        print(json.dumps(found))
        return 0
    for half in ("development", "test", "all"):
        for name, one in found[half].items():
            low, high = one["interval"]
            print(f"{half}: {name}: AUC {one['auc']:.3f} [{low:.3f}, {high:.3f}]")
            print("  " + ", ".join(f"{who} {area:.2f}" for who, area in one["people"].items()))
    print(f"frozen values: {', '.join(found['frozen']) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
