"""Artifact monitor of the signal path: marks hops, electrodes, and windows as unusable."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.artifacts import ArtifactDetector
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.intake import Hops
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.quality import TICK_S, Quality
from bci_affect.eeg.rate import RateMonitor
from bci_affect.eeg.stages import Filtered


class ArtifactMonitor:
    """Artifact checks of every hop, and quality checks of the electrodes at every full tick.

    Several hops may be checked in one call, up to the end of a tick, with the same result.

    Parameters
    ----------
    settings : SignalSettings
        Bounds, and the length of hops and windows.
    montage : Montage
        Channels of the stream.
    rate : RateMonitor
        Comparison of stamps and rate.
    settle_s : float
        Seconds after a start in which the filters ring, which is no fault of an electrode.
    notify : callable
        Shows a sentence to the user.
    """

    def __init__(
        self,
        settings: SignalSettings,
        montage: Montage,
        rate: RateMonitor,
        settle_s: float,
        notify: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._montage = montage
        self._rate = rate
        self._settle_s = settle_s
        self._notify = notify
        self._hop_s = settings.window.hop_s
        self.hops_per_tick = max(1, round(TICK_S / self._hop_s))
        """Hops between two quality checks."""
        self._hops_per_step = settings.window.hops_per_step
        n_hops = settings.window.n_steps * self._hops_per_step
        self._disturbed: deque[tuple[str, ...]] = deque(maxlen=n_hops)
        self._n_disturbed = 0
        # Raw, high-passed and clean samples of the tick.
        self._tick = np.empty((3, 0, int(montage.is_eeg.sum())))
        self._tick_samples = 0
        self._energy = np.zeros((2, int(montage.is_eeg.sum())))  # of traces and above the bands
        self._tick_hops = 0
        self._tick_disturbed = False
        self.version = 0
        """Number of updates of `quality` so far."""
        self.quality = Quality(
            self._settings.quality, self._montage, self.hops_per_tick * self._hop_s
        )
        """Votes per electrode."""
        self._artifacts = ArtifactDetector(self._settings.artifacts, self._montage, self._hop_s)

    def reset(self) -> None:
        """Drop the last samples (after a gap); votes and usual levels stay."""
        self._artifacts.reset()
        self._rate.reset()
        self._disturbed.clear()
        self._n_disturbed = 0
        self._begin_tick()

    def settled(self, seconds: float) -> bool:
        """Return True if the filters have settled, `seconds` after their start."""
        return seconds > self._settle_s

    def update(
        self, hops: Hops, filtered: Filtered, good: ElectrodeSet, seconds: float
    ) -> list[list[str]]:
        """Find artifacts in hops, and rate the electrodes if a tick is full.

        Parameters
        ----------
        hops : Hops
            Unfiltered: one hop, or hops of one tick after the filters have settled.
        filtered : Filtered
            The same hops, filtered.
        good : ElectrodeSet
            Electrodes in which artifacts are searched.
        seconds : float
            From the filters' start to the end of the last hop.

        Returns
        -------
        list of list of str
            For each hop, the reasons why its window is an artifact; empty if it is none.
        """
        sizes, settled = hops.sizes, self.settled(seconds)
        found: list[tuple[str, ...]] = [()] * len(sizes)
        if settled:
            found = self._artifacts.detect(filtered.shown, sizes, filtered.energy[-1], good)
        if hops.missing_s:
            found = [(*why, f"{hops.missing_s * 1000:.0f} ms of samples missing") for why in found]
        times = hops.times
        against = [
            self._count(why, n, times.item(end - n), times.item(end - 1))
            for why, n, end in zip(found, sizes, accumulate(sizes), strict=True)
        ]
        self._remember(hops.block, filtered)
        for energy in filtered.energy[-2:].transpose(1, 0, 2):
            self._energy += energy
        self._tick_hops += len(sizes)
        if self._tick_hops == self.hops_per_tick:
            if settled:
                raw, high_passed, clean = self._tick[:, : self._tick_samples]
                spread, top = np.sqrt(self._energy / self._tick_samples)
                self.quality.update(
                    raw, high_passed, clean, spread, top, artifact=self._tick_disturbed
                )
                self.version += 1
            self._begin_tick()
        return against

    def _remember(self, block: NDArray[np.float64], filtered: Filtered) -> None:
        """Store samples until their tick is full."""
        start, end = self._tick_samples, self._tick_samples + len(block)
        if end > self._tick.shape[1]:
            longer = np.empty((3, 2 * end, block.shape[1]))
            longer[:, :start] = self._tick[:, :start]
            self._tick = longer
        self._tick[0, start:end] = block
        self._tick[1, start:end] = filtered.high_passed
        self._tick[2, start:end] = filtered.clean
        self._tick_samples = end

    def _count(self, found: tuple[str, ...], n: int, start: float, end: float) -> list[str]:
        """Add the findings in a hop of n samples to the window; return the window's reasons."""
        if self._rate.observe(n, start, end):
            self._notify(self._rate.message)
        if self._rate.changed:
            found += (self._rate.message,)
        if len(self._disturbed) == self._disturbed.maxlen:
            self._n_disturbed -= bool(self._disturbed[0])
        self._disturbed.append(found)
        self._n_disturbed += bool(found)
        self._tick_disturbed |= bool(found)
        return self._disturbance()

    def _begin_tick(self) -> None:
        self._tick_hops = self._tick_samples = 0
        self._energy[:] = 0.0
        self._tick_disturbed = False

    def _disturbance(self) -> list[str]:
        """Return why the window that ends now is an artifact; empty if it is none."""
        if not (self._n_disturbed and self._settings.artifacts.enabled):
            return []
        newest = [why for hop in list(self._disturbed)[-self._hops_per_step :] for why in hop]
        if newest:
            return list(dict.fromkeys(newest))
        share = self._n_disturbed / len(self._disturbed)
        if share > self._settings.artifacts.max_share:
            return [f"artifacts in {share:.0%} of the window"]
        return []
