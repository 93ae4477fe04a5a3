"""Trial: the common type returned by all data set readers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Montage


@dataclass(frozen=True)
class Trial:
    """EEG of one subject during one stimulus, with the subject's ratings.

    Attributes
    ----------
    eeg : ndarray of float32, shape (n_channels, n_samples)
        Microvolts; may begin with a baseline before the stimulus.
    rate_hz : float
        Sampling rate.
    montage : Montage
        Names and positions of the channels.
    subject, session : str
        Identifiers of the subject and of the session.
    stimulus : str
        Identifier of the stimulus, the same for all subjects; "" if unknown.
    onset_s : float
        Stimulus onset in seconds from the first sample.
    ratings : dict of str to float
        ``valence``, ``arousal`` and any others, on 1-9; missing ratings are left out.
    music : ndarray of float32, shape (n_embeddings, n_dim), or None
        Tagger embeddings of the stimulus.
    music_times : ndarray of float64, shape (n_embeddings,), or None
        Centre of each embedding in seconds from the stimulus onset.
    index : int
        Position of the trial in the presentation order of its session, in which normalisation
        processes the trials.

    Examples
    --------
    >>> import numpy as np
    >>> import bci_affect as ba
    >>> cap = ba.make_montage(["C3", "C4"])
    >>> ba.Trial(np.zeros((2, 500), np.float32), 250.0, cap, "anna", "1", "song")
    Trial(anna/1, stimulus='song', 2 channels, 2.0 s, ratings={})
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

    def __repr__(self) -> str:
        n_channels, n_samples = self.eeg.shape
        return (
            f"Trial({self.subject}/{self.session}, stimulus={self.stimulus!r}, "
            f"{n_channels} channels, {n_samples / self.rate_hz:.1f} s, ratings={self.ratings})"
        )
