"""What happened to a clock, and stretches of times without a hole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """Something that happened to a clock: ``gap``, ``step`` (set back) or ``reset``.

    Attributes
    ----------
    kind : str
        ``gap``, ``step`` or ``reset``.
    sample : int
        Number of the first sample after it, counted from 0 in the order of arrival.
    time : float
        Time given to that sample.
    seconds : float
        Length of the hole; of a step or reset, how far the stamps jumped.
    lost : int
        Samples missing; 0 where that cannot be known.
    """

    kind: str
    sample: int
    time: float
    seconds: float
    lost: int


@dataclass(slots=True)
class Stretch:
    """Times of consecutive samples without a hole between them."""

    gap_before: float
    times: Floats


class StretchBuilder:
    """Gathers times into stretches."""

    def __init__(self) -> None:
        self._parts: list[tuple[float, list[Floats]]] = []

    def extend(self, times: Floats, gap: float | None = None) -> None:
        """Add times; behind a hole of `gap` seconds where one is named."""
        if gap is None and self._parts:
            self._parts[-1][1].append(times)
        else:
            self._parts.append((gap or 0.0, [times]))

    @property
    def stretches(self) -> list[Stretch]:
        """What has been gathered."""
        return [
            Stretch(gap, parts[0] if len(parts) == 1 else np.concatenate(parts))
            for gap, parts in self._parts
        ]
