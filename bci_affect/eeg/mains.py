"""Mains hum: which frequency it has, and how much of it each electrode picks up."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.filters import NOTCH_Q, notches
from bci_affect.eeg.robust import middle, rms

FREQUENCIES = (50.0, 60.0)

SETTLED_S, DECIDE_S, GIVE_UP_S = 1.0, 2.0, 10.0
"""Seconds of EEG before anything is believed, before a frequency may be chosen, and after which
both notches stay for good."""

WIDE_Q = 8.0
"""Hum that waxes and wanes reaches some hertz to each side: a notch 6 Hz wide at 50 Hz."""

WIDE_TOP_HZ = 130.0
"""Harmonics above it are too weak to be taken for muscle."""

CLEARLY = 4.0
"""How many times the power of the other frequency the chosen one must have."""


class Mains:
    """Chooses the notch, or takes the one that the settings name.

    To detect, notches at 50 Hz, at 60 Hz, and at both run side by side from the start, the last of
    them being used; once one frequency clearly carries more power its own notch, long settled,
    takes over. Where neither does within 10 s, both stay: a notch where nothing hums costs nothing
    but 1.7 Hz.

    Parameters
    ----------
    line_hz : {50, 60, "auto", "off"}
        From the settings.
    rate_hz : float
        Sampling rate.
    top_hz : float
        Harmonics above it are left alone.
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
        """Cascade that leaves no sideband of hum, to see muscle beside it, (n_sections, 6)."""
        self.chosen = len(sets) - 1
        """Index of the candidate in use."""
        self.detected_hz = 0.0
        """Frequency that was found; 0 while none was."""
        self.undecided = len(sets) > 1
        """Whether there is a choice, and it has not been made."""
        self._power = np.zeros(len(FREQUENCIES))

    def observe(
        self, before: NDArray[np.float64], after: NDArray[np.float64], seconds: float
    ) -> bool:
        """Look at one hop, `seconds` after the filters' start; True once decided.

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
