"""The one shape in which every data set hands over its trials."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Montage


@dataclass(frozen=True)
class Trial:
    """EEG of one person during one stimulus, with what the person said of it.

    Attributes
    ----------
    eeg : ndarray of float32, shape (n_channels, n_samples)
        Microvolts; may begin with a baseline before the stimulus.
    rate_hz : float
        Sampling rate.
    montage : Montage
        Positions of the channels.
    subject, session : str
        Who, and which sitting.
    stimulus : str
        Identity of the stimulus across people; "" where it is not known.
    onset_s : float
        Seconds from the first sample to the stimulus' onset.
    ratings : dict of str to float
        ``valence``, ``arousal`` and what else there is, on 1-9; a missing rating is absent.
    music : ndarray of float32, shape (n_rows, n_dim), or None
        Tagger features of the stimulus.
    music_times : ndarray of float64, shape (n_rows,), or None
        Centre of each row in seconds from the stimulus' onset.
    index : int
        Order of the trial in its session (normalisation runs through a session in this order).
    """

    eeg: NDArray[np.float32]
    rate_hz: float
    montage: Montage
    subject: str
    session: str
    stimulus: str
    onset_s: float = 0.0
    ratings: dict[str, float] = field(default_factory=dict)
    music: NDArray[np.float32] | None = None
    music_times: NDArray[np.float64] | None = None
    index: int = 0
