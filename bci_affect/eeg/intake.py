"""The way in: gaps, units, samples that are none, and the rate; from chunks to samples of a hop."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.units import units_scale
from bci_affect.errors import BciAffectError

log = logging.getLogger(__name__)


class Intake:
    """Turns chunks as they come into finite microvolts of the EEG channels; holds a hop of them.

    Each channel's first value is taken off it and off everything behind it, so that filters which
    begin at rest have no step of tens of thousands of microvolts to ring at (the same as starting
    them with ``sosfilt_zi`` times the first sample). Samples that are not finite hold the last
    value and are counted: a channel is `whole` again when none is in window and settling time.
    """

    def __init__(
        self, settings: SignalSettings, rate_hz: float, montage: Montage, units: Sequence[str]
    ) -> None:
        self.messages: list[str] = []
        self.rate_hz = float(rate_hz)
        self._gap_s = settings.gap_s
        self._period = 1.0 / rate_hz
        self._n_channels = len(montage)
        self._eeg = np.flatnonzero(montage.is_eeg)
        if units and len(units) != len(montage):
            raise BciAffectError(
                f"The stream names {len(units)} units for {len(montage)} channels."
            )
        known = units_scale(units or [""] * len(montage))[self._eeg]
        self._scale = np.where(np.isfinite(known), known, 1.0)
        self._last_time = np.nan
        self.refill_s = np.inf
        self.reset()

    def reset(self) -> None:
        """Begin anew after a gap; what waits for its hop to fill is let go."""
        n = self._eeg.size
        self._base = np.zeros(n)
        self._begun = np.zeros(n, np.bool_)  # channels that have had a finite value
        self._held = np.zeros(n)
        self._taken = 0
        self._last_hole = np.full(n, -np.inf)
        self._holes: list[tuple[int, int]] = []  # (sample, channel) not yet popped
        self._blocks: list[NDArray[np.float64]] = []
        self._times: list[NDArray[np.float64]] = []
        self._waiting = 0

    def split(self, chunk: Chunk) -> Iterator[tuple[Chunk, float]]:
        """Cut a chunk at gaps; yields each piece with the seconds missing before it (0: none)."""
        samples, times = chunk.samples, chunk.times
        if samples.ndim != 2 or samples.shape[0] != self._n_channels:
            raise BciAffectError(
                f"The stream now sends {samples.shape[0]} channels instead of "
                f"{self._n_channels}; connect to it again."
            )
        if not np.isfinite(samples.sum()) or not np.isfinite(times.sum()):
            # A sample without one finite value is none: it leaves a hole in the stamps.
            real = np.isfinite(samples[self._eeg]).any(axis=0) & np.isfinite(times)
            samples, times = samples[:, real], times[real]
        if not len(times):
            return
        steps = np.diff(times, prepend=self._last_time) - self._period
        if np.isnan(self._last_time):
            steps[0] = 0.0
        else:
            steps[0] = max(steps[0], chunk.gap_before)
        # A stamp that runs backwards is a clock reset: nobody knows what lies between.
        cut = np.flatnonzero((steps > self._gap_s) | (steps < -2 * self._period))
        edges = [0, *cut[cut > 0], len(times)]
        for start, end in pairwise(edges):
            gap = abs(float(steps[start])) if start in cut else 0.0
            yield Chunk(samples[:, start:end], times[start:end]), gap
            self._last_time = float(times[end - 1])

    def take(self, piece: Chunk) -> None:
        """Take samples that continue the last ones."""
        block = piece.samples[self._eeg].T.astype(np.float64)
        block *= self._scale
        if not self._begun.all() or not np.isfinite(block.sum()):
            self._mend(block)
        else:
            block -= self._base
        self._held = block[-1]
        self._taken += len(block)
        self._blocks.append(block)
        self._times.append(np.asarray(piece.times, np.float64))
        self._waiting += len(block)

    def _mend(self, block: NDArray[np.float64]) -> None:
        """Take the base off, in place; where a sample is none, hold the last value (or 0)."""
        finite = np.isfinite(block)
        for c in np.flatnonzero(~self._begun & finite.any(axis=0)):
            self._base[c] = block[np.argmax(finite[:, c]), c]
            self._begun[c] = True
        block -= self._base
        for c in np.flatnonzero(~finite.all(axis=0)):
            source = np.maximum.accumulate(np.where(finite[:, c], np.arange(len(block)), -1))
            held = np.where(source < 0, self._held[c], block[np.maximum(source, 0), c])
            block[:, c] = held
            self._holes += [(self._taken + int(i), int(c)) for i in np.flatnonzero(~finite[:, c])]

    def pop(
        self, n: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]] | None:
        """Return the oldest `n` waiting samples, or None while there are fewer.

        Returns
        -------
        block : ndarray of float64, shape (n, n_eeg)
        times : ndarray of float64, shape (n,)
        whole : ndarray of bool, shape (n_eeg,)
            Channels with no hole in the time that a window and the filters remember.
        """
        if self._waiting < n:
            return None
        block, times = self.pending()
        self._blocks = [block[n:]] if n < len(block) else []
        self._times = [times[n:]] if n < len(times) else []
        self._waiting = len(block) - n
        done = self._taken - self._waiting
        if self._holes:
            for sample, channel in self._holes:
                if sample < done:
                    self._last_hole[channel] = max(sample, self._last_hole[channel])
            self._holes = [hole for hole in self._holes if hole[0] >= done]
        whole = done - self._last_hole > self.refill_s * self.rate_hz
        return block[:n], times[:n], whole

    def pending(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the samples that wait for their hop to fill, (n, n_eeg), and their times."""
        if not self._blocks:
            return np.empty((0, self._eeg.size)), np.empty(0)
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
            self._times = [np.concatenate(self._times)]
        return self._blocks[0], self._times[0]
