"""From raw samples and raw stamps to chunks of microvolts: the same live and from a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import Chunk, judge_units, units_scale
from bci_affect.streams.clock.dejitter import Dejitter
from bci_affect.streams.clock.offsets import ClockOffsets
from bci_affect.streams.header import StreamHeader, pick_channels

_UNIT_NAMES = {1.0: "microvolts", 1e3: "millivolts", 1e6: "volts", 1e-3: "nanovolts"}


class Assembler:
    """Turns what a regular stream sends into `Chunk` objects; blind to how samples were grouped.

    EEG channels come out in microvolts, and `info` says so; others keep their own units.

    Where EEG channels name no unit, the first second of samples is held back and judged.

    Parameters
    ----------
    header : StreamHeader
        Of a numeric stream with a nominal rate.
    channels : sequence of str, optional
        Channels to keep, by name and in this order; all by default.
    """

    def __init__(self, header: StreamHeader, channels: Sequence[str] | None = None) -> None:
        picks = pick_channels(header, channels)
        info = header.info(picks)
        is_eeg = info.montage.is_eeg
        scales = np.where(is_eeg, units_scale(info.units), 1.0)
        self._unknown = ~np.isfinite(scales)
        self._scales = np.where(self._unknown, 1.0, scales)
        self._scaled = bool((self._scales != 1.0).any())
        units = [
            "microvolts" if eeg else unit for unit, eeg in zip(info.units, is_eeg, strict=True)
        ]
        self.info = replace(info, units=tuple(units))
        self.dejitter = Dejitter(header.rate_hz)
        self.offsets = ClockOffsets()
        self.unit_note = ""
        self._picks = None if picks == list(range(header.n_channels)) else np.array(picks)
        self._judging: list[tuple[NDArray[Any], NDArray[np.float64]]] | None = (
            [] if self._unknown.any() else None
        )
        self._enough = round(header.rate_hz)
        self._waiting: deque[NDArray[np.float32]] = deque()  # (n_channels, n) without times yet

    def push(self, samples: NDArray[Any], stamps: NDArray[np.float64]) -> list[Chunk]:
        """Take samples (n, n_channels of the stream) with raw stamps (n,); return what is ready."""
        if self._judging is not None:
            self._judging.append((samples, stamps))
            if sum(part.size for _, part in self._judging) < self._enough:
                return []
            samples, stamps = self._judge()
        return self._pair(samples, self.dejitter.push(self.offsets.correct(stamps)))

    def flush(self) -> list[Chunk]:
        """Return what is still held, at the end of the stream."""
        chunks: list[Chunk] = []
        if self._judging:
            samples, stamps = self._judge()
            chunks = self._pair(samples, self.dejitter.push(self.offsets.correct(stamps)))
        return chunks + self._pair(None, self.dejitter.flush())

    def _judge(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        assert self._judging is not None
        samples = np.concatenate([part for part, _ in self._judging])
        stamps = np.concatenate([part for _, part in self._judging])
        self._judging = None
        picked = samples if self._picks is None else samples[:, self._picks]
        scale = judge_units(picked[: self._enough, self._unknown].T.astype(np.float64))
        self._scales = np.where(self._unknown, scale, self._scales)
        self._scaled = bool((self._scales != 1.0).any())
        self.unit_note = (
            f"Stream '{self.info.name}' names no unit that is known; by its size it is taken to be "
            f"in {_UNIT_NAMES[scale]}."
        )
        return samples, stamps

    def _pair(self, samples: NDArray[Any] | None, stretches: Sequence[Any]) -> list[Chunk]:
        """Give waiting samples the times that have become certain."""
        if samples is not None and len(samples):
            picked = samples if self._picks is None else samples[:, self._picks]
            if self._scaled:
                picked = picked * self._scales
            self._waiting.append(np.ascontiguousarray(picked.T, dtype=np.float32))
        return [
            Chunk(self._next(part.times.size), part.times, part.gap_before) for part in stretches
        ]

    def _next(self, count: int) -> NDArray[np.float32]:
        first = self._waiting[0]
        if first.shape[1] == count:
            return self._waiting.popleft()
        parts: list[NDArray[np.float32]] = []
        while count:
            head = self._waiting.popleft()
            parts.append(head[:, :count])
            if head.shape[1] > count:
                self._waiting.appendleft(head[:, count:])
            count -= parts[-1].shape[1]
        return np.concatenate(parts, axis=1)
