"""Where a source hands on what arrived before anything was done to it: for recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.source import Health


class RawTap(Protocol):
    """Receiver of raw data, called on the source's own threads: every call must return at once.

    ``source.tap = tap`` may be set before `open`, or at any time later: then the tap is first told
    about every stream that is open and the clock offset that holds.
    """

    def open_stream(self, key: str, header: StreamHeader) -> None:
        """Announce a stream; `key` names it in the calls that follow."""

    def clock_offset(self, key: str, time: float, value: float) -> None:
        """Tell that `value` seconds are added to stamps from raw stamp `time` on."""

    def samples(self, key: str, samples: NDArray[Any], stamps: NDArray[np.float64]) -> None:
        """Hand over samples (n, n_channels) in the stream's type with raw stamps (n,)."""

    def texts(self, key: str, rows: Sequence[Sequence[str]], stamps: NDArray[np.float64]) -> None:
        """Hand over text samples, one row of channels each, with raw stamps (n,)."""

    def health(self, key: str, health: Health) -> None:
        """Tell how the stream fares; the last word counts."""
