"""Intake of chunks: gaps, missing samples, resampling, and the split into hops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.resample import Resampler
from bci_affect.errors import BciAffectError

MIN_HOLE_S = 0.05
"""Seconds (and two samples) above which an irregularity of the stamps is a missing part."""
_ABSURD = 1e30  # microvolts: larger values are damage and count as missing


class Hops(NamedTuple):
    """Samples of consecutive hops, finite and in microvolts.

    Attributes
    ----------
    block : ndarray of float64, shape (n, n_eeg)
        Microvolts, minus each channel's starting level.
    times : ndarray of float64, shape (n,)
        LSL time of each sample.
    intact : ElectrodeSet
        Channels without missing samples in the memory of a window and the filters.
    sizes : sequence of int
        Samples of each hop.
    missing_s : float
        Missing seconds within the hop (then a single one), less than a gap.
    """

    block: NDArray[np.float64]
    times: NDArray[np.float64]
    intact: ElectrodeSet
    sizes: Sequence[int]
    missing_s: float


class ChunkPiece(NamedTuple):
    """Samples of a chunk with no gap between them.

    Attributes
    ----------
    block : ndarray of float64, shape (n, n_eeg)
        Microvolts; modified by `Intake.take`.
    times : ndarray of float64, shape (n,)
        As in `Chunk`.
    gap_s : float
        Seconds missing before the first sample if that is a gap, else 0.
    holes : tuple of (int, float)
        Sample numbers after missing parts shorter than a gap, and their seconds.
    finite : bool
        True if every sample is known to be finite.
    """

    block: NDArray[np.float64]
    times: NDArray[np.float64]
    gap_s: float
    holes: tuple[tuple[int, float], ...]
    finite: bool


class Intake:
    """Converter of chunks into finite samples of the EEG channels; buffers a hop of them.

    Each channel's level in its first hop is subtracted from all its samples, so that filters that
    start at zero see no step of tens of thousands of microvolts: equivalent to a start with
    ``sosfilt_zi`` times that level. Samples that are not finite hold the last value and are
    counted: a channel is `intact` again when none is within the window and the settling time.

    Parameters
    ----------
    settings : SignalSettings
        Target rate of resampling, and the length of a gap.
    rate_hz : float
        Nominal rate of the stream.
    montage : Montage
        Channels of the stream.
    """

    def __init__(self, settings: SignalSettings, rate_hz: float, montage: Montage) -> None:
        self._gap_s = settings.gap_s
        self._period = 1.0 / rate_hz
        self._hole_s = max(2 * self._period, MIN_HOLE_S)
        self._n_channels = len(montage)
        self._eeg = np.flatnonzero(montage.is_eeg)
        # A slice if possible: an index array copies.
        self._rows = slice(None) if montage.is_eeg.all() else self._eeg
        wanted = settings.resample_hz or rate_hz
        self._resampler = None if wanted == rate_hz else Resampler(rate_hz, wanted, self._eeg.size)
        self.rate_hz = float(wanted)
        """Rate of the samples that `pop` returns."""
        self._ratio = self.rate_hz / rate_hz
        self._last_time = math.nan
        # Samples of the incomplete hop lie between `_start` and `_end`.
        self._second = math.ceil(self.rate_hz)
        self._samples = np.empty((self._second, self._eeg.size))
        self._times = np.empty(self._second)
        self._whole = ElectrodeSet.all_of(self._eeg.size)
        self._all_whole = True
        self.refill_s = np.inf
        """Seconds after a missing sample until it has no more influence."""
        self.reset()

    @property
    def delay_s(self) -> float:
        """Seconds that the newest sample waits inside the resampler."""
        return self._resampler.delay_s if self._resampler else 0.0

    def reset(self) -> None:
        """Reset after a gap; the samples of the incomplete hop are dropped."""
        n = self._eeg.size
        self._base = np.zeros(n)  # first finite value
        self._begun = np.zeros(n, np.bool_)  # channels that have had a finite value
        self._all_begun = False
        self._held = np.zeros(n)
        self._level = np.zeros(n)  # remainder of the starting level
        self._taken = 0  # samples in
        self._given = 0  # samples out
        self._last_hole = np.full(n, -np.inf)
        self._any_hole = False
        self._holes: list[tuple[float, int]] = []  # (sample out, channel) not yet popped
        self._missing: list[tuple[float, float]] = []  # (sample out, seconds) not yet popped
        self._start = self._end = 0
        if self._resampler:
            self._resampler.reset()

    # --- in ---------------------------------------------------------------------------------

    def split(self, chunk: Chunk) -> list[ChunkPiece]:
        """Cut a chunk at gaps."""
        samples, times = chunk.samples, chunk.times
        if samples.ndim != 2 or samples.shape[0] != self._n_channels:
            raise BciAffectError(
                f"The stream now sends {samples.shape[0]} channels instead of "
                f"{self._n_channels}; connect to it again."
            )
        with np.errstate(invalid="ignore", over="ignore"):  # damaged floats are handled below
            block = samples[self._rows].T.astype(np.float64, order="C")
            # The sum of squares is small only if every sample is.
            flat = block.reshape(-1)
            finite = flat.dot(flat) < _ABSURD**2 and math.isfinite(times.dot(times))
        if not finite:
            block[np.abs(block) > _ABSURD] = np.nan
            # A sample without a finite value is missing: it leaves a hole in the stamps.
            real = np.isfinite(block).any(axis=1) & np.isfinite(times)
            block, times = block[real], times[real]
        if not len(times):
            return []
        period, backwards = self._period, -2 * self._period
        before = times.item(0) - self._last_time - period
        # The first chunk has no predecessor.
        before = 0.0 if math.isnan(before) else max(before, chunk.gap_before)
        self._last_time = times.item(-1)
        missing = times[1:] - times[:-1]
        missing -= period
        # No step exceeds the root of the sum of all steps' squares.
        even = missing.dot(missing) <= backwards**2 and backwards <= before <= self._hole_s
        if even:
            return [ChunkPiece(block, times, 0.0, (), finite)]
        return self._cut(block, times, np.concatenate([[before], missing]), finite)

    def _cut(
        self,
        block: NDArray[np.float64],
        times: NDArray[np.float64],
        missing: NDArray[np.float64],
        finite: bool,
    ) -> list[ChunkPiece]:
        """Split at gaps; `missing` has the seconds missing before each sample, (n,)."""
        # A backward stamp is a clock reset of unknown length.
        gap = (missing > self._gap_s) | (missing < -2 * self._period)
        holes = np.flatnonzero((missing > self._hole_s) & ~gap)
        cut = np.flatnonzero(gap)
        return [
            ChunkPiece(
                block[start:end],
                times[start:end],
                abs(float(missing[start])) if gap[start] else 0.0,
                tuple((int(h) - start, float(missing[h])) for h in holes if start <= h < end),
                finite,
            )
            for start, end in pairwise([0, *cut[cut > 0], len(times)])
        ]

    def take(self, piece: ChunkPiece) -> None:
        """Append samples that continue the last ones."""
        block, times = piece.block, piece.times
        if piece.finite and self._all_begun:
            block -= self._base
        else:
            self._mend(block)
        self._held = block[-1]
        if piece.holes:
            taken = self._taken
            self._missing += [((taken + at) * self._ratio, s) for at, s in piece.holes]
        self._taken += len(block)
        if self._resampler:
            block, times = self._resampler.push(block, times)
        start, end = self._end, self._end + len(block)
        if end > len(self._times):
            start, end = self._make_room(len(block))
        self._samples[start:end] = block
        self._times[start:end] = times
        self._end = end

    def _make_room(self, n: int) -> tuple[int, int]:
        """Move the buffered samples to the beginning; return the place of n more samples."""
        samples, times = self._waiting()
        held = len(times)
        if not held + n <= len(self._times) <= 4 * (held + n + self._second):
            self._samples = np.empty((held + n + self._second, self._eeg.size))
            self._times = np.empty(len(self._samples))
        self._samples[:held], self._times[:held] = samples, times
        self._start, self._end = 0, held
        return held, held + n

    def _mend(self, block: NDArray[np.float64]) -> None:
        """Subtract the base in place; missing samples hold the last value (or 0)."""
        finite = np.isfinite(block)
        for c in np.flatnonzero(~self._begun & finite.any(axis=0)):
            self._base[c] = block[np.argmax(finite[:, c]), c]
            self._begun[c] = True
        self._all_begun = bool(self._begun.all())
        block -= self._base
        for c in np.flatnonzero(~finite.all(axis=0)):
            source = np.maximum.accumulate(np.where(finite[:, c], np.arange(len(block)), -1))
            held = np.where(source < 0, self._held[c], block[np.maximum(source, 0), c])
            block[:, c] = held
            # The resampler's kernel extends from a hole to earlier samples.
            first = self._taken - self.delay_s / self._period
            self._holes += [
                ((first + int(i)) * self._ratio, int(c)) for i in np.flatnonzero(~finite[:, c])
            ]

    # --- out --------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Number of samples in the incomplete hop."""
        return self._end - self._start

    @property
    def broken(self) -> bool:
        """True while a missing part still has influence: hops are then processed one by one."""
        return self._any_hole or bool(self._holes) or bool(self._missing)

    def pop(self, sizes: Sequence[int]) -> Hops:
        """Pop the oldest hops of these sizes; they must be complete."""
        n = sum(sizes)
        first, end = self._start, self._start + n
        self._start = end
        if not self._given:
            self._level = self._samples[first : first + sizes[0]].mean(axis=0)
        block = self._samples[first:end] - self._level
        self._given += n
        missing_s = 0.0
        if self._missing:
            missing_s = sum(s for at, s in self._missing if at < self._given)
            self._missing = [m for m in self._missing if m[0] >= self._given]
        times = self._times[first:end].copy()
        return Hops(block, times, self._without_hole(), sizes, missing_s)

    def _without_hole(self) -> ElectrodeSet:
        """Return the channels without an influence of missing samples."""
        if self._holes:
            self._any_hole = True
            for sample, channel in self._holes:
                if sample < self._given:
                    self._last_hole[channel] = max(sample, self._last_hole[channel])
            self._holes = [hole for hole in self._holes if hole[0] >= self._given]
        if self._any_hole or not self._all_whole:
            intact = self._given - self._last_hole > self.refill_s * self.rate_hz
            self._all_whole = bool(intact.all())
            self._any_hole = not self._all_whole
            self._whole = self._whole.changed_to(intact)
        return self._whole

    def pending(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the samples of the incomplete hop, (n, n_eeg), and their times."""
        block, times = self._waiting()
        level = self._level
        if not self._given and len(block):
            level = block.mean(axis=0)
        return block - level, times.copy()

    def _waiting(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        held = slice(self._start, self._end)
        return self._samples[held], self._times[held]
