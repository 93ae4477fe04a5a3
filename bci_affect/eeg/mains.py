"""Mains hum: detection of its frequency, and choice of the notch."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.filters import NOTCH_Q, notches
from bci_affect.eeg.robust import middle, rms

FREQUENCIES = (50.0, 60.0)

SETTLED_S, DECIDE_S, GIVE_UP_S = 1.0, 2.0, 10.0
"""Seconds of EEG before a measurement, before a choice, and after which both notches stay."""

WIDE_Q = 8.0
"""Quality factor of the wide notch (6 Hz at 50 Hz) for hum of varying amplitude."""

WIDE_TOP_HZ = 130.0
"""Frequency in Hz above which harmonics are too weak to resemble muscle."""

CLEARLY = 4.0
"""Ratio of power by which the chosen frequency must exceed the other."""


class Mains:
    """Chooser of the notch: given by the settings, or detected.

    For detection, notches at 50 Hz, at 60 Hz, and at both run in parallel from the start, and the
    last is used; once one frequency clearly has more power, its own settled notch is used instead.
    If neither has within 10 s, both stay: a notch without hum costs only 1.7 Hz of spectrum.

    Parameters
    ----------
    line_hz : {50, 60, "auto", "off"}
        From the settings.
    rate_hz : float
        Sampling rate.
    top_hz : float
        Highest frequency of a notch.
    """

    def __init__(
        self, line_hz: Literal[50, 60, "auto", "off"], rate_hz: float, top_hz: float
    ) -> None:
        if line_hz == "auto":
            sets: tuple[tuple[float, ...], ...] = (*((hz,) for hz in FREQUENCIES), FREQUENCIES)
        else:
            sets = ((),) if line_hz == "off" else ((float(line_hz),),)
        self.notches = [notches(hz, rate_hz, top_hz, NOTCH_Q) for hz in sets]
        """One cascade per candidate, each of shape (n_sections, 6)."""
        self.wide = notches(sets[-1], rate_hz, WIDE_TOP_HZ, WIDE_Q)
        """Cascade that removes hum with its sidebands, for muscle activity, (n_sections, 6)."""
        self.chosen = len(sets) - 1
        """Index of the candidate in use."""
        self.detected_hz = 0.0
        """Detected frequency; 0 without one."""
        self.undecided = len(sets) > 1
        """True while the frequency is being detected."""
        self._power = np.zeros(len(FREQUENCIES))

    def observe(
        self, before: NDArray[np.float64], after: NDArray[np.float64], seconds: float
    ) -> bool:
        """Process one hop, `seconds` after the filters' start; return True once decided.

        Parameters
        ----------
        before : ndarray of float64, shape (n, n_channels)
            High-passed EEG.
        after : ndarray of float64, shape (n_candidates, n, n_channels)
            The same behind each candidate's notches.
        seconds : float
            Since the filters began.
        """
        if seconds < SETTLED_S:
            return False
        for i in range(len(FREQUENCIES)):
            self._power[i] += middle(rms(before - after[i]) ** 2)
        if seconds < DECIDE_S:
            return False
        best = int(np.argmax(self._power))
        if self._power[best] >= CLEARLY * self._power[1 - best]:
            self.chosen, self.detected_hz = best, FREQUENCIES[best]
        elif seconds < GIVE_UP_S:
            return False
        self.undecided = False
        return True
