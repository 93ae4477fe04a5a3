"""Compact log of all estimates of a session, from which its report is made."""

from __future__ import annotations

import copy
from array import array

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.eeg import State

_COLUMNS = 9  # ok; EEG, music and both, of valence and arousal; confidence; quality
_UNKNOWN = (float("nan"),) * 6


class EstimateLog:
    """Log of every estimate of a session, without its embedding and attention map.

    An estimate takes 44 bytes here (1.3 MB an hour) and 4 kB in full; `EstimateHistory` keeps the
    newest three minutes in full.
    """

    def __init__(self) -> None:
        self._times = array("d")
        self._values = array("f")
        self._attention: NDArray[np.float64] | None = None

    def add(self, estimate: AffectEstimate) -> None:
        """Append an estimate."""
        ok, said = estimate.state is State.OK, _UNKNOWN
        if ok and (reading := estimate.reading) is not None:
            said = (*reading.eeg_prob, *reading.music_prob, *reading.fused_prob)
        self._times.append(estimate.time)
        self._values.extend((ok, *said, estimate.confidence, estimate.quality))
        if self._attention is None:
            self._attention = np.zeros(len(estimate.attention))
        if ok:
            self._attention += estimate.attention.sum(axis=1)

    def __len__(self) -> int:
        return len(self._times)

    def copy(self) -> EstimateLog:
        """Return a copy."""
        return copy.deepcopy(self)

    @property
    def time(self) -> NDArray[np.float64]:
        """LSL times, shape (n,)."""
        return np.array(self._times, np.float64)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """True where an estimate is a reading, shape (n,)."""
        return self._column(0) > 0

    @property
    def eeg(self) -> NDArray[np.float64]:
        """Probability of high valence and arousal by EEG alone, shape (n, 2); NaN if unknown."""
        return self._rows()[:, 1:3]

    @property
    def music(self) -> NDArray[np.float64]:
        """The same by music alone."""
        return self._rows()[:, 3:5]

    @property
    def fused(self) -> NDArray[np.float64]:
        """The same by both."""
        return self._rows()[:, 5:7]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Confidence, shape (n,)."""
        return self._column(7)

    @property
    def quality(self) -> NDArray[np.float64]:
        """Share of good electrodes, shape (n,)."""
        return self._column(8)

    @property
    def attention(self) -> NDArray[np.float64]:
        """Mean share of each electrode over the readings, shape (n_channels,)."""
        total = np.zeros(0) if self._attention is None else self._attention
        shares: NDArray[np.float64] = total / max(float(total.sum()), 1e-12)
        return shares

    def _rows(self) -> NDArray[np.float64]:
        return np.array(self._values, np.float64).reshape(-1, _COLUMNS)

    def _column(self, number: int) -> NDArray[np.float64]:
        column: NDArray[np.float64] = self._rows()[:, number]
        return column
