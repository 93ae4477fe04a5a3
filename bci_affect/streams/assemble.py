"""Assembly of chunks in microvolts from raw samples and stamps, the same live and from a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import UNIT_NAMES, Chunk, eeg_scales, unit_doubt, with_inferred
from bci_affect.streams.clock.dejitter import Dejitter
from bci_affect.streams.clock.offsets import ClockOffsets
from bci_affect.streams.header import StreamHeader, pick_channels

CHECK_S = 2.0
"""Seconds of EEG from which its declared unit is checked."""


class Assembler:
    """Assembler of a regular stream's samples into chunks, independent of their grouping.

    This is the one place that converts EEG to microvolts; `info` names the units of the chunks.
    Other channels keep their own units. If EEG channels declare no known unit, it is inferred
    from the first second, which is held until it is complete.

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
        self._scales = eeg_scales(info.units, is_eeg)
        self._scaled = bool((self._scales != 1.0).any())
        units = [
            "microvolts" if eeg else unit for unit, eeg in zip(info.units, is_eeg, strict=True)
        ]
        self.info = replace(info, units=tuple(units))
        self.dejitter = Dejitter(header.rate_hz)
        self.offsets = ClockOffsets()
        self.unit_note = ""
        self._picks = None if picks == list(range(header.n_channels)) else np.array(picks)
        self._undecided: list[tuple[NDArray[Any], NDArray[np.float64]]] | None = (
            [] if np.isnan(self._scales).any() else None
        )
        self._rate_hz = header.rate_hz
        self._eeg = np.flatnonzero(is_eeg)
        self._checked: list[NDArray[np.float32]] | None = None  # first EEG, (n_eeg, n) each
        if self._undecided is None and self._eeg.size:
            self._checked = []
        self._waiting: deque[NDArray[np.float32]] = deque()  # (n_channels, n) without times yet

    def push(self, samples: NDArray[Any], stamps: NDArray[np.float64]) -> list[Chunk]:
        """Append samples (n, n_stream_channels) with raw stamps (n,); return ready chunks."""
        if self._undecided is not None:
            self._undecided.append((samples, stamps))
            if sum(part.size for _, part in self._undecided) < round(self._rate_hz):
                return []
            samples, stamps = self._decide()
        return self._pair(samples, self.dejitter.push(self.offsets.correct(stamps)))

    def flush(self) -> list[Chunk]:
        """Return the chunks that are still held, at the end of the stream."""
        chunks: list[Chunk] = []
        if self._undecided:
            samples, stamps = self._decide()
            chunks = self._pair(samples, self.dejitter.push(self.offsets.correct(stamps)))
        return chunks + self._pair(None, self.dejitter.flush())

    def _decide(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Infer the unknown unit from the samples that were held, and return them."""
        assert self._undecided is not None
        samples = np.concatenate([part for part, _ in self._undecided])
        stamps = np.concatenate([part for _, part in self._undecided])
        self._undecided = None
        unknown = np.isnan(self._scales)
        self._scales = with_inferred(self._scales, self._pick(samples), self._rate_hz)
        self._scaled = bool((self._scales != 1.0).any())
        self.unit_note = (
            f"Stream '{self.info.name}' names no unit that is known; by its size it is taken to be "
            f"in {UNIT_NAMES[float(self._scales[unknown][0])]}."
        )
        return samples, stamps

    def _pick(self, samples: NDArray[Any]) -> NDArray[Any]:
        return samples if self._picks is None else samples[:, self._picks]

    def _pair(self, samples: NDArray[Any] | None, stretches: Sequence[Any]) -> list[Chunk]:
        """Assign the times that have become certain to the waiting samples."""
        if samples is not None and len(samples):
            picked = self._pick(samples)
            with np.errstate(over="ignore", invalid="ignore"):  # damaged numbers become infinite
                if self._scaled:
                    picked = picked * self._scales
                self._waiting.append(np.ascontiguousarray(picked.T, dtype=np.float32))
            if self._checked is not None:
                self._check(self._waiting[-1])
        return [
            Chunk(self._next(part.times.size), part.times, part.gap_before) for part in stretches
        ]

    def _check(self, samples: NDArray[np.float32]) -> None:
        """Compare the size of the first seconds of EEG with what its declared unit allows."""
        assert self._checked is not None
        self._checked.append(samples[self._eeg])
        enough = round(CHECK_S * self._rate_hz)
        if sum(part.shape[1] for part in self._checked) >= enough:
            first = np.concatenate(self._checked, axis=1)[:, :enough]
            self.unit_note = unit_doubt(first, self.info.name, self._scales[self._eeg[0]])
            self._checked = None

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
