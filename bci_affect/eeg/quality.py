"""Quality of each electrode: causal tests, voted over time, with their reasons.

Once a second every electrode is tested for each `Fault`; a test's hits fade in and out with the
voting time, so that one blink excludes no electrode and a loose one goes within seconds. Bounds
after PREP (Bigdely-Shamlo et al. 2015), made causal, with absolute bounds for dry and wet headsets
in ``configs/``.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import QualitySettings
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.not_eeg import NotEegDetector, SpikeDetector, counts
from bci_affect.eeg.robust import middle, outlier, rms

TICK_S = 1.0
"""Seconds between two checks (or one hop, if that is longer)."""

BAD_BELOW, GOOD_ABOVE = 0.5, 0.75
"""Quality below which an electrode is excluded, and above which it returns."""

MIN_FOR_NEIGHBOURS = 16
"""Fewest electrodes of a cap whose neighbours are close enough to compare."""

N_NEIGHBOURS = 4

TYPICAL_CORRELATION = 0.6
"""Neighbours' median correlation above which a low one is an electrode's fault, not the head's."""

MIRRORED_BELOW = -0.6
"""Correlation with most of its neighbours below which an electrode's polarity is reversed."""
CONTACT_SWING_UV = 250.0
"""Swing within a tick at which the contact is 0.5, after a headset's own contact values."""

RAIL_MOVES_UV = 20.0
"""An electrode that moves this far within a tick and yet repeats its values is railed, not flat."""

REPEATS_UV = 1e-6
"""Smallest step in microvolts that counts as a change."""


class Fault(IntEnum):
    """Faults of an electrode; rows of the votes."""

    FLAT = 0
    RAILED = 1
    CONTACT = 2
    COUNTER = 3
    SPIKES = 4
    NOISY = 5
    WEAK = 6
    LINE = 7
    HIGH_FREQUENCY = 8
    ALONE = 9
    REVERSED = 10
    COPY = 11
    TONE = 12
    NOISE = 13
    UNRELATED = 14


WORDS = {
    Fault.FLAT: "flat",
    Fault.RAILED: "railed",
    Fault.CONTACT: "contact changes",
    Fault.COUNTER: "counter or ramp",
    Fault.SPIKES: "spikes of a heartbeat",
    Fault.NOISY: "too large",
    Fault.WEAK: "too small",
    Fault.LINE: "mains hum",
    Fault.HIGH_FREQUENCY: "muscle or high-frequency noise",
    Fault.ALONE: "unlike its neighbours",
    Fault.REVERSED: "polarity reversed",
    Fault.COPY: "same signal as another electrode",
    Fault.TONE: "test signal",
    Fault.NOISE: "only noise",
    Fault.UNRELATED: "unrelated to the other electrodes",
}
"""Names of the faults for users."""

_HARD = np.array([t <= Fault.SPIKES for t in Fault])
"""Tests that vote during blinks and movement too, and twice as fast."""

_SIZES = slice(Fault.NOISY, Fault.HIGH_FREQUENCY + 1)
"""Tests of size, in the order of their amplitudes: displayed, before the reference, hum, above."""

_MOST_OF_SPREAD = np.array([0.0, 0.0, 1.0, 0.5])[:, None]
"""Hum and muscle that exceed the other electrodes' count above this share of the displayed EEG."""


class Quality:
    """Votes of the tests per electrode, and the electrodes in use.

    Parameters
    ----------
    settings : QualitySettings
        Bounds.
    montage : Montage
        Channels; only EEG channels are tested.
    tick_s : float
        Seconds between two calls of `update`.
    """

    def __init__(self, settings: QualitySettings, montage: Montage, tick_s: float) -> None:
        self._settings = settings
        eeg = np.flatnonzero(montage.is_eeg)
        self._names = [montage.names[row] for row in eeg]
        self.votes = np.zeros((len(Fault), eeg.size))
        """Share of the voting time in which a test hit, (n_tests, n_eeg)."""
        self.good = np.ones(eeg.size, np.bool_)
        """Electrodes in use, (n_eeg,)."""
        self.score = np.ones(eeg.size, np.float32)
        """Quality per electrode, 0 to 1, (n_eeg,)."""
        self.contact = np.full(eeg.size, np.nan, np.float32)
        """Contact per electrode in the last tick alone, 0 to 1, (n_eeg,); NaN before the first."""
        self._pace = np.where(_HARD, 2, 1)[:, None] * min(1.0, tick_s / settings.vote_s)
        self._pace_hard = np.where(_HARD[:, None], self._pace, 0.0)
        self._most = np.array(
            [[settings.max_uv], [np.inf], [settings.max_line_uv], [settings.max_high_uv]]
        )
        self._neighbours = _neighbours(montage.positions[eeg])
        self._covariance = np.zeros((eeg.size, eeg.size))
        self._mix = min(1.0, tick_s / 2.0)
        self._room = np.empty((0, eeg.size))
        self._spikes = SpikeDetector(eeg.size, tick_s)
        self._not_eeg = NotEegDetector(eeg.size, tick_s)

    def reasons(self, least: float = 0.25) -> dict[str, tuple[str, ...]]:
        """Return, per electrode, the faults found more than a share `least` of the time."""
        found: dict[str, tuple[str, ...]] = {}
        for c in np.flatnonzero(self.votes.max(axis=0) > least):
            worst = np.argsort(-self.votes[:, c], kind="stable")
            found[self._names[c]] = tuple(
                WORDS[Fault(t)] for t in worst if self.votes[t, c] > least
            )
        return found

    def out(self) -> list[str]:
        """Return one sentence per excluded electrode, with its faults."""
        why = self.reasons()
        names = [self._names[c] for c in np.flatnonzero(~self.good)]
        return [f"{name}: {', '.join(why.get(name, ('coming back',)))}" for name in names]

    def update(
        self,
        raw: NDArray[np.float64],
        hp: NDArray[np.float64],
        clean: NDArray[np.float64],
        spread: NDArray[np.float64],
        top: NDArray[np.float64],
        *,
        artifact: bool,
    ) -> None:
        """Update the votes with the last tick; all in microvolts.

        Parameters
        ----------
        raw, hp, clean : ndarray of float64, shape (n, n_eeg)
            As received; high-passed; without mains hum.
        spread, top : ndarray of float64, shape (n_eeg,)
            RMS of the EEG as displayed (low-passed, referenced), and of what lies above the bands.
        artifact : bool
            True if a blink, clench or movement was found: only the hard tests vote then.
        """
        s, n = self._settings, len(raw)
        if self._room.shape != raw.shape:
            self._room = np.empty(raw.shape)
        hits = np.zeros(self.votes.shape, np.bool_)
        total, kept = rms(hp), rms(clean)
        line = rms(np.subtract(hp, clean, out=self._room))
        highest, lowest = np.maximum.reduce(raw), np.minimum.reduce(raw)
        moved = highest - lowest > RAIL_MOVES_UV
        same = self._still(raw)
        dead = (total < s.flat_uv) | (same & ~moved)
        hits[Fault.FLAT] = dead
        swing = np.maximum.reduce(hp) - np.minimum.reduce(hp)
        self.contact = np.where(dead, 0.0, 1 / (1 + (swing / CONTACT_SWING_UV) ** 2))
        self.contact = self.contact.astype(np.float32)
        most = max(6, s.clipped_share * n)
        hits[Fault.RAILED] = moved & (same | self._clipped(raw, highest, lowest, most))
        # No value is larger than the root of all values' squares together.
        if np.maximum.reduce(total) > s.contact_uv / math.sqrt(n):
            far = np.flatnonzero(total > s.contact_uv / math.sqrt(n))
            hits[Fault.CONTACT, far] = np.abs(hp[:, far]).max(axis=0) > s.contact_uv
        filled = ~dead & (kept >= s.flat_uv)
        hits[Fault.COUNTER] = filled & counts(raw)
        hits[Fault.SPIKES] = filled & self._spikes.update(clean, filled)
        if not artifact:
            alive = ~dead
            amplitudes = np.array([spread, kept, line, top])
            z = outlier(amplitudes, alive)
            large = amplitudes > self._most
            large |= (z > s.outlier_z) & (amplitudes > spread * _MOST_OF_SPREAD)
            hits[_SIZES] = large
            # Before the reference, which lends a dead electrode the others' mean.
            hits[Fault.WEAK] = alive & (z[1] < -s.outlier_z)
            hits[Fault.ALONE : Fault.REVERSED + 1] = alive & self._among_neighbours(clean)
            hits[Fault.LINE] |= alive & (kept < s.flat_uv)  # nothing but hum
            hits[Fault.COPY :] = self._not_eeg.update(clean, filled)
        self.votes += (self._pace_hard if artifact else self._pace) * (hits - self.votes)
        self.score = np.multiply.reduce(1.0 - self.votes, axis=0).astype(np.float32)
        self.good = np.where(self.good, self.score >= BAD_BELOW, self.score > GOOD_ABOVE)

    def _still(self, raw: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the electrodes of which more than half of the samples repeat the one before."""
        n, n_channels = raw.shape
        still = np.zeros(n_channels, np.bool_)
        # If more than half do, two in a row do: check every second sample first, and the last
        # step, which may not be one of them.
        pairs = (n - 1) // 2
        apart = self._room[: pairs + 1]
        np.subtract(raw[2::2], raw[: 2 * pairs : 2], out=apart[:-1])
        np.subtract(raw[-1], raw[-2], out=apart[-1])
        np.abs(apart, out=apart)
        if np.minimum.reduce(apart, axis=None) < 3 * REPEATS_UV:
            suspects = np.flatnonzero(np.minimum.reduce(apart) < 3 * REPEATS_UV)
            steps = np.abs(np.diff(raw[:, suspects], axis=0))
            still[suspects] = np.count_nonzero(steps < REPEATS_UV, axis=0) > 0.5 * (n - 1)
        return still

    def _clipped(
        self,
        raw: NDArray[np.float64],
        highest: NDArray[np.float64],
        lowest: NDArray[np.float64],
        most: float,
    ) -> NDArray[np.bool_]:
        """Electrodes with more than `most` samples at the edges of their range."""
        above, below = raw == highest, raw == lowest
        # Each electrode is once at each edge; nearly always there is little beyond that in all.
        beyond = np.count_nonzero(above) + np.count_nonzero(below) - 2 * len(highest)
        if beyond + 2 <= most:
            return np.zeros(len(highest), np.bool_)
        clipped: NDArray[np.bool_] = np.count_nonzero(above | below, axis=0) > most
        return clipped

    def _among_neighbours(self, clean: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Compare electrodes with their neighbours, if others agree with theirs, (2, n_eeg).

        First those that agree with none of their neighbours, then those that mirror most of them.
        """
        found = np.zeros((2, clean.shape[1]), np.bool_)
        if self._neighbours is None:
            return found
        np.copyto(self._room, clean)  # BLAS is slower where it sees a matrix meet itself
        now = clean.T @ self._room
        now /= len(clean)
        now -= self._covariance
        now *= self._mix
        self._covariance += now
        sd = np.sqrt(np.maximum(np.diagonal(self._covariance), 1e-12))
        shared = self._covariance.ravel()[self._neighbours] / sd[:, None]
        shared /= sd[self._neighbours % len(sd)]
        best = np.maximum.reduce(np.abs(shared), axis=1)
        if middle(best) < TYPICAL_CORRELATION:
            return found
        found[0] = best < self._settings.min_correlation
        found[1] = np.count_nonzero(shared < MIRRORED_BELOW, axis=1) > N_NEIGHBOURS / 2
        return found


def _neighbours(positions: NDArray[np.float32]) -> NDArray[np.intp] | None:
    """Nearest electrodes of each as places in a flat matrix of all pairs, (n_eeg, N_NEIGHBOURS).

    None where they are too few to have to agree.
    """
    known = np.isfinite(positions).all(axis=1)
    if known.sum() < MIN_FOR_NEIGHBOURS or not known.all():
        return None
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    nearest: NDArray[np.intp] = np.argsort(apart, axis=1, kind="stable")[:, 1 : N_NEIGHBOURS + 1]
    return nearest + len(positions) * np.arange(len(positions))[:, None]
