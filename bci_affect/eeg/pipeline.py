"""Signal path from chunks of raw EEG to windows of band features.

Live use, replay and training run this one object, so that a model receives the features it was
trained on. Samples are counted from the stream's start (or the last gap) and processed at hop
boundaries of that count, in blocks that do not depend on how the samples arrived: any chunking
gives bit-identical results. ``docs/signal-path.md`` has the order of processing.
"""

from __future__ import annotations

import logging
import math
import threading
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg.artifact_monitor import ArtifactMonitor
from bci_affect.eeg.bands import BandPower
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.covariance import BandCovariance, ChannelCovariance
from bci_affect.eeg.electrodes import ElectrodeSet
from bci_affect.eeg.intake import Hops, Intake
from bci_affect.eeg.montage import Montage, montage_messages
from bci_affect.eeg.rate import RateMonitor
from bci_affect.eeg.ring import SampleRing
from bci_affect.eeg.stages import Stages
from bci_affect.eeg.window import FeatureWindow, State
from bci_affect.errors import BciAffectError

logger = logging.getLogger(__name__)

Real = TypeVar("Real", np.float32, np.float64, np.int64)

TRACE_S = 30.0
"""Seconds of filtered EEG that are kept for display."""

MIN_RATE_HZ = 32.0
"""Least rate, at which the alpha band is still covered."""


class ElectrodeState(NamedTuple):
    """State of the electrodes under the versions (holes, by hand, quality) in `since`."""

    since: tuple[int, int, int]
    version: int  # number of changes of mask or quality
    usable: ElectrodeSet
    mask: NDArray[np.bool_]  # (n_channels,): usable and of known place
    quality: NDArray[np.float32]  # (n_channels,)
    any_mask: bool
    faults: tuple[str, ...]


class Pipeline:
    """Signal path: chunks in, one feature window per hop out.

    Parameters
    ----------
    settings : SignalSettings
        Filters, bands, quality and artifacts.
    rate_hz : float
        Nominal rate of the stream.
    montage : Montage
        Channels of the stream, in the order of the samples, which are in microvolts.

    Raises
    ------
    BciAffectError
        If the rate or the settings do not fit the stream.

    Notes
    -----
    `push` belongs to one thread; `traces`, `set_bad`, `messages` and `quality_reasons` may be
    called from any other.
    """

    def __init__(self, settings: SignalSettings, rate_hz: float, montage: Montage) -> None:
        if not np.isfinite(rate_hz) or rate_hz < MIN_RATE_HZ:
            raise BciAffectError(
                f"The stream's rate is {rate_hz:g} Hz; EEG needs {MIN_RATE_HZ:g} Hz or more. "
                "Choose a stream with a regular rate."
            )
        self.settings = settings
        self.montage = montage
        self.band_names = tuple(settings.bands)
        self._eeg = np.flatnonzero(montage.is_eeg)
        self._all_eeg = self._eeg.size == len(montage)
        self._placed = montage.placed
        if not self._eeg.size:
            raise BciAffectError(
                "No channel of the stream is EEG; name its electrodes in the settings' section "
                "[electrodes]."
            )
        self._found: list[str] = list(montage_messages(montage))
        self._intake = Intake(settings, rate_hz, montage)
        self.rate_hz = self._intake.rate_hz
        """Rate after resampling, at which hops are counted."""
        self._stages = Stages(settings, self.rate_hz, montage, self._notify)
        self.design = self._stages.design
        """The filters, with their responses and delays."""
        self._hop_s = hop_s = settings.window.hop_s
        self.settle_s = float(np.ceil(self.design.settle_s / hop_s - 1e-9) * hop_s)
        """Seconds until the filters have settled, rounded up to hops."""
        self._refill_s = self.settle_s + settings.window.window_s
        calibration_s = settings.asr.calibration_s if settings.asr.enabled else 0.0
        self.warm_up_s = self._refill_s + calibration_s
        """Seconds from the start to the first window that can be ``OK`` (after a gap,
        without the calibration of subspace reconstruction)."""
        self._intake.refill_s = self._refill_s
        self._ready_s = self.warm_up_s  # since the last start or gap
        n_eeg = self._eeg.size
        self._rate_monitor = RateMonitor(self.rate_hz, rate_hz)
        self._monitor = ArtifactMonitor(
            settings, montage, self._rate_monitor, self.settle_s, self._notify
        )
        self._power = BandPower(
            settings.window, len(settings.bands), n_eeg, self._monitor.hops_per_tick
        )
        self._covariance = (
            BandCovariance(settings.window, len(settings.bands), n_eeg, self._monitor.hops_per_tick)
            if settings.covariance
            else None
        )
        self._by_hand = ElectrodeSet.none_of(n_eeg)
        self._electrodes: ElectrodeState | None = None
        self._traces = SampleRing(int(TRACE_S * self.rate_hz), (len(montage),), np.float32)
        self._trace_times = SampleRing(self._traces.length)
        self._index = 0  # hops since the stream's start
        self._hop = 0  # hops since the last start or gap
        self._samples = 0  # samples in complete hops since the last start or gap
        self._need = self._boundary(1)  # samples of the next hop
        self._gap = ""  # description of the last gap while windows are incomplete
        self._lock = threading.Lock()

    # --- public state -------------------------------------------------------------------

    @property
    def delays(self) -> dict[str, float]:
        """Delays in seconds between the EEG and the displayed values.

        The group delay of each band at its centre, of the displayed traces (``"traces"``, at 10 Hz)
        and the waiting time of the resampler (``"resampling"``). Window times name the newest
        sample used and are not shifted; trace times are.
        """
        return self.design.delays | {"resampling": self._intake.delay_s}

    @property
    def line_hz(self) -> float:
        """Mains frequency that is notched out; 0 if unknown or none."""
        return self._stages.line_hz

    @property
    def measured_rate_hz(self) -> float:
        """Rate of the stream by its stamps since the start or last gap; NaN for the first 10 s."""
        return self._rate_monitor.measured_hz

    @property
    def due_s(self) -> float:
        """Seconds of EEG beyond the pushed samples that the next window needs."""
        return max(0, self._need - self._intake.waiting) / self.rate_hz

    @property
    def messages(self) -> tuple[str, ...]:
        """Sentences for the user about findings and assumptions, oldest first."""
        return tuple(self._found)

    @property
    def quality_reasons(self) -> dict[str, tuple[str, ...]]:
        """Electrodes with faults, excluded or not, and the faults in words."""
        return self._monitor.quality.reasons()

    @property
    def contact(self) -> NDArray[np.float32]:
        """Contact per channel in the last second alone, 0 to 1, (n_channels,).

        By the swing of the high-passed EEG, without votes: movement of an electrode lowers it at
        once. NaN before the filters have settled; 0 for channels that are not EEG.
        """
        return self._spread(self._monitor.quality.contact)

    def set_bad(self, channel: str | int, bad: bool = True) -> None:
        """Exclude a channel by hand, or return it to automatic quality control."""
        try:
            row = self.montage.names.index(channel) if isinstance(channel, str) else int(channel)
            changed = self._by_hand.mask.copy()
            changed[np.flatnonzero(self._eeg == row)[0]] = bad
            self._by_hand = self._by_hand.changed_to(changed)
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
            Microvolts, referenced; 0 for channels that are not EEG. A gap is one NaN column.
        """
        n = max(1, round(seconds * self.rate_hz))
        delay = self.design.delays["traces"]
        with self._lock:
            held = min(n, self._traces.count)
            times: NDArray[np.float64] = self._trace_times.newest(held).copy()
            shown: NDArray[np.float32] = self._traces.newest(held).copy()
            block, ahead = self._intake.pending()
            if len(block):
                extra = self._stages.peek(block).astype(np.float32)
                shown = np.concatenate([shown, self._spread(extra)])[-n:]
                times = np.concatenate([times, ahead - delay])[-n:]
        return times, shown.T

    # --- processing -----------------------------------------------------------------------

    def push(self, chunk: Chunk) -> list[FeatureWindow]:
        """Process the next samples and return the windows that they complete, oldest first.

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
                while sizes := self._ready():
                    windows += self._complete(self._intake.pop(sizes))
        return windows

    def _ready(self) -> list[int]:
        """Return the sizes of the complete hops that can be processed together.

        These are hops of one tick (after which the good electrodes may change), or a single hop
        while a pending decision may change from hop to hop. The result of a hop does not depend on
        the hops that are processed with it.
        """
        waiting = self._intake.waiting
        if waiting < self._need:
            return []
        sizes = [self._need]
        settled = self._monitor.settled((self._hop + 1) * self._hop_s)
        if settled and not self._intake.broken:
            per_tick, taken = self._monitor.hops_per_tick, self._need
            for hop in range(self._hop + 1, self._hop - self._hop % per_tick + per_tick):
                size = self._boundary(hop + 1) - self._samples - taken
                taken += size
                if taken > waiting:
                    break
                sizes.append(size)
        return sizes

    def _boundary(self, hop: int) -> int:
        """Count samples from the start to the end of a hop; an integer at any rate."""
        return math.floor(hop * self._hop_s * self.rate_hz + 1e-9)

    def _restart(self, gap_s: float) -> None:
        """Reset all parts with memory of samples after a gap; learned values stay."""
        self._gap = f"gap of {gap_s:.2f} s"
        self._hop = self._samples = 0
        self._need = self._boundary(1)
        for part in (self._intake, self._stages, self._power, self._monitor):
            part.reset()
        if self._covariance is not None:
            self._covariance.reset()
        self._ready_s = self.warm_up_s if self._stages.calibrating else self._refill_s
        if self._traces.count:
            self._trace_times.append(self._trace_times.newest(1) + 1.0 / self.rate_hz)
            self._traces.append(np.full((1, len(self.montage)), np.nan, np.float32))

    def _complete(self, hops: Hops) -> list[FeatureWindow]:
        """Filter hops of samples and return the windows that end with them."""
        n, times = len(hops.sizes), hops.times
        self._hop += n
        self._samples += len(times)
        self._need = self._boundary(self._hop + 1) - self._samples
        look = self._hop % self._monitor.hops_per_tick == 0
        electrodes = self._electrode_state(hops.intact)
        good, seconds = electrodes.usable, self._samples / self.rate_hz
        filtered = self._stages.run(hops.block, hops.sizes, good, look * seconds)
        energy = filtered.energy[: len(self.band_names)]
        self._power.add(energy.transpose(1, 0, 2), hops.sizes)
        if self._covariance is not None:
            self._covariance.add(filtered.bands, hops.sizes, good.mask)
        self._traces.append(self._spread(filtered.shown))
        self._trace_times.append(times - self.design.delays["traces"])
        against = self._monitor.update(hops, filtered, good, self._hop * self._hop_s)
        windows = []
        for back, end in zip(range(n - 1, -1, -1), accumulate(hops.sizes), strict=True):
            if not back:  # the last hop may end a tick
                electrodes = self._electrode_state(hops.intact)
            self._index += 1
            state, reasons = self._state(electrodes, self._hop - back, against[-1 - back])
            window = FeatureWindow(
                bands=self._spread(self._power.window(back), axis=1),
                mask=electrodes.mask,
                quality=electrodes.quality,
                time=times.item(end - 1),
                state=state,
                index=self._index,
                electrodes_version=electrodes.version,
                covariance=self._channel_covariance(back),
                reasons=(*reasons, *electrodes.faults),
            )
            windows.append(window)
        return windows

    # --- state and reasons -----------------------------------------------------------------

    def _electrode_state(self, present: ElectrodeSet) -> ElectrodeState:
        """Return the state of the electrodes now; computed only after a change."""
        by_hand, quality, now = self._by_hand, self._monitor.quality, self._electrodes
        since = (present.version, by_hand.version, self._monitor.version)
        if now is None or since != now.since:
            intact = present.mask & ~by_hand.mask
            usable = (now.usable if now else ElectrodeSet.all_of(len(intact))).changed_to(
                intact & quality.good
            )
            mask = np.zeros(len(self.montage), np.bool_)
            mask[self._eeg] = usable.mask
            mask &= self._placed
            scores = np.zeros(len(self.montage), np.float32)
            scores[self._eeg] = np.where(intact, quality.score, np.float32(0))
            faults = () if usable.mask.all() else tuple(self._faults(present, by_hand))
            version = 0
            if now is not None:
                same = np.array_equal(mask, now.mask) and np.array_equal(scores, now.quality)
                version = now.version + (not same)
            now = self._electrodes = ElectrodeState(
                since, version, usable, mask, scores, bool(mask.any()), faults
            )
        return now

    def _faults(self, present: ElectrodeSet, by_hand: ElectrodeSet) -> list[str]:
        """Return one sentence per excluded electrode."""
        names = [self.montage.names[row] for row in self._eeg]
        found = [f"{names[c]}: taken out by hand" for c in np.flatnonzero(by_hand.mask)]
        found += [f"{names[c]}: samples missing" for c in np.flatnonzero(~present.mask)]
        return found + self._monitor.quality.out()

    def _state(
        self, electrodes: ElectrodeState, hop: int, disturbance: list[str]
    ) -> tuple[State, list[str]]:
        """State of the window that ends with a hop, with the reasons."""
        seconds = hop * self._hop_s
        left = self._ready_s - seconds
        if left > 1e-9:
            if self._gap and seconds <= self.settle_s:
                return State.GAP, [self._gap]
            return State.WARMING, [f"{self._gap or 'start'}: the window is full in {left:.1f} s"]
        self._gap = ""
        if not electrodes.any_mask:
            return State.ARTIFACT, ["no usable electrode"]
        return (State.ARTIFACT if disturbance else State.OK), disturbance

    def _notify(self, sentence: str) -> None:
        logger.info("%s", sentence)
        self._found.append(sentence)

    def _channel_covariance(self, back: int) -> ChannelCovariance | None:
        """Return the covariance of the window that ended `back` hops ago, over all channels."""
        if self._covariance is None:
            return None
        window = self._covariance.window(back)
        if self._all_eeg:
            return window
        sums = self._spread(self._spread(window.sums, axis=1), axis=2)
        return ChannelCovariance(sums, self._spread(window.samples))

    def _spread(self, values: NDArray[Real], axis: int = -1) -> NDArray[Real]:
        """Expand the EEG channels' values to all channels of the montage; others get 0."""
        if self._all_eeg:
            return values
        shape = list(values.shape)
        shape[axis] = len(self.montage)
        full = np.zeros(shape, values.dtype)
        np.moveaxis(full, axis, 0)[self._eeg] = np.moveaxis(values, axis, 0)
        return full
