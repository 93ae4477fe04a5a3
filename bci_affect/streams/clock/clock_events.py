"""Clock events, and stretches of times without a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """Event of a clock: ``gap``, ``step`` (set back) or ``reset``.

    Attributes
    ----------
    kind : str
        ``gap``, ``step`` or ``reset``.
    sample : int
        Number of the first sample after it, counted from 0 in the order of arrival.
    time : float
        Time assigned to that sample.
    seconds : float
        Length of the gap; for a step or reset, the jump of the stamps.
    lost : int
        Missing samples; 0 if unknown.
    """

    kind: str
    sample: int
    time: float
    seconds: float
    lost: int


@dataclass(slots=True)
class Stretch:
    """Times of consecutive samples without a gap between them."""

    gap_before: float
    times: Floats


class StretchBuilder:
    """Collector of times into stretches."""

    def __init__(self) -> None:
        self._parts: list[tuple[float, list[Floats]]] = []

    def extend(self, times: Floats, gap: float | None = None) -> None:
        """Add times, after a gap of `gap` seconds if given."""
        if gap is None and self._parts:
            self._parts[-1][1].append(times)
        else:
            self._parts.append((gap or 0.0, [times]))

    @property
    def stretches(self) -> list[Stretch]:
        """Collected stretches."""
        return [
            Stretch(gap, parts[0] if len(parts) == 1 else np.concatenate(parts))
            for gap, parts in self._parts
        ]
