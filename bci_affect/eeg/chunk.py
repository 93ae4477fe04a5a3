"""Consecutive samples of a stream with their times, as rooms exchange them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive samples of one stream; the arrays are not modified after they are handed over.

    Attributes
    ----------
    samples : ndarray of float32, shape (n_channels, n_samples)
        EEG channels in microvolts: `streams` converts what it receives. Other channels in their own
        units (``StreamInfo.units``). Recordings store samples as they were received.
    times : ndarray of float64, shape (n_samples,)
        Seconds on the LSL clock of this machine, dejittered, strictly increasing.
    gap_before : float
        Seconds missing between the previous chunk's last sample and this one's first beyond one
        sample period; 0 where the chunk continues it. Chunks are split at gaps, never across one.

    Examples
    --------
    >>> import numpy as np
    >>> Chunk(np.zeros((2, 3), np.float32), np.arange(3) / 250)
    Chunk(2 channels, 3 samples from 0.000 s, gap=0)
    """

    samples: NDArray[np.float32]
    times: NDArray[np.float64]
    gap_before: float = 0.0

    def __repr__(self) -> str:
        n_channels, n_samples = self.samples.shape
        start = f" from {self.times[0]:.3f} s" if n_samples else ""
        return f"Chunk({n_channels} channels, {n_samples} samples{start}, gap={self.gap_before:g})"
