"""The one path from chunks of raw EEG to windows of band features.

Live use, replay and training all run this object, so that what a model learned from is what it
gets. Samples are counted from the stream's start (or the last gap) and all work is done at hop
boundaries of that count, on blocks that are the same however the samples arrived: any chunking
gives the same numbers, bit for bit. ``docs/signal-path.md`` has the order of processing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.bands import BandPower
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.filters import (
    Cascade,
    FilterBank,
    band_pass,
    high_pass,
    low_pass,
    notches,
)
from bci_affect.eeg.intake import Intake
from bci_affect.eeg.montage import Montage
from bci_affect.eeg.reference import Reference
from bci_affect.eeg.ring import Ring
from bci_affect.eeg.window import FeatureWindow, State
from bci_affect.errors import BciAffectError

log = logging.getLogger(__name__)

TRACE_S = 30.0
"""Seconds of filtered EEG that are kept for display."""

MIN_RATE_HZ = 32.0
"""Below this rate not even the alpha band can be seen."""


class Pipeline:
    """Chunks in, one feature window per hop out.

    Parameters
    ----------
    settings : SignalSettings
        What to do; see there.
    rate_hz : float
        Nominal rate of the stream.
    montage : Montage
        Channels of the stream, in the order of the samples.
    units : sequence of str
        Unit of each channel as the stream names it; empty (or unknown names) where it does not: the
        unit is then judged from the first second of EEG, and a message says so.

    Raises
    ------
    BciAffectError
        If the rate or the settings do not fit the stream.

    Notes
    -----
    `push` belongs to one thread; `traces` and `set_bad` may be called from any other.
    """

    def __init__(
        self,
        settings: SignalSettings,
        rate_hz: float,
        montage: Montage,
        *,
        units: Sequence[str] = (),
    ) -> None:
        if not np.isfinite(rate_hz) or rate_hz < MIN_RATE_HZ:
            raise BciAffectError(
                f"The stream's rate is {rate_hz:g} Hz; EEG needs {MIN_RATE_HZ:g} Hz or more. "
                "Choose a stream with a regular rate."
            )
        self.settings = settings
        self.montage = montage
        self._eeg = np.flatnonzero(montage.is_eeg)
        if not self._eeg.size:
            raise BciAffectError(
                "No channel of the stream is EEG; name the electrodes in an electrode map."
            )
        self.band_names = tuple(settings.bands)
        self._intake = Intake(settings, rate_hz, montage, units)
        self.rate_hz = self._intake.rate_hz
        """Rate after resampling, at which hops are counted."""
        self._design()
        self._intake.refill_s = self.warm_up_s
        n_eeg = self._eeg.size
        self._front = FilterBank([self._hp.sos, self._clean.sos], n_eeg)
        self._back = FilterBank([*(c.sos for c in self._bands), self._display.sos], n_eeg)
        self._power = BandPower(settings.window, len(self._bands), n_eeg)
        self._reference = Reference(settings.reference, montage)
        self._by_hand = np.zeros(n_eeg, np.bool_)
        self._traces = Ring(int(TRACE_S * self.rate_hz), (len(montage),), np.float32)
        self._trace_times = Ring(self._traces.length)
        self._index = 0  # hops since the stream's start
        self._hop = 0  # hops since the last start or gap
        self._samples = 0  # samples that are in complete hops since the last start or gap
        self._after_gap = ""  # what the last gap was, while windows still miss it
        self._lock = threading.Lock()

    # --- what the user may ask -------------------------------------------------------------

    @property
    def warm_up_s(self) -> float:
        """Seconds from the start, or a gap, to the first window that can be ``OK``."""
        return self.settle_s + self.settings.window.window_s

    @property
    def delays(self) -> dict[str, float]:
        """Group delay in seconds of each band at its centre, and of the displayed traces at 10 Hz.

        A change in the EEG shows this much later in the features. Window times are not shifted by
        it (they name the newest sample used); trace times are.
        """
        found = {
            name: self._clean.delay_s(centre) + cascade.delay_s(centre)
            for (name, (low, high)), cascade in zip(
                self.settings.bands.items(), self._bands, strict=True
            )
            for centre in [float(np.sqrt(low * min(high, 0.45 * self.rate_hz)))]
        }
        found["traces"] = self._trace_delay_s
        return found

    @property
    def messages(self) -> tuple[str, ...]:
        """Sentences for the user on what the pipeline found or assumed, oldest first."""
        return tuple(self._intake.messages)

    def set_bad(self, channel: str | int, bad: bool = True) -> None:
        """Take a channel out of use by hand, or let the program judge it again."""
        try:
            row = self.montage.names.index(channel) if isinstance(channel, str) else int(channel)
            self._by_hand[np.flatnonzero(self._eeg == row)[0]] = bad
        except (ValueError, IndexError):
            raise BciAffectError(
                f"There is no EEG channel '{channel}'; the stream has "
                f"{', '.join(self.montage.names)}."
            ) from None

    def traces(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the newest filtered EEG, up to the last sample that was pushed.

        Returns
        -------
        times : ndarray of float64, shape (n,)
            LSL time, corrected for the filters' group delay at 10 Hz.
        samples : ndarray of float32, shape (n_channels, n)
            Microvolts, referenced; 0 for channels that are no EEG. A gap is one NaN column.
        """
        n = max(1, round(seconds * self.rate_hz))
        with self._lock:
            times = self._trace_times.newest(min(n, self._traces.count)).copy()
            shown = self._traces.newest(len(times)).copy()
            block, ahead = self._intake.pending()
            if len(block):
                clean = self._reference.peek(self._front.peek(block)[1])
                extra = np.zeros((len(block), len(self.montage)), np.float32)
                extra[:, self._eeg] = self._back.peek(clean)[-1]
                shown = np.concatenate([shown, extra])[-n:]
                times = np.concatenate([times, ahead - self._trace_delay_s])[-n:]
        return times.astype(np.float64), shown.T.astype(np.float32)

    # --- the way of a sample ---------------------------------------------------------------

    def push(self, chunk: Chunk) -> list[FeatureWindow]:
        """Take the next samples and return the windows that they complete, oldest first.

        Raises
        ------
        BciAffectError
            If the chunk has another number of channels than the montage.
        """
        windows = []
        with self._lock:
            for piece, gap_s in self._intake.split(chunk):
                if gap_s > 0:
                    self._restart(gap_s)
                self._intake.take(piece)
                while True:
                    ready = self._intake.pop(self._boundary(self._hop + 1) - self._samples)
                    if ready is None:
                        break
                    windows.append(self._complete_hop(*ready))
        return windows

    def _boundary(self, hop: int) -> int:
        """Count samples from the start to the end of a hop; a whole number at any rate."""
        return int(np.floor(hop * self.settings.window.hop_s * self.rate_hz + 1e-9))

    def _restart(self, gap_s: float) -> None:
        self._after_gap = f"gap of {gap_s:.2f} s"
        self._hop = self._samples = 0
        for part in (self._intake, self._front, self._back, self._power):
            part.reset()
        if self._traces.count:
            self._trace_times.append(self._trace_times.newest(1) + 1.0 / self.rate_hz)
            self._traces.append(np.full((1, len(self.montage)), np.nan, np.float32))

    def _complete_hop(
        self, block: NDArray[np.float64], times: NDArray[np.float64], whole: NDArray[np.bool_]
    ) -> FeatureWindow:
        """Filter one hop of samples (n, n_eeg) and make the window that it ends."""
        self._index += 1
        self._hop += 1
        self._samples += len(block)
        good = whole & ~self._by_hand
        clean = self._front.run(block)[1]
        referenced = self._reference.apply(clean, good)
        filtered = self._back.run(referenced)  # (n_bands + 1, n, n_eeg)
        self._power.add(filtered[:-1])
        shown = np.zeros((len(block), len(self.montage)), np.float32)
        shown[:, self._eeg] = filtered[-1]
        self._traces.append(shown)
        self._trace_times.append(times - self._trace_delay_s)
        return self._window(float(times[-1]), good)

    def _window(self, time: float, good: NDArray[np.bool_]) -> FeatureWindow:
        mask = np.zeros(len(self.montage), np.bool_)
        mask[self._eeg] = good
        mask &= self.montage.placed
        quality = np.zeros(len(self.montage), np.float32)
        quality[self._eeg] = good
        state, reasons = self._judge(mask)
        names = self.montage.names
        reasons += [f"{names[row]}: taken out by hand" for row in self._eeg[self._by_hand]]
        return FeatureWindow(
            bands=self._spread(self._power.window()),
            mask=mask,
            quality=quality,
            time=time,
            state=state,
            index=self._index,
            reasons=tuple(reasons),
        )

    def _spread(self, bands: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put the EEG channels' features where the montage has them; other channels get 0."""
        if self._eeg.size == len(self.montage):
            return bands
        full = np.zeros((bands.shape[0], len(self.montage), bands.shape[2]), np.float32)
        full[:, self._eeg] = bands
        return full

    def _judge(self, mask: NDArray[np.bool_]) -> tuple[State, list[str]]:
        """State of the window that ends now, with the reasons."""
        hop_s = self.settings.window.hop_s
        left = self.warm_up_s - self._hop * hop_s
        if left > 1e-9:
            if self._after_gap and self._hop * hop_s <= self.settle_s:
                return State.GAP, [self._after_gap]
            why = self._after_gap or "start"
            return State.WARMING, [f"{why}: the window is full in {left:.1f} s"]
        self._after_gap = ""
        if not mask.any():
            return State.ARTIFACT, ["no usable electrode"]
        return State.OK, []

    # --- filter design ---------------------------------------------------------------------

    def _design(self) -> None:
        settings, rate = self.settings, self.rate_hz
        highest = max(high for _, high in settings.bands.values())
        for name, (low, high) in settings.bands.items():
            if not 0 < low < high or low >= 0.45 * rate:
                raise BciAffectError(
                    f"The band '{name}' ({low:g}-{high:g} Hz) cannot be taken from a stream of "
                    f"{rate:g} Hz; leave it out of the settings' bands."
                )
        lines = {"off": (), "auto": (50.0, 60.0)}.get(str(settings.line_hz), (settings.line_hz,))
        remove_line = notches(
            [float(hz) for hz in lines], rate, 2 * max(highest, settings.low_pass_hz)
        )
        hp = high_pass(settings.high_pass_hz, rate)
        self._hp = Cascade("high-pass", hp, rate)
        self._clean = Cascade("high-pass and notch", np.vstack([hp, remove_line]), rate)
        self._bands = [
            Cascade(name, band_pass(low, high, rate, settings.band_order), rate)
            for name, (low, high) in settings.bands.items()
        ]
        self._display = Cascade("traces", low_pass(settings.low_pass_hz, rate), rate)
        whole = [
            Cascade(c.name, np.vstack([self._clean.sos, c.sos]), rate)
            for c in (*self._bands, self._display)
        ]
        hop_s = settings.window.hop_s
        settled = max(cascade.settle_s() for cascade in whole)
        self.settle_s = float(np.ceil(settled / hop_s - 1e-9) * hop_s)
        """Seconds until the filters' past no longer matters, in whole hops."""
        self._trace_delay_s = whole[-1].delay_s(min(10.0, 0.25 * rate))
