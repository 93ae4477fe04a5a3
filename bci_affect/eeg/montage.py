"""Where electrodes sit, and which channels are EEG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Montage:
    """Names and places of channels.

    Attributes
    ----------
    names : tuple of str
        Channel names in the order of the samples, unique.
    positions : ndarray of float32, shape (n_channels, 3)
        Metres in head coordinates of MNE's ``standard_1005``; NaN where the place is unknown.
    is_eeg : ndarray of bool, shape (n_channels,)
        False for channels that are no EEG (accelerometer, trigger, sample number).
    """

    names: tuple[str, ...]
    positions: NDArray[np.float32]
    is_eeg: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)
