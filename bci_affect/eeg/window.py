"""Window of band features with its state: the output of the signal path."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.covariance import ChannelCovariance


class State(StrEnum):
    """State of a window, or of an estimate made from it; only ``OK`` is a reading.

    ``PAUSED`` is a state of estimates only: one that would be a reading, in a break of the session.

    Examples
    --------
    >>> State("ok") is State.OK, State.OK == "ok"
    (True, True)
    """

    OK = "ok"
    WARMING = "warming"
    ARTIFACT = "artifact"
    GAP = "gap"
    LOST = "lost"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class FeatureWindow:
    """Band features of the last ``n_steps`` time steps before ``time``.

    Attributes
    ----------
    bands : ndarray of float32, shape (n_steps, n_channels, n_bands)
        Differential entropy in nats, ``0.5 ln(2 pi e variance)`` with the band's variance in square
        microvolts over the step. Not normalised to the person. Oldest step first.
    mask : ndarray of bool, shape (n_channels,)
        Electrodes that the encoder may use. A masked electrode's features are finite all the same.
    quality : ndarray of float32, shape (n_channels,)
        0 (unusable) to 1 (clean).
    time : float
        LSL time of the window's last sample, corrected for the delay of resampling (not of filters,
        whose group delay the pipeline reports separately).
    state : State
        ``OK`` only where every sample in the window is real and the filters have settled.
    index : int
        Number of the hop that ended this window, counted from the stream's start (first window of a
        stream is hop 1).
    electrodes_version : int
        Number of changes of `mask` or `quality` in the stream so far: windows of one stream with
        the same number share both.
    reasons : tuple of str
        Reasons why the state is not ``OK``, and the masked electrodes with their faults.
    covariance : ChannelCovariance or None
        Sums of products between all channels per band (0 for channels that are not EEG), for
        `PersonReference`; None unless `SignalSettings.covariance` is on.

    Examples
    --------
    >>> bands, mask = np.zeros((12, 2, 5), np.float32), np.array([True, False])
    >>> FeatureWindow(bands, mask, np.ones(2, np.float32), 7.25, State.OK, 58, 0)
    FeatureWindow(time=7.250, 12 steps, 1 of 2 channels, 5 bands, state=ok)
    """

    bands: NDArray[np.float32]
    mask: NDArray[np.bool_]
    quality: NDArray[np.float32]
    time: float
    state: State
    index: int
    electrodes_version: int
    reasons: tuple[str, ...] = ()
    covariance: ChannelCovariance | None = None

    def __repr__(self) -> str:
        n_steps, n_channels, n_bands = self.bands.shape
        return (
            f"FeatureWindow(time={self.time:.3f}, {n_steps} steps, {int(self.mask.sum())} of "
            f"{n_channels} channels, {n_bands} bands, state={self.state})"
        )
