"""Filter stages of hops in order: mains, cleaning, reference, bands, and traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.asr import Asr
from bci_affect.eeg.design import Design
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.filters import FilterBank
from bci_affect.eeg.mains import Mains
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.reference import Reference
from bci_affect.eeg.robust import per_hop


class Filtered(NamedTuple):
    """Some hops behind the filters, in microvolts; memory of the filters, until they run again.

    Attributes
    ----------
    high_passed : ndarray of float64, shape (n, n_eeg)
        Without offset, with mains hum.
    clean : ndarray of float64, shape (n, n_eeg)
        Without hum, before the reference; repaired where subspace reconstruction is on.
    shown : ndarray of float64, shape (n, n_eeg)
        Low-passed and referenced: the displayed traces.
    energy : ndarray of float64, shape (n_bands + 2, n_hops, n_eeg)
        Sum of squares over each hop of each band, of the displayed traces, and of the range above
        the bands, all referenced.
    bands : ndarray of float64, shape (n_bands, n, n_eeg)
        Each band, referenced.
    """

    high_passed: NDArray[np.float64]
    clean: NDArray[np.float64]
    shown: NDArray[np.float64]
    energy: NDArray[np.float64]
    bands: NDArray[np.float64]


class Stages:
    """All filters of a stream with their state.

    Parameters
    ----------
    settings : SignalSettings
        Filters and their bounds.
    rate_hz : float
        Rate of the samples.
    montage : Montage
        Channels of the stream.
    notify : callable
        Shows a sentence to the user.

    Attributes
    ----------
    design : Design
        The filters, with their responses and delays.
    """

    def __init__(
        self,
        settings: SignalSettings,
        rate_hz: float,
        montage: Montage,
        notify: Callable[[str], None],
    ) -> None:
        self._notify = notify
        n_eeg = int(montage.is_eeg.sum())
        self._mains = Mains(settings.line_hz, rate_hz, 2 * settings.low_pass_hz)
        self._named_hz = settings.line_hz
        self.design = Design(settings, rate_hz, self._mains.notches[-1], self._mains.wide)
        self._front = FilterBank(
            [self.design.high_pass.sos]
            + [self.design.after_high_pass(notch) for notch in self._mains.notches],
            n_eeg,
        )
        self._clean_row = 1 + self._mains.chosen
        behind = (*self.design.bands, self.design.traces, self.design.high)
        self._back = FilterBank([cascade.sos for cascade in behind], n_eeg)
        asr, hop_s = settings.asr, settings.window.hop_s
        self._asr = Asr(asr, rate_hz, hop_s) if asr.enabled else None
        self._reference = Reference(settings.reference, montage)

    @property
    def line_hz(self) -> float:
        """Mains frequency that is notched out; 0 while it is not known, or for none."""
        named = self._named_hz
        return float(named) if isinstance(named, int) else self._mains.detected_hz

    @property
    def calibrating(self) -> bool:
        """True while subspace reconstruction is learning the usual range."""
        return self._asr is not None and not self._asr.calibrated

    def reset(self) -> None:
        """Reset all filters (after a gap); what was learned stays."""
        self._front.reset()
        self._back.reset()
        if self._asr is not None:
            self._asr.reset()

    def run(
        self,
        block: NDArray[np.float64],
        sizes: Sequence[int],
        good: ElectrodeSet,
        look_s: float = 0.0,
    ) -> Filtered:
        """Filter some hops; the numbers are those of a call for each.

        Parameters
        ----------
        block : ndarray of float64, shape (n, n_eeg)
            Finite, near zero at the start.
        sizes : sequence of int
            Samples of each hop.
        good : ElectrodeSet
            Electrodes that the reference may use.
        look_s : float
            Seconds since the filters' start if the mains frequency is to be searched in the last
            hop (one hop of each second is enough), else 0.
        """
        front = self._front.run(block, sizes)  # (1 + n_notches, n, n_eeg)
        clean = front[self._clean_row]
        if look_s and self._mains.undecided:
            last = front[:, -sizes[-1] :]
            if self._mains.observe(last[0], last[1:], look_s):
                clean = np.concatenate([clean[: -sizes[-1]], last[1 + self._mains.chosen]])
                self._settle_mains()
        if self._asr is not None:
            ends = accumulate(sizes)
            hops = [clean[end - n : end].copy() for n, end in zip(sizes, ends, strict=True)]
            clean = np.concatenate([self._asr.apply(hop, good.mask) for hop in hops])
        referenced = self._reference.apply(clean, sizes, good)
        back = self._back.run(referenced, sizes)  # (n_bands + 2, n, n_eeg)
        squares = [np.einsum("fknc,fknc->fkc", part, part) for part in per_hop(back, sizes)]
        energy = squares[0] if len(squares) == 1 else np.concatenate(squares, axis=1)
        return Filtered(front[0], clean, back[-2], energy, back[:-2])

    def _settle_mains(self) -> None:
        """Keep the chosen notch only; its filter has run from the start."""
        self._front.keep([0, 1 + self._mains.chosen])
        self._clean_row = 1
        if self._mains.detected_hz:
            self._notify(f"Mains hum found at {self._mains.detected_hz:g} Hz.")

    def peek(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the displayed traces, (n, n_eeg), of samples to come; all states stay."""
        clean = self._front.peek(block)[self._clean_row]
        shown: NDArray[np.float64] = self._back.peek(self._reference.peek(clean))[-2]
        return shown
