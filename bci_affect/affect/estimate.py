"""Running estimate of affect: the result of the data path."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.fusion import PersonalReading
from bci_affect.affect.rest import ReferenceKind
from bci_affect.eeg import State
from bci_affect.event_log import Breaks

ESTIMATE_VALUES = ("valence", "arousal", "valence_prob", "arousal_prob", "confidence", "quality")
"""Numbers of an estimate, in the order of files and streams."""


@dataclass(frozen=True, slots=True)
class AffectEstimate:
    """Running estimate of the listener's affect, with its quality and attention.

    Attributes
    ----------
    time : float
        LSL time of the last EEG sample used.
    valence, arousal : float
        Smoothed estimate in [-1, 1].
    valence_prob, arousal_prob : float
        Calibrated probability that the dimension is high, 0 to 1.
    confidence : float
        0 to 1: calibrated certainty, gated by quality, novelty and age.
    embedding : ndarray of float32, shape (d,)
        Embedding in the common space of EEG and music.
    attention : ndarray of float32, shape (n_channels, n_steps)
        Share of the encoder's weight; sums to 1; masked electrodes have 0.
    quality : float
        Share of good electrodes, 0 to 1.
    state : State
        A reading only where it is ``OK``; otherwise the last reading is held.
    reading : PersonalReading or None
        The three estimates (EEG, music, both) with decision and reasons; the numbers above are
        the EEG's alone. None before the first reading.
    reference : ReferenceKind or None
        Reference of a model that reads EEG against the person's rest; None for other models, whose
        normalisation follows the person.

    Examples
    --------
    >>> embedding, attention = np.zeros(2, np.float32), np.full((2, 1), 0.5, np.float32)
    >>> numbers = (12.5, 0.2, -0.1, 0.6, 0.45, 0.3)
    >>> AffectEstimate(*numbers, embedding, attention, quality=1.0, state=State.OK)
    AffectEstimate(time=12.500, valence=+0.20, arousal=-0.10, confidence=0.30, state=ok)
    """

    time: float
    valence: float
    arousal: float
    valence_prob: float
    arousal_prob: float
    confidence: float
    embedding: NDArray[np.float32]
    attention: NDArray[np.float32]
    quality: float
    state: State
    reading: PersonalReading | None = None
    reference: ReferenceKind | None = None

    def __repr__(self) -> str:
        return (
            f"AffectEstimate(time={self.time:.3f}, valence={self.valence:+.2f}, "
            f"arousal={self.arousal:+.2f}, confidence={self.confidence:.2f}, state={self.state})"
        )

    def values(self) -> tuple[float, ...]:
        """Return the numbers that `ESTIMATE_VALUES` names."""
        return tuple(getattr(self, name) for name in ESTIMATE_VALUES)

    def outside_of(self, breaks: Breaks) -> AffectEstimate:
        """Return the estimate, as no reading if it lies in a break of the session."""
        if self.state is State.OK and breaks.covers(self.time):
            return replace(self, state=State.PAUSED)
        return self
