"""The one path from chunks of raw EEG to windows of band features.

Live use, replay and training all run this object, so that what a model learned from is what it
gets. Samples are counted from the stream's start (or the last gap) and all work is done at hop
boundaries of that count, on blocks that are the same however the samples arrived: any chunking
gives the same numbers, bit for bit. ``docs/signal-path.md`` has the order of processing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.artifacts import Artifacts
from bci_affect.eeg.asr import Asr
from bci_affect.eeg.bands import BandPower
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.design import Design
from bci_affect.eeg.filters import FilterBank
from bci_affect.eeg.intake import HopIn, Intake
from bci_affect.eeg.mains import Mains
from bci_affect.eeg.montage import Montage, montage_messages
from bci_affect.eeg.quality import TICK_S, Quality
from bci_affect.eeg.rate import RateWatch
from bci_affect.eeg.reference import Reference
from bci_affect.eeg.ring import Ring
from bci_affect.eeg.units import judge_units
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
        unit is then judged from the first seconds of EEG, and a message says so.

    Raises
    ------
    BciAffectError
        If the rate or the settings do not fit the stream.

    Notes
    -----
    `push` belongs to one thread; `traces`, `set_bad`, `messages` and `quality_reasons` may be
    called from any other.
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
        self.band_names = tuple(settings.bands)
        self._eeg = np.flatnonzero(montage.is_eeg)
        if not self._eeg.size:
            raise BciAffectError(
                "No channel of the stream is EEG; name the electrodes in an electrode map."
            )
        self._intake = Intake(settings, rate_hz, montage, units)
        self.rate_hz = self._intake.rate_hz
        """Rate after resampling, at which hops are counted."""
        self._mains = Mains(settings.line_hz, self.rate_hz, 2 * settings.low_pass_hz)
        self.design = Design(settings, self.rate_hz, self._mains.notches[-1], self._mains.wide)
        """The filters, with their responses and delays."""
        hop_s = settings.window.hop_s
        self.settle_s = float(np.ceil(self.design.settle_s / hop_s - 1e-9) * hop_s)
        """Seconds until the filters' start no longer matters, in whole hops."""
        self._refill_s = self.settle_s + settings.window.window_s
        calibration_s = settings.asr.calibration_s if settings.asr.enabled else 0.0
        self.warm_up_s = self._refill_s + calibration_s
        """Seconds from the start to the first window that can be ``OK`` (after a gap, less the
        calibration of subspace reconstruction where that is on)."""
        self._intake.refill_s = self._refill_s
        self._ready_s = self.warm_up_s  # since the last start or gap
        self._build(settings, rate_hz, montage)
        self._found: list[str] = list(montage_messages(montage))
        self._index = 0  # hops since the stream's start
        self._hop = 0  # hops since the last start or gap
        self._samples = 0  # samples that are in complete hops since the last start or gap
        self._gap = ""  # what the last gap was, while windows still miss it
        self._lock = threading.Lock()

    def _build(self, settings: SignalSettings, rate_hz: float, montage: Montage) -> None:
        n_eeg, hop_s = self._eeg.size, settings.window.hop_s
        self._front = FilterBank(
            [self.design.high_pass.sos]
            + [self.design.after_high_pass(notch) for notch in self._mains.notches],
            n_eeg,
        )
        self._clean_row = 1 + self._mains.chosen
        self._back = FilterBank([c.sos for c in (*self.design.bands, self.design.traces)], n_eeg)
        self._above = FilterBank([self.design.high.sos], n_eeg)
        self._asr = Asr(settings.asr, self.rate_hz, hop_s) if settings.asr.enabled else None
        self._reference = Reference(settings.reference, montage)
        self._power = BandPower(settings.window, len(self.design.bands), n_eeg)
        self._hops_per_tick = max(1, round(TICK_S / hop_s))
        self._tick: list[tuple[NDArray[np.float64], ...]] = []
        self._tick_disturbed = False
        self._quality = Quality(settings.quality, montage, self._hops_per_tick * hop_s)
        self._artifacts = Artifacts(settings.artifacts, montage, hop_s)
        n_hops = settings.window.n_steps * settings.window.hops_per_step
        self._disturbed: deque[tuple[str, ...]] = deque(maxlen=n_hops)
        self._n_disturbed = 0
        self._rate_watch = RateWatch(self.rate_hz, rate_hz)
        self._judged = None if self._intake.units_known else deque[NDArray[np.float64]]()
        self._by_hand = np.zeros(n_eeg, np.bool_)
        self._placed = montage.placed
        self._traces = Ring(int(TRACE_S * self.rate_hz), (len(montage),), np.float32)
        self._trace_times = Ring(self._traces.length)

    # --- what the user may ask -------------------------------------------------------------

    @property
    def delays(self) -> dict[str, float]:
        """Seconds by which what is seen lags behind the EEG.

        The group delay of each band at its centre, of the displayed traces (``"traces"``, at 10 Hz)
        and the waiting time of the resampler (``"resampling"``). Window times name the newest
        sample used and are not shifted; trace times are.
        """
        return self.design.delays | {"resampling": self._intake.delay_s}

    @property
    def line_hz(self) -> float:
        """Mains frequency that is notched out; 0 while it is not known, or for none."""
        named = self.settings.line_hz
        return float(named) if isinstance(named, int) else self._mains.detected_hz

    @property
    def measured_rate_hz(self) -> float:
        """Rate of the stream by its stamps since the start or last gap; NaN until 10 s are in."""
        return self._rate_watch.measured_hz

    @property
    def messages(self) -> tuple[str, ...]:
        """Sentences for the user on what the pipeline found or assumed, oldest first."""
        return tuple(self._found)

    @property
    def quality_reasons(self) -> dict[str, tuple[str, ...]]:
        """Electrodes that show faults, used or not, with the faults in words."""
        return self._quality.reasons()

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
        delay = self.design.delays["traces"]
        with self._lock:
            held = min(n, self._traces.count)
            times: NDArray[np.float64] = self._trace_times.newest(held).copy()
            shown: NDArray[np.float32] = self._traces.newest(held).copy()
            block, ahead = self._intake.pending()
            if len(block):
                clean = self._front.peek(block)[self._clean_row]
                extra = self._back.peek(self._reference.peek(clean))[-1]
                shown = np.concatenate([shown, self._spread(extra.astype(np.float32))])[-n:]
                times = np.concatenate([times, ahead - delay])[-n:]
        return times, shown.T

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
            for piece in self._intake.split(chunk):
                if piece.gap_s > 0:
                    self._restart(piece.gap_s)
                self._intake.take(piece)
                while True:
                    hop = self._intake.pop(self._boundary(self._hop + 1) - self._samples)
                    if hop is None:
                        break
                    windows.append(self._complete(hop))
        return windows

    def _boundary(self, hop: int) -> int:
        """Count samples from the start to the end of a hop; a whole number at any rate."""
        return int(np.floor(hop * self.settings.window.hop_s * self.rate_hz + 1e-9))

    def _restart(self, gap_s: float) -> None:
        """Put everything that remembers samples at rest after a gap; what was learned stays."""
        self._gap = f"gap of {gap_s:.2f} s"
        self._hop = self._samples = 0
        if self._asr is not None:
            self._asr.reset()
            self._ready_s = self._refill_s if self._asr.calibrated else self.warm_up_s
        for part in (
            *(self._intake, self._front, self._back, self._above),
            *(self._power, self._artifacts, self._rate_watch),
        ):
            part.reset()
        self._tick.clear()
        self._tick_disturbed = False
        self._disturbed.clear()
        self._n_disturbed = 0
        if self._judged is not None:
            self._judged.clear()
        if self._traces.count:
            self._trace_times.append(self._trace_times.newest(1) + 1.0 / self.rate_hz)
            self._traces.append(np.full((1, len(self.montage)), np.nan, np.float32))

    def _complete(self, hop: HopIn) -> FeatureWindow:
        """Filter one hop of samples and make the window that it ends."""
        self._index += 1
        self._hop += 1
        self._samples += len(hop.times)
        front = self._front.run(hop.block)  # (1 + n_notches, n, n_eeg)
        # One hop of each tick is enough to know the hum by.
        look = self._mains.undecided and self._hop % self._hops_per_tick == 0
        if look and self._mains.observe(front[0], front[1:], self._samples / self.rate_hz):
            front = front[[0, 1 + self._mains.chosen]]
            self._settle_mains()
        clean = front[self._clean_row]
        good = hop.whole & ~self._by_hand & self._quality.good
        if self._asr is not None:
            clean = self._asr.apply(clean, good)
        referenced = self._reference.apply(clean, good)
        back = self._back.run(referenced)  # (n_bands + 1, n, n_eeg)
        shown, high = back[-1], self._above.run(referenced)[0]
        self._power.add(back[:-1])
        self._traces.append(self._spread(shown.astype(np.float32)))
        self._trace_times.append(hop.times - self.design.delays["traces"])
        self._look(hop, (hop.block, front[0], clean, shown, high), good)
        if self._judged is not None:
            self._judge_units(clean)
        return self._window(float(hop.times[-1]), hop.whole)

    def _settle_mains(self) -> None:
        """Go on with the chosen notch alone; its filter has run from the start."""
        self._front.keep([0, 1 + self._mains.chosen])
        self._clean_row = 1
        if self._mains.detected_hz:
            self._say(f"Mains hum found at {self._mains.detected_hz:g} Hz.")

    def _look(
        self, hop: HopIn, signals: tuple[NDArray[np.float64], ...], good: NDArray[np.bool_]
    ) -> None:
        """Find artefacts in the hop, and, where a tick is full, judge the electrodes."""
        disturbed: tuple[str, ...] = ()
        if self._hop * self.settings.window.hop_s > self.settle_s:
            disturbed = self._artifacts.judge(signals[3], signals[4], good)
        if hop.missing_s:
            disturbed += (f"{hop.missing_s * 1000:.0f} ms of samples missing",)
        if self._rate_watch.observe(hop.times):
            self._say(self._rate_watch.message)
        if self._rate_watch.changed:
            disturbed += (self._rate_watch.message,)
        if len(self._disturbed) == self._disturbed.maxlen:
            self._n_disturbed -= bool(self._disturbed[0])
        self._disturbed.append(disturbed)
        self._n_disturbed += bool(disturbed)
        self._tick_disturbed |= bool(disturbed)
        self._tick.append(signals)
        if len(self._tick) == self._hops_per_tick:
            # The filters' start is no electrode's fault.
            if self._hop * self.settings.window.hop_s > self.settle_s:
                whole = (np.concatenate(parts) for parts in zip(*self._tick, strict=True))
                self._quality.judge(*whole, artifact=self._tick_disturbed)
            self._tick.clear()
            self._tick_disturbed = False

    def _judge_units(self, clean: NDArray[np.float64]) -> None:
        """Once the filters have settled, judge the unit from the last second and do as if known."""
        assert self._judged is not None
        hop_s = self.settings.window.hop_s
        self._judged.append(clean)
        if len(self._judged) * hop_s > 1.0:
            self._judged.popleft()
        if self._hop * hop_s < self.settle_s:
            return
        factor = judge_units(np.concatenate(self._judged).T)
        self._judged = None
        name = {1.0: "microvolts", 1e3: "millivolts", 1e6: "volts", 1e-3: "nanovolts"}[factor]
        self._say(f"The stream names no known unit; judged by their size, its values are {name}.")
        if factor != 1.0:
            self._intake.rescale(factor)
            self._front.scale(factor)
            self._back.scale(factor)
            self._above.scale(factor)
            self._power.scale(factor)
            self._quality = Quality(
                self.settings.quality, self.montage, self._hops_per_tick * hop_s
            )
            self._artifacts = Artifacts(self.settings.artifacts, self.montage, hop_s)

    # --- what is said of it ----------------------------------------------------------------

    def _window(self, time: float, whole: NDArray[np.bool_]) -> FeatureWindow:
        usable = whole & ~self._by_hand & self._quality.good
        score = np.where(whole & ~self._by_hand, self._quality.score, np.float32(0))
        mask = np.zeros(len(self.montage), np.bool_)
        mask[self._eeg] = usable
        mask &= self._placed
        quality = np.zeros(len(self.montage), np.float32)
        quality[self._eeg] = score
        state, reasons = self._state(mask)
        if not usable.all():
            reasons += self._faults(whole)
        return FeatureWindow(
            bands=self._spread(self._power.window(), axis=1),
            mask=mask,
            quality=quality,
            time=time,
            state=state,
            index=self._index,
            reasons=tuple(reasons),
        )

    def _state(self, mask: NDArray[np.bool_]) -> tuple[State, list[str]]:
        """State of the window that ends now, with the reasons."""
        window = self.settings.window
        left = self._ready_s - self._hop * window.hop_s
        if left > 1e-9:
            if self._gap and self._hop * window.hop_s <= self.settle_s:
                return State.GAP, [self._gap]
            return State.WARMING, [f"{self._gap or 'start'}: the window is full in {left:.1f} s"]
        self._gap = ""
        if not mask.any():
            return State.ARTIFACT, ["no usable electrode"]
        if self.settings.artifacts.enabled and self._n_disturbed:
            newest = [why for hop in list(self._disturbed)[-window.hops_per_step :] for why in hop]
            if newest:
                return State.ARTIFACT, list(dict.fromkeys(newest))
            share = self._n_disturbed / len(self._disturbed)
            if share > self.settings.artifacts.max_share:
                return State.ARTIFACT, [f"artefacts in {share:.0%} of the window"]
        return State.OK, []

    def _faults(self, whole: NDArray[np.bool_]) -> list[str]:
        """One sentence per electrode that is out."""
        names = [self.montage.names[row] for row in self._eeg]
        found = [f"{names[c]}: taken out by hand" for c in np.flatnonzero(self._by_hand)]
        found += [f"{names[c]}: samples missing" for c in np.flatnonzero(~whole)]
        return found + self._quality.out()

    def _say(self, sentence: str) -> None:
        log.info("%s", sentence)
        self._found.append(sentence)

    def _spread(self, values: NDArray[np.float32], axis: int = -1) -> NDArray[np.float32]:
        """Put the EEG channels' values where the montage has them; other channels get 0."""
        if self._eeg.size == len(self.montage):
            return values
        shape = list(values.shape)
        shape[axis] = len(self.montage)
        full = np.zeros(shape, np.float32)
        np.moveaxis(full, axis, 0)[self._eeg] = np.moveaxis(values, axis, 0)
        return full
