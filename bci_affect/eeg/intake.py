"""The way in: gaps, samples that are none, the rate, and units; from chunks to samples of a hop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.resample import Resampler
from bci_affect.eeg.units import units_scale
from bci_affect.errors import BciAffectError

MIN_HOLE_S = 0.05
"""Shorter irregularities of the stamps are jitter; more than this (and two samples) is missing."""


@dataclass(frozen=True, slots=True)
class HopIn:
    """Samples of one hop, finite and in microvolts.

    Attributes
    ----------
    block : ndarray of float64, shape (n, n_eeg)
        Microvolts, with each channel's starting level taken off.
    times : ndarray of float64, shape (n,)
        LSL time of each sample.
    whole : ndarray of bool, shape (n_eeg,)
        Channels with no hole in the time that a window and the filters remember.
    missing_s : float
        Seconds that are missing inside the hop, less than a gap.
    """

    block: NDArray[np.float64]
    times: NDArray[np.float64]
    whole: NDArray[np.bool_]
    missing_s: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of a chunk with no gap between them.

    Attributes
    ----------
    samples : ndarray, shape (n_channels, n)
        As in `Chunk`.
    times : ndarray of float64, shape (n,)
        As in `Chunk`.
    gap_s : float
        Seconds missing before the first sample if that is a gap, else 0.
    holes : tuple of (int, float)
        Samples before which something is missing, less than a gap, and how many seconds.
    finite : bool
        Whether every sample is known to be a number.
    """

    samples: NDArray[np.floating]
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
    units : sequence of str
        As the stream names them; empty where it names none.
    """

    def __init__(
        self, settings: SignalSettings, rate_hz: float, montage: Montage, units: Sequence[str]
    ) -> None:
        if units and len(units) != len(montage):
            raise BciAffectError(
                f"The stream names {len(units)} units for {len(montage)} channels."
            )
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
        known = units_scale(units or [""] * len(montage))[self._eeg]
        self.units_known = bool(np.isfinite(known).any())
        """Whether the stream named a unit that we know, for at least one channel."""
        common = float(np.nanmedian(known)) if self.units_known else 1.0
        self._scale = np.where(np.isfinite(known), known, common)
        self._last_time = np.nan
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
        self._base = np.zeros(n)  # first finite value, in the stream's units
        self._begun = np.zeros(n, np.bool_)  # channels that have had a finite value
        self._all_begun = False
        self._held = np.zeros(n)
        self._level = np.zeros(n)  # what is left of the starting level, in the stream's units
        self._taken = 0  # samples in
        self._given = 0  # samples out
        self._last_hole = np.full(n, -np.inf)
        self._holes: list[tuple[float, int]] = []  # (sample out, channel) not yet popped
        self._missing: list[tuple[float, float]] = []  # (sample out, seconds) not yet popped
        self._blocks: list[NDArray[np.float64]] = []
        self._times: list[NDArray[np.float64]] = []
        self._waiting = 0
        if self._resampler:
            self._resampler.reset()

    def rescale(self, factor: float) -> None:
        """Change the unit of everything to come (and of what waits)."""
        self._scale = self._scale * factor

    # --- in ---------------------------------------------------------------------------------

    def split(self, chunk: Chunk) -> Iterator[Piece]:
        """Cut a chunk at gaps."""
        samples, times = chunk.samples, chunk.times
        if samples.ndim != 2 or samples.shape[0] != self._n_channels:
            raise BciAffectError(
                f"The stream now sends {samples.shape[0]} channels instead of "
                f"{self._n_channels}; connect to it again."
            )
        # A sum is finite only if all is (or, once in a blue moon, overflows: then it is looked at).
        finite = bool(np.isfinite(samples.sum()) and np.isfinite(times.sum()))
        if not finite:
            # A sample without one finite value is none: it leaves a hole in the stamps.
            real = np.isfinite(samples[self._eeg]).any(axis=0) & np.isfinite(times)
            samples, times = samples[:, real], times[real]
        if not len(times):
            return
        missing = np.empty(len(times))
        np.subtract(times[1:], times[:-1], out=missing[1:])
        missing[0] = times[0] - self._last_time
        missing -= self._period
        if np.isnan(missing[0]):  # the first chunk
            missing[0] = 0.0
        else:
            missing[0] = max(missing[0], chunk.gap_before)
        self._last_time = float(times[-1])
        backwards = -2 * self._period
        if missing.max() <= self._hole_s and missing.min() >= backwards:
            yield Piece(samples, times, 0.0, (), finite)
            return
        # A stamp that runs backwards is a clock reset: nobody knows what lies between.
        gap = (missing > self._gap_s) | (missing < backwards)
        holes = np.flatnonzero((missing > self._hole_s) & ~gap)
        cut = np.flatnonzero(gap)
        for start, end in pairwise([0, *cut[cut > 0], len(times)]):
            yield Piece(
                samples[:, start:end],
                times[start:end],
                abs(float(missing[start])) if gap[start] else 0.0,
                tuple((int(h) - start, float(missing[h])) for h in holes if start <= h < end),
                finite,
            )

    def take(self, piece: Piece) -> None:
        """Take samples that continue the last ones."""
        block = piece.samples[self._rows].T.astype(np.float64)
        if piece.finite and self._all_begun:
            block -= self._base
        else:
            self._mend(block)
        self._held = block[-1]
        for at, seconds in piece.holes:
            self._missing.append(((self._taken + at) * self._ratio, seconds))
        self._taken += len(block)
        times = np.asarray(piece.times, np.float64)
        if self._resampler:
            block, times = self._resampler.push(block, times)
        self._blocks.append(block)
        self._times.append(times)
        self._waiting += len(block)

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

    def pop(self, n: int) -> HopIn | None:
        """Return the oldest `n` waiting samples, or None while there are fewer."""
        if self._waiting < n:
            return None
        block, times = self._joined()
        self._blocks, self._times = [block[n:]], [times[n:]]
        self._waiting -= n
        block, times = block[:n], times[:n]
        if not self._given:
            self._level = block.mean(axis=0)
        self._given += n
        missing_s = sum(s for at, s in self._missing if at < self._given)
        self._missing = [m for m in self._missing if m[0] >= self._given]
        for sample, channel in self._holes:
            if sample < self._given:
                self._last_hole[channel] = max(sample, self._last_hole[channel])
        self._holes = [hole for hole in self._holes if hole[0] >= self._given]
        whole = self._given - self._last_hole > self.refill_s * self.rate_hz
        return HopIn((block - self._level) * self._scale, times, whole, missing_s)

    def pending(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the samples that wait for their hop to fill, (n, n_eeg), and their times."""
        block, times = self._joined()
        level = self._level
        if not self._given and len(block):
            level = block.mean(axis=0)
        return (block - level) * self._scale, times

    def _joined(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self._blocks:
            return np.empty((0, self._eeg.size)), np.empty(0)
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
            self._times = [np.concatenate(self._times)]
        return self._blocks[0], self._times[0]
