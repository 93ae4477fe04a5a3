"""Tap of a source's raw data, for recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.source import Health


class RawTap(Protocol):
    """Receiver of raw data, called on the source's own threads: every call must return at once.

    ``source.tap = tap`` may be set before `open`, or at any time later: the tap then
    first receives every open stream and its present clock offset.
    """

    def open_stream(self, key: str, header: StreamHeader) -> None:
        """Announce a stream; `key` names it in the calls that follow."""

    def clock_offset(self, key: str, time: float, value: float) -> None:
        """Set the offset, `value` seconds, that is added to stamps from raw stamp `time` on."""

    def samples(self, key: str, samples: NDArray[Any], stamps: NDArray[np.float64]) -> None:
        """Receive samples (n, n_channels) in the stream's type with raw stamps (n,)."""

    def texts(self, key: str, rows: Sequence[Sequence[str]], stamps: NDArray[np.float64]) -> None:
        """Receive text samples, one row of channels each, with raw stamps (n,)."""

    def health(self, key: str, health: Health) -> None:
        """Set facts about the stream (losses, states); the last value counts."""
