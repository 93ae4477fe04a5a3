"""Trust in an estimate besides its probability: quality, novelty, age, drift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FRESH_S = 3.0
"""A reading up to this age counts fully; confidence then fades with `FADE_S`."""
FADE_S = 10.0
PROFILE_HALF_LIFE_DAYS = 180.0
"""Age at which a calibration is trusted half, as EEG changes over months. It is a choice, not a
measurement; calibrating again takes a quarter of an hour."""
DRIFT_WINDOW_S = 60.0
DRIFT_NOVELTY = 1.5
"""Median novelty over `DRIFT_WINDOW_S` beyond which a new rest baseline is requested."""


@dataclass(frozen=True)
class Gate:
    """Factors of the confidence, each 0 to 1, and their reasons."""

    quality: float
    novelty: float
    age: float
    calibration: float
    reasons: tuple[str, ...]

    @property
    def product(self) -> float:
        """Product of all factors."""
        return self.quality * self.novelty * self.age * self.calibration


def gate(quality: float, distance: float, age_s: float, calibration_age_days: float) -> Gate:
    """Return the factors by which an estimate can be trusted besides its probability.

    Parameters
    ----------
    quality : float
        Share of good electrodes, 0 to 1. At half of them or fewer the factor is 0.
    distance : float
        `novelty`; NaN counts as inside.
    age_s : float
        Seconds since the last valid window.
    calibration_age_days : float
        Days since calibration; NaN where there was none.
    """
    reasons: list[str] = []
    by_quality = min(max((quality - 0.5) / 0.3, 0.0), 1.0) if math.isfinite(quality) else 0.0
    if by_quality < 1:
        reasons.append(f"only {max(quality, 0.0):.0%} of the electrodes are good")
    by_novelty = math.exp(-max(0.0, distance - 1.0)) if math.isfinite(distance) else 1.0
    if by_novelty < 0.6:
        reasons.append("this EEG is unlike the calibration's")
    by_age = math.exp(-max(0.0, age_s - FRESH_S) / FADE_S)
    if by_age < 0.9:
        reasons.append(f"the last clean EEG is {age_s:.0f} s old")
    days = calibration_age_days
    by_calibration = float(0.5 ** (max(0.0, days) / PROFILE_HALF_LIFE_DAYS)) if days == days else 1
    if by_calibration < 0.7:
        reasons.append(f"the calibration is {days:.0f} days old")
    return Gate(by_quality, by_novelty, by_age, by_calibration, tuple(reasons))


class Drift:
    """Detector of drift of the EEG away from the calibration's windows.

    `detected` is set once the median novelty of the last minute is beyond `DRIFT_NOVELTY`, and
    stays set until `reset`.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self.detected = False

    def update(self, time_s: float, distance: float) -> bool:
        """Add the novelty of a valid window; return `detected`."""
        if not math.isfinite(distance):
            return self.detected
        self._seen.append((time_s, distance))
        start = time_s - DRIFT_WINDOW_S
        keep = next(i for i, (t, _) in enumerate(self._seen) if t >= start - 1.0)
        del self._seen[:keep]
        if self._seen[0][0] <= start + 1.0:  # a full minute has been seen
            median = float(np.median([d for _, d in self._seen]))
            self.detected = self.detected or median > DRIFT_NOVELTY
        return self.detected

    def reset(self) -> None:
        """Restart after a rest baseline."""
        self._seen.clear()
        self.detected = False
