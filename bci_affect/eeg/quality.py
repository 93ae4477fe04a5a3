"""How far each electrode can be trusted: causal tests, voted over time, with the reasons kept.

Once a second every electrode is tested for each `Fault`; a test's hits fade in and out with the
voting time, so that one blink takes nobody out and a loose electrode goes within seconds. Bounds
after PREP (Bigdely-Shamlo et al. 2015), made causal, with absolute bounds for dry and wet headsets
in ``configs/``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import QualitySettings
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.robust import middle, outlier, rms

TICK_S = 1.0
"""Seconds between two looks (or one hop, if that is longer)."""

BAD_BELOW, GOOD_ABOVE = 0.5, 0.75
"""Quality at which an electrode is taken out, and at which it comes back."""

MIN_FOR_NEIGHBOURS = 16
"""On sparser caps neighbours are too far apart to have to agree."""

N_NEIGHBOURS = 4

TYPICAL_CORRELATION = 0.6
"""Neighbours' median correlation above which a low one is an electrode's fault, not the head's."""


RAIL_MOVES_UV = 20.0
"""An electrode that moves as far as this within a tick and yet stands still is railed, not flat."""


class Fault(IntEnum):
    """What may be wrong with an electrode; rows of the votes."""

    FLAT = 0
    RAILED = 1
    CONTACT = 2
    NOISY = 3
    WEAK = 4
    LINE = 5
    HIGH_FREQUENCY = 6
    ALONE = 7


WORDS = {
    Fault.FLAT: "flat",
    Fault.RAILED: "railed",
    Fault.CONTACT: "contact changes",
    Fault.NOISY: "too large",
    Fault.WEAK: "too small",
    Fault.LINE: "mains hum",
    Fault.HIGH_FREQUENCY: "muscle or high-frequency noise",
    Fault.ALONE: "unlike its neighbours",
}
"""The tests in the words that users read."""

_HARD = np.array([t <= Fault.CONTACT for t in Fault])
"""Tests that no blink or movement excuses; they vote twice as fast."""


class Quality:
    """Votes of the tests per electrode, and who is good.

    Parameters
    ----------
    settings : QualitySettings
        Bounds.
    montage : Montage
        Channels; only those that are EEG are judged.
    tick_s : float
        Seconds between two calls of `judge`.
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
        self._pace = np.where(_HARD, 2, 1)[:, None] * min(1.0, tick_s / settings.vote_s)
        self._neighbours = _neighbours(montage.positions[eeg])
        self._covariance = np.zeros((eeg.size, eeg.size))
        self._mix = min(1.0, tick_s / 2.0)

    def reasons(self, least: float = 0.25) -> dict[str, tuple[str, ...]]:
        """Electrodes with the tests that hit more than a share `least` of the time, in words."""
        found: dict[str, tuple[str, ...]] = {}
        for c in np.flatnonzero(self.votes.max(axis=0) > least):
            worst = np.argsort(-self.votes[:, c], kind="stable")
            found[self._names[c]] = tuple(
                WORDS[Fault(t)] for t in worst if self.votes[t, c] > least
            )
        return found

    def out(self) -> list[str]:
        """One sentence per electrode that is out, with what is wrong with it."""
        why = self.reasons()
        names = [self._names[c] for c in np.flatnonzero(~self.good)]
        return [f"{name}: {', '.join(why.get(name, ('coming back',)))}" for name in names]

    def judge(
        self,
        raw: NDArray[np.float64],
        hp: NDArray[np.float64],
        clean: NDArray[np.float64],
        shown: NDArray[np.float64],
        high: NDArray[np.float64],
        *,
        artifact: bool,
    ) -> None:
        """Take the last tick's samples, each (n, n_eeg) in microvolts, into the votes.

        Parameters
        ----------
        raw, hp, clean, shown, high : ndarray of float64, shape (n, n_eeg)
            As received; high-passed; without mains hum; as displayed (low-passed, referenced); only
            what lies above the bands.
        artifact : bool
            A blink, clench or movement explains what is unusual: only the hard tests vote.
        """
        s, n = self._settings, len(raw)
        total, line, spread, top = (rms(x) for x in (hp, hp - clean, shown, high))
        hits = np.zeros(self.votes.shape, np.bool_)
        same = np.count_nonzero(np.abs(raw[1:] - raw[:-1]) < 1e-6, axis=0) > 0.5 * (n - 1)
        top_edge, bottom_edge = raw.max(axis=0), raw.min(axis=0)
        moved = top_edge - bottom_edge > RAIL_MOVES_UV
        hits[Fault.FLAT] = (total < s.flat_uv) | (same & ~moved)
        at_edge = np.count_nonzero((raw >= top_edge) | (raw <= bottom_edge), axis=0)
        hits[Fault.RAILED] = moved & (same | (at_edge > max(6, s.clipped_share * n)))
        hits[Fault.CONTACT] = np.maximum(hp.max(axis=0), -hp.min(axis=0)) > s.contact_uv
        if not artifact:
            alive = ~hits[Fault.FLAT]
            apart = outlier(spread, alive)
            hits[Fault.NOISY] = (spread > s.max_uv) | (apart > s.outlier_z)
            # Before the reference, which lends a dead electrode the others' mean.
            hits[Fault.WEAK] = alive & (outlier(rms(clean), alive) < -s.outlier_z)
            hits[Fault.LINE] = (line > s.max_line_uv) | (
                (outlier(line, alive) > s.outlier_z) & (line > spread)
            )
            hits[Fault.HIGH_FREQUENCY] = (top > s.max_high_uv) | (
                (outlier(top, alive) > s.outlier_z) & (top > 0.5 * spread)
            )
            hits[Fault.ALONE] = alive & self._alone(clean)
        active = _HARD[:, None] | (not artifact)
        self.votes += np.where(active, self._pace, 0.0) * (hits - self.votes)
        self.score = np.multiply.reduce(1.0 - self.votes, axis=0).astype(np.float32)
        self.good = np.where(self.good, self.score >= BAD_BELOW, self.score > GOOD_ABOVE)

    def _alone(self, clean: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Electrodes that agree with none of their neighbours although others do."""
        if self._neighbours is None:
            return np.zeros(clean.shape[1], np.bool_)
        self._covariance += self._mix * (clean.T @ clean / len(clean) - self._covariance)
        sd = np.sqrt(np.maximum(np.diag(self._covariance), 1e-12))
        correlation = np.abs(self._covariance / sd[:, None] / sd)
        best = correlation.ravel()[self._neighbours].max(axis=1)
        if middle(best) < TYPICAL_CORRELATION:
            return np.zeros(clean.shape[1], np.bool_)
        low: NDArray[np.bool_] = best < self._settings.min_correlation
        return low


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
