"""Calibration: seconds of one, and how often it claims an effect that is there or is not.

People are simulated at the level of clips (`bci_affect.training.calibration.simulation`) with 12
clips each: none has an effect, or all a large one. ``python -m studies.calibration_power`` makes
the full power curve.
"""

from __future__ import annotations

import time
from typing import Any


def run(quick: bool) -> dict[str, Any]:
    """Measure on a few (quick) or many simulated people."""
    from bci_affect.training import (
        EFFECTS,
        SimulatedListener,
        calibrate,
        measure_power,
        simulate_clips,
    )

    people = 10 if quick else 60
    found: dict[str, Any] = {"people": people, "clips": 12}
    for effect in ("none", "large"):
        measured = measure_power(SimulatedListener(eeg=EFFECTS[effect]), 12, range(people))
        found[f"claimed_with_{effect}_effect"] = measured["claimed"]
        found[f"claimed_with_{effect}_effect_interval"] = list(measured["claimed_interval"])
    table = simulate_clips(SimulatedListener(), 24, seed=0)
    started = time.perf_counter()
    calibrate(table)
    found["seconds_for_24_clips_999_permutations"] = time.perf_counter() - started
    return found
