"""The unit in which EEG travels: some consecutive samples and when each was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive samples of one stream; nobody changes the arrays once it is handed on.

    Attributes
    ----------
    samples : ndarray of float32, shape (n_channels, n_samples)
        As received, in the units that the stream names (``StreamInfo.units``). `Pipeline` is the
        one place that turns them into microvolts; who only shows raw values uses `units_scale`.
    times : ndarray of float64, shape (n_samples,)
        Seconds on the LSL clock of this machine, dejittered, strictly increasing.
    gap_before : float
        Seconds missing between the previous chunk's last sample and this one's first beyond one
        sample period; 0 where the chunk continues it. Chunks are split at gaps, never across one.
    """

    samples: NDArray[np.float32]
    times: NDArray[np.float64]
    gap_before: float = 0.0
