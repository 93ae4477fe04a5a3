"""Causal detection of blinks, jaw clenches and movement, hop by hop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import ArtifactSettings
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.robust import middle, per_hop

REACH_S = 0.4
"""Seconds of the peak-to-peak measurement; a blink lasts 0.2 to 0.4 s."""

FRONT_Y_M, FRONT_Z_M = 0.095, 0.06
"""Electrodes further forward and lower than this (Fp1, Fp2, AF7, AF8, AF3, AF4) show the eyes."""

BLINK_OVER_REST = 2.0
"""A blink is this many times larger in front than behind."""

BLINK_OVER_USUAL = 2.5
"""A blink is this many times larger than the same electrodes usually are."""

JAW_LEAST_UV = 3.0
"""Smaller high-frequency amplitudes than this are amplifier noise."""

FALL_S, RISE_S = 1.0, 30.0
"""Time constants of the usual level: it falls fast, so that a bad start fades soon, and rises
slowly, so that a clench does not become usual."""


class ArtifactDetector:
    """Detector of blinks, jaw clenches and movement.

    - Blink: the frontal electrodes swing by more than `blink_uv` within 0.4 s, more than twice as
      far as the others and well beyond what is usual for them.
    - Jaw clench: at two or more electrodes (one, where there are fewer than four) the amplitude
      above the bands is `jaw_nats` over the usual level.
    - Movement: at half of the electrodes or more, a swing of more than `movement_uv`.

    Parameters
    ----------
    settings : ArtifactSettings
        Bounds.
    montage : Montage
        Channels; only EEG channels are used.
    hop_s : float
        Seconds between two calls of `detect`.
    """

    def __init__(self, settings: ArtifactSettings, montage: Montage, hop_s: float) -> None:
        self._settings = settings
        places = montage.positions[montage.is_eeg]
        # NaN compares as False: an electrode without a position is not in front.
        self._front = (places[:, 1] > FRONT_Y_M) & (places[:, 2] < FRONT_Z_M)
        reach = max(1, round(REACH_S / hop_s))
        # Highest and (negated) lowest value of each of the last hops, oldest first.
        self._edges = np.full((2, reach - 1, len(places)), -np.inf)
        self._fall, self._rise = np.exp(-hop_s / np.array([FALL_S, RISE_S])).tolist()
        self._jaw_ratio = float(np.exp(settings.jaw_nats))
        self._least_swing = min(settings.blink_uv, settings.movement_uv)
        self._least_loud = self._jaw_ratio * JAW_LEAST_UV
        self._usual: NDArray[np.float64] | None = None  # (2, n_eeg): swing, and RMS above bands
        self._version = -1  # of the good electrodes of the last hop
        self._front_rows = self._rest_rows = np.zeros(0, np.intp)
        self._n_good = 0

    def reset(self) -> None:
        """Drop the swing of the last hops (after a gap); the usual levels stay."""
        self._edges = np.full_like(self._edges, -np.inf)

    def detect(
        self,
        shown: NDArray[np.float64],
        sizes: Sequence[int],
        energy: NDArray[np.float64],
        good: ElectrodeSet,
    ) -> list[tuple[str, ...]]:
        """Return the artifacts in each of some hops.

        Parameters
        ----------
        shown : ndarray of float64, shape (n, n_eeg)
            EEG as displayed, in microvolts.
        sizes : sequence of int
            Samples of each hop.
        energy : ndarray of float64, shape (n_hops, n_eeg)
            Sum of squares over each hop of what lies above the bands, in square microvolts.
        good : ElectrodeSet
            Electrodes in which artifacts are searched.
        """
        if good.version != self._version:
            self._version, self._n_good = good.version, int(np.count_nonzero(good.mask))
            self._front_rows = np.flatnonzero(good.mask & self._front)
            self._rest_rows = np.flatnonzero(good.mask & ~self._front)
        n, before = len(sizes), self._edges.shape[1]
        edges = np.empty((2, before + n, shown.shape[1]))
        edges[:, :before] = self._edges
        at = before
        for part in per_hop(shown, sizes):
            end = at + len(part)
            np.maximum.reduce(part, axis=1, out=edges[0, at:end])
            np.negative(np.minimum.reduce(part, axis=1), out=edges[1, at:end])
            at = end
        self._edges = edges[:, n:]
        reached = edges[:, :n]
        for i in range(1, before + 1):
            reached = np.maximum(reached, edges[:, i : i + n])
        now = np.empty((n, 2, shown.shape[1]))
        np.add(reached[0], reached[1], out=now[:, 0])
        samples = sizes[0] if n == 1 else np.array(sizes)[:, None]
        np.sqrt(energy / samples, out=now[:, 1])
        # Nearly always the largest of all values is below the bounds.
        most = np.maximum.reduce(now, axis=2).tolist()
        found = []
        for hop, (widest, loudest) in zip(now, most, strict=True):
            unusual = widest > self._least_swing or loudest > self._least_loud
            found.append(self._name(hop[0], hop[1], good.mask) if unusual else ())
            self._usual = hop if self._usual is None else self._follow(hop, self._usual)
        return found

    def _follow(self, now: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
        """Update the usual levels with a hop: down fast and up slowly."""
        above = usual - now
        left: NDArray[np.float64] = np.minimum(self._fall * above, self._rise * above)
        left += now
        return left

    def _name(
        self, swing: NDArray[np.float64], loud: NDArray[np.float64], good: NDArray[np.bool_]
    ) -> tuple[str, ...]:
        s, usual = self._settings, self._usual
        found = []
        moving = swing > s.movement_uv
        if np.count_nonzero(moving) and np.count_nonzero(moving & good) >= 0.5 * self._n_good:
            found.append("movement")
        elif self._front_rows.size:
            eyes = middle(swing[self._front_rows])
            if eyes > s.blink_uv:
                behind = middle(swing[self._rest_rows]) if self._rest_rows.size else 0.0
                before = 0.0 if usual is None else middle(usual[0, self._front_rows])
                if eyes > max(BLINK_OVER_REST * behind, BLINK_OVER_USUAL * before):
                    found.append("blink")
        if usual is not None:
            above = loud > self._jaw_ratio * np.maximum(usual[1], JAW_LEAST_UV)
            if np.count_nonzero(above & good) >= (2 if self._n_good >= 4 else 1):
                found.append("jaw clench")
        return tuple(found)
