"""Intake of chunks: gaps, missing samples and the rate; from chunks to the samples of a hop."""

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
"""Shorter irregularities of the stamps are jitter; more than this (and two samples) is missing."""
_ABSURD = 1e30  # microvolts: no EEG but damage, which counts as missing


class Hops(NamedTuple):
    """Samples of some hops, one after the other, finite and in microvolts.

    Attributes
    ----------
    block : ndarray of float64, shape (n, n_eeg)
        Microvolts, with each channel's starting level taken off.
    times : ndarray of float64, shape (n,)
        LSL time of each sample.
    whole : ElectrodeSet
        Channels with no hole in the time that a window and the filters remember.
    sizes : sequence of int
        Samples of each hop.
    missing_s : float
        Seconds that are missing inside the hop (it is one, then), less than a gap.
    """

    block: NDArray[np.float64]
    times: NDArray[np.float64]
    whole: ElectrodeSet
    sizes: Sequence[int]
    missing_s: float


class ChunkPiece(NamedTuple):
    """Samples of a chunk with no gap between them.

    Attributes
    ----------
    block : ndarray of float64, shape (n, n_eeg)
        Microvolts; for `Intake.take` to work on.
    times : ndarray of float64, shape (n,)
        As in `Chunk`.
    gap_s : float
        Seconds missing before the first sample if that is a gap, else 0.
    holes : tuple of (int, float)
        Samples before which something is missing, less than a gap, and how many seconds.
    finite : bool
        Whether every sample is known to be a number.
    """

    block: NDArray[np.float64]
    times: NDArray[np.float64]
    gap_s: float
    holes: tuple[tuple[int, float], ...]
    finite: bool


class Intake:
    """Turns chunks as they come into finite samples of the EEG channels; holds a hop of them.

    Each channel's level in its first hop is taken off it and off everything behind it, so that
    filters which begin at rest have no step of tens of thousands of microvolts to ring at: the same
    as starting them with ``sosfilt_zi`` times that level. Samples that are not finite hold the last
    value and are counted: a channel is `whole` again when none is in window and settling time.

    Parameters
    ----------
    settings : SignalSettings
        Rate to resample to, and what counts as a gap.
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
        # A slice where it can be: taking rows by their numbers copies.
        self._rows = slice(None) if montage.is_eeg.all() else self._eeg
        wanted = settings.resample_hz or rate_hz
        self._resampler = None if wanted == rate_hz else Resampler(rate_hz, wanted, self._eeg.size)
        self.rate_hz = float(wanted)
        """Rate of the samples that `pop` returns."""
        self._ratio = self.rate_hz / rate_hz
        self._last_time = math.nan
        # What waits for its hop to fill lies between `_start` and `_end`.
        self._second = math.ceil(self.rate_hz)
        self._samples = np.empty((self._second, self._eeg.size))
        self._times = np.empty(self._second)
        self._whole = ElectrodeSet.all_of(self._eeg.size)
        self._all_whole = True
        self.refill_s = np.inf
        """Seconds after a sample that was none, until nothing remembers it."""
        self.reset()

    @property
    def delay_s(self) -> float:
        """Seconds that the newest sample waits inside the resampler."""
        return self._resampler.delay_s if self._resampler else 0.0

    def reset(self) -> None:
        """Begin anew after a gap; what waits for its hop to fill is let go."""
        n = self._eeg.size
        self._base = np.zeros(n)  # first finite value
        self._begun = np.zeros(n, np.bool_)  # channels that have had a finite value
        self._all_begun = False
        self._held = np.zeros(n)
        self._level = np.zeros(n)  # what is left of the starting level
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
        with np.errstate(invalid="ignore", over="ignore"):  # damaged floats are seen to below
            block = samples[self._rows].T.astype(np.float64, order="C")
            # The sum of squares is small enough only if all is.
            flat = block.reshape(-1)
            finite = flat.dot(flat) < _ABSURD**2 and math.isfinite(times.dot(times))
        if not finite:
            block[np.abs(block) > _ABSURD] = np.nan
            # A sample without one finite value is none: it leaves a hole in the stamps.
            real = np.isfinite(block).any(axis=1) & np.isfinite(times)
            block, times = block[real], times[real]
        if not len(times):
            return []
        period, backwards = self._period, -2 * self._period
        before = times.item(0) - self._last_time - period
        # The first chunk has nothing before it.
        before = 0.0 if math.isnan(before) else max(before, chunk.gap_before)
        self._last_time = times.item(-1)
        missing = times[1:] - times[:-1]
        missing -= period
        # No step is further off than the root of all steps' squares together.
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
        """Cut where more than a hole is missing before a sample, (n,) seconds."""
        # A stamp that runs backwards is a clock reset: nobody knows what lies between.
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
        """Take samples that continue the last ones."""
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
        """Move what waits to the beginning of the buffer; where n more samples go."""
        samples, times = self._waiting()
        held = len(times)
        if not held + n <= len(self._times) <= 4 * (held + n + self._second):
            self._samples = np.empty((held + n + self._second, self._eeg.size))
            self._times = np.empty(len(self._samples))
        self._samples[:held], self._times[:held] = samples, times
        self._start, self._end = 0, held
        return held, held + n

    def _mend(self, block: NDArray[np.float64]) -> None:
        """Take the base off, in place; where a sample is none, hold the last value (or 0)."""
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
            # The resampler's kernel reaches back from a hole to samples before it.
            first = self._taken - self.delay_s / self._period
            self._holes += [
                ((first + int(i)) * self._ratio, int(c)) for i in np.flatnonzero(~finite[:, c])
            ]

    # --- out --------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Samples that wait for their hop to fill."""
        return self._end - self._start

    @property
    def broken(self) -> bool:
        """Whether something is missing that is still remembered: hops then go one by one."""
        return self._any_hole or bool(self._holes) or bool(self._missing)

    def pop(self, sizes: Sequence[int]) -> Hops:
        """Return the oldest waiting hops, of so many samples each; they must be there."""
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
        """Return the channels of which nothing that is missing is remembered any more."""
        if self._holes:
            self._any_hole = True
            for sample, channel in self._holes:
                if sample < self._given:
                    self._last_hole[channel] = max(sample, self._last_hole[channel])
            self._holes = [hole for hole in self._holes if hole[0] >= self._given]
        if self._any_hole or not self._all_whole:
            whole = self._given - self._last_hole > self.refill_s * self.rate_hz
            self._all_whole = bool(whole.all())
            self._any_hole = not self._all_whole
            self._whole = self._whole.changed_to(whole)
        return self._whole

    def pending(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the samples that wait for their hop to fill, (n, n_eeg), and their times."""
        block, times = self._waiting()
        level = self._level
        if not self._given and len(block):
            level = block.mean(axis=0)
        return block - level, times.copy()

    def _waiting(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        held = slice(self._start, self._end)
        return self._samples[held], self._times[held]
