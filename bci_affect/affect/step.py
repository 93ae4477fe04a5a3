"""One step of the live path: a window, the encoder's view of it, and the estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.eeg import FeatureWindow, State
from bci_affect.event_log import Breaks


@dataclass(frozen=True, slots=True)
class AffectStep:
    """A feature window with everything that `AffectPath` computed from it.

    Attributes
    ----------
    window : FeatureWindow
        Band features as measured.
    bands : ndarray of float32, shape (n_steps, n_channels, n_bands)
        Band features normalised to the person: the encoder's input.
    log_odds : ndarray of float64, shape (2,), or None
        Smoothed log-odds of high valence and arousal before personalisation; None where the window
        is no reading and the last estimate is held.
    embedding : ndarray of float64, shape (d,), or None
        Smoothed embedding; None where `log_odds` is.
    estimate : AffectEstimate
        Estimate at the window.
    person : ndarray of float32, shape (n_bands * 316,), or None
        Features against the person's rest, for models that need them.
    """

    window: FeatureWindow
    bands: NDArray[np.float32]
    log_odds: NDArray[np.float64] | None
    embedding: NDArray[np.float64] | None
    estimate: AffectEstimate
    person: NDArray[np.float32] | None = None


class BreakHold:
    """Hold of the last reading during the breaks of a session.

    No estimate in a break is a reading, and its numbers are those of the last reading before it.
    Live and offline runs apply the same object, so both have the same readings.

    Parameters
    ----------
    breaks : Breaks
        Breaks so far, or of the recording.
    """

    def __init__(self, breaks: Breaks) -> None:
        self._breaks = breaks
        self._last: AffectEstimate | None = None

    def apply(self, step: AffectStep) -> AffectStep:
        """Return the step, with a held estimate if it lies in a break."""
        now = step.estimate
        if not self._breaks.covers(now.time):
            if now.state is State.OK:
                self._last = now
            return step
        if self._last is None:
            return replace(step, estimate=now.outside_of(self._breaks))
        held = replace(
            self._last,
            time=now.time,
            quality=now.quality,
            confidence=0.0,
            state=State.PAUSED if now.state is State.OK else now.state,
            reference=now.reference,
        )
        return replace(step, estimate=held)
