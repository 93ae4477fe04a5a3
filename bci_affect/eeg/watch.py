"""What stands against a hop, an electrode, or the whole window: the watch over the signal path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.artifacts import Artifacts
from bci_affect.eeg.intake import HopIn
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.quality import TICK_S, Quality
from bci_affect.eeg.rate import RateWatch
from bci_affect.eeg.stages import Filtered


class Watch:
    """Looks at every hop for artefacts and at every full tick for bad electrodes.

    Parameters
    ----------
    settings : SignalSettings
        Bounds, and the length of hops and windows.
    montage : Montage
        Channels of the stream.
    rate : RateWatch
        Compares stamps and rate.
    settle_s : float
        Seconds after a start in which filters ring; that is no electrode's fault.
    say : callable
        Takes a sentence for the user.
    """

    def __init__(
        self,
        settings: SignalSettings,
        montage: Montage,
        rate: RateWatch,
        settle_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._montage = montage
        self._rate = rate
        self._settle_s = settle_s
        self._say = say
        self._hop_s = settings.window.hop_s
        self.hops_per_tick = max(1, round(TICK_S / self._hop_s))
        """Hops between two looks at the electrodes."""
        self._hops_per_step = settings.window.hops_per_step
        n_hops = settings.window.n_steps * self._hops_per_step
        self._disturbed: deque[tuple[str, ...]] = deque(maxlen=n_hops)
        self._n_disturbed = 0
        self._tick: list[tuple[NDArray[np.float64], ...]] = []
        self._energy = np.zeros((2, int(montage.is_eeg.sum())))  # of traces and above the bands
        self._tick_disturbed = False
        self.forget()

    def forget(self) -> None:
        """Begin to learn what is usual anew (the unit has turned out to be another)."""
        self.quality = Quality(
            self._settings.quality, self._montage, self.hops_per_tick * self._hop_s
        )
        """Votes per electrode."""
        self._artifacts = Artifacts(self._settings.artifacts, self._montage, self._hop_s)

    def reset(self) -> None:
        """Forget the last samples (after a gap); votes and what is usual stay."""
        self._artifacts.reset()
        self._rate.reset()
        self._disturbed.clear()
        self._n_disturbed = 0
        self._begin_tick()

    def look(self, hop: HopIn, filtered: Filtered, good: NDArray[np.bool_], seconds: float) -> None:
        """Find artefacts in a hop, and, where a tick is full, judge the electrodes.

        Parameters
        ----------
        hop : HopIn
            As it came in.
        filtered : Filtered
            The same behind the filters.
        good : ndarray of bool, shape (n_eeg,)
            Electrodes that artefacts are looked for at.
        seconds : float
            From the filters' start to the hop's end.
        """
        settled = seconds > self._settle_s
        found: tuple[str, ...] = ()
        if settled:
            loud = np.sqrt(filtered.energy[-1] / len(hop.times))
            found = self._artifacts.judge(filtered.shown, loud, good)
        if hop.missing_s:
            found += (f"{hop.missing_s * 1000:.0f} ms of samples missing",)
        if self._rate.observe(hop.times):
            self._say(self._rate.message)
        if self._rate.changed:
            found += (self._rate.message,)
        if len(self._disturbed) == self._disturbed.maxlen:
            self._n_disturbed -= bool(self._disturbed[0])
        self._disturbed.append(found)
        self._n_disturbed += bool(found)
        self._tick_disturbed |= bool(found)
        self._tick.append((hop.block, filtered.high_passed, filtered.clean))
        self._energy += filtered.energy[-2:]
        if len(self._tick) == self.hops_per_tick:
            if settled:
                raw, high_passed, clean = map(np.concatenate, zip(*self._tick, strict=True))
                spread, top = np.sqrt(self._energy / len(raw))
                self.quality.judge(
                    raw, high_passed, clean, spread, top, artifact=self._tick_disturbed
                )
            self._begin_tick()

    def _begin_tick(self) -> None:
        self._tick.clear()
        self._energy[:] = 0.0
        self._tick_disturbed = False

    def disturbance(self) -> list[str]:
        """Say what makes the window that ends now an artefact; nothing where it is none."""
        if not (self._n_disturbed and self._settings.artifacts.enabled):
            return []
        newest = [why for hop in list(self._disturbed)[-self._hops_per_step :] for why in hop]
        if newest:
            return list(dict.fromkeys(newest))
        share = self._n_disturbed / len(self._disturbed)
        if share > self._settings.artifacts.max_share:
            return [f"artefacts in {share:.0%} of the window"]
        return []
