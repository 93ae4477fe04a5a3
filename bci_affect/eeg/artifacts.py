"""Blinks, jaw clenches and movement, found causally, hop by hop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import ArtifactSettings
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.ring import Ring
from bci_affect.eeg.robust import middle, rms

REACH_S = 0.4
"""A blink lasts 0.2 to 0.4 s: peak-to-peak is taken over this time."""

FRONT_Y_M, FRONT_Z_M = 0.095, 0.06
"""Electrodes further forward and lower than this (Fp1, Fp2, AF7, AF8, AF3, AF4) see the eyes."""

BLINK_OVER_REST = 2.0
"""A blink is this many times larger in front than behind."""

BLINK_OVER_USUAL = 2.5
"""... and than the same electrodes usually are."""

JAW_LEAST_UV = 3.0
"""Less high-frequency EEG than this is amplifier noise, however it jumps."""

FALL_S, RISE_S = 1.0, 30.0
"""Time constants of what is usual: it falls fast, so that a bad start is soon forgotten, and rises
slowly, so that a clench does not become usual."""


class Artifacts:
    """Names what disturbs a hop.

    - Blink: the frontal electrodes swing by more than `blink_uv` within 0.4 s, more than twice as
      far as the others and well beyond what is usual for them.
    - Jaw clench: at two or more electrodes (one, where there are fewer than four) the amplitude
      above the bands stands `jaw_nats` over what is usual.
    - Movement: at half of the electrodes or more, a swing of more than `movement_uv`.

    Parameters
    ----------
    settings : ArtifactSettings
        Bounds.
    montage : Montage
        Channels; only those that are EEG are looked at.
    hop_s : float
        Seconds between two calls of `judge`.
    """

    def __init__(self, settings: ArtifactSettings, montage: Montage, hop_s: float) -> None:
        self._settings = settings
        places = montage.positions[montage.is_eeg]
        # NaN compares as False: an electrode without a place is not in front.
        self._front = (places[:, 1] > FRONT_Y_M) & (places[:, 2] < FRONT_Z_M)
        reach = max(1, round(REACH_S / hop_s))
        self._highs = Ring(reach, (len(places),))
        self._lows = Ring(reach, (len(places),))
        self._pace = np.exp(-hop_s / np.array([FALL_S, RISE_S]))
        self._usual_swing = np.full(len(places), np.nan)
        self._usual_high = np.full(len(places), np.nan)

    def reset(self) -> None:
        """Forget the swing of the last hops (after a gap); what is usual stays known."""
        self._highs.clear()
        self._lows.clear()

    def judge(
        self, shown: NDArray[np.float64], high: NDArray[np.float64], good: NDArray[np.bool_]
    ) -> tuple[str, ...]:
        """Name what disturbs this hop.

        Parameters
        ----------
        shown, high : ndarray of float64, shape (n, n_eeg)
            EEG as displayed, and only what lies above the bands, in microvolts.
        good : ndarray of bool, shape (n_eeg,)
            Electrodes to go by.
        """
        s = self._settings
        self._highs.append(shown.max(axis=0)[None])
        self._lows.append(shown.min(axis=0)[None])
        swing = self._highs.newest().max(axis=0) - self._lows.newest().min(axis=0)
        loud = rms(high)
        found = []
        moving = good & (swing > s.movement_uv)
        if moving.sum() >= max(1, 0.5 * good.sum()):
            found.append("movement")
        else:
            front, rest = good & self._front, good & ~self._front
            if front.any():
                eyes = middle(swing[front])
                usual = middle(self._usual_swing[front])
                behind = middle(swing[rest]) if rest.any() else 0.0
                if eyes > max(s.blink_uv, BLINK_OVER_REST * behind, BLINK_OVER_USUAL * usual):
                    found.append("blink")
        above = good & (loud > np.exp(s.jaw_nats) * np.maximum(self._usual_high, JAW_LEAST_UV))
        if above.sum() >= (2 if good.sum() >= 4 else 1):
            found.append("jaw clench")
        self._usual_swing = self._follow(self._usual_swing, swing)
        self._usual_high = self._follow(self._usual_high, loud)
        return tuple(found)

    def _follow(self, usual: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move what is usual towards what is now, down fast and up slowly."""
        pace = np.where(now < usual, self._pace[0], self._pace[1])
        return np.where(np.isnan(usual), now, now + pace * (usual - now))
