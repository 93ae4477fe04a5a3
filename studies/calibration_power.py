"""Power curve and false positives of the calibration's verdict, for the documentation.

    python -m studies.calibration_power --people 200 --out docs

calibrates simulated people whose EEG carries no, little, or much information, with 12 and with 24
clips, and writes ``calibration_power.json`` and ``img/calibration_power.png``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.training import EFFECTS, SimulatedListener, measure_power, simulate_clips
from bci_affect.training.calibration.clips import select_labelled
from bci_affect.training.calibration.evaluation import permutation_test
from bci_affect.training.calibration.power import N_PERMUTATIONS, clopper_pearson

N_CLIPS = (12, 24)
CURVE = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Oracle accuracies of the power curve: `EFFECTS` and values between them."""
NULL_FACTOR = 5
"""Number of people drawn for the false positives alone, as a multiple of ``people``."""


def false_positives(
    n_clips: int, people: Iterable[int], *, n_permutations: int = N_PERMUTATIONS
) -> dict[str, Any]:
    """Share of people without any effect whose valence has p < .05, with its exact interval.

    Only the p-value is computed, so that many more people can be drawn than for `measure_power`.
    """
    rejected = []
    for seed in people:
        clips = select_labelled(simulate_clips(SimulatedListener(), n_clips, seed=seed), "valence")
        test = permutation_test(clips, seed=seed, n_permutations=n_permutations)
        rejected.append(test.against_chance.above < 0.05)
    k, n = int(np.sum(rejected)), len(rejected)
    return {"people": n, "rejected": k / n, "interval": clopper_pearson(k, n)}


def run(people: int, seed: int = 0) -> dict[str, Any]:
    """Measure the power curve; see `measure_power`.

    Parameters
    ----------
    people : int
        Number of simulated people per condition.
    seed : int
        Seed of the first person.

    Returns
    -------
    dict
        ``conditions`` has the keys ``"<n> clips, oracle <accuracy>"``.
    """
    out: dict[str, Any] = {
        "effects": EFFECTS,
        "people": people,
        "false_positives": {},
        "conditions": {},
    }
    for n_clips in N_CLIPS:
        many = range(seed + people, seed + people + NULL_FACTOR * people)
        out["false_positives"][f"{n_clips} clips"] = false_positives(n_clips, many)
        for accuracy in CURVE:
            seeds = range(seed, seed + people)
            out["conditions"][f"{n_clips} clips, oracle {accuracy}"] = measure_power(
                SimulatedListener(eeg=accuracy), n_clips, seeds
            )
        # Nothing personal to learn: the population head already has the person's direction.
        out["conditions"][f"{n_clips} clips, oracle 0.8, population head right"] = measure_power(
            SimulatedListener(eeg=0.8, shared=1.0), n_clips, range(seed, seed + people)
        )
    return out


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the power curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for n_clips, colour, marker in zip(N_CLIPS, ("#E69F00", "#0072B2"), ("o", "s"), strict=False):
        rows = [result["conditions"][f"{n_clips} clips, oracle {a}"] for a in CURVE]
        power = np.array([row["rejected_valence"] for row in rows])
        bounds = np.array([row["rejected_valence_interval"] for row in rows]).T
        axes.errorbar(
            CURVE,
            power,
            yerr=np.abs(bounds - power),
            color=colour,
            marker=marker,
            capsize=3,
            label=f"{n_clips} clips",
        )
    axes.axhline(0.05, color="0.4", linestyle="--", linewidth=1)
    axes.text(0.9, 0.06, "5 %", color="0.3", ha="right")
    axes.set(
        xlabel="Balanced accuracy of an oracle on one clip (0.5: no information)",
        ylabel="Share of people found above chance (p < .05)",
        ylim=(0, 1),
        title=f"{result['people']} simulated people each; bars are 95 % intervals",
    )
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure the curve, print it, and write data and figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    started = time.monotonic()
    result = run(arguments.people, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1)
    (arguments.out / "calibration_power.json").write_text(text + "\n", encoding="utf-8")
    (arguments.out / "img").mkdir(exist_ok=True)
    draw(result, arguments.out / "img" / "calibration_power.png")
    print(text)
    print(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
