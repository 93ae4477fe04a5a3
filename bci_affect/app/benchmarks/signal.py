"""Cost of the signal path per second of EEG, compared with MNE, and its detection of faults.

- ``grid``: times faster than real time on one core, and the share of a core in live use, at four
  windows a second of 6 s, with quality, artifacts and all, for each number of channels and rate.
  CPU time of this process, the best of several runs of some seconds. ``times_real_time`` and what
  goes with it is for chunks of 1/8 s, as a live stream sends them, with at most one complete hop.
  ``long_chunks_times_real_time`` is for the same EEG in chunks of 1 s, as ``process`` reads
  recordings (training pushes complete trials): the hops of a chunk are processed together.
- ``beside_mne``: the same compared with ``RawArray(last 6 s).filter(...)`` and Welch's method once
  a hop, 32 channels at 256 Hz, both in turns in one run; ``ratio`` is their cost divided by ours.
- ``window_s``: CPU time per window as the window grows from 1 to 30 s.
- ``asr_cost_ratio``: how many times the path costs with subspace reconstruction (32 channels,
  256 Hz); null where the extra ``asr`` is not installed.
- ``faults``, ``artifacts``: see `bci_affect.app.benchmarks.signal_faults`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import CLASSIC_BANDS, AsrSettings, SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, Pipeline, make_montage

CHANNELS = (4, 8, 32, 64, 256)
RATES_HZ = (128.0, 256.0, 1000.0, 2048.0)
LIVE_CHUNKS_PER_S = 8
HOP_S = 0.25


def run(quick: bool) -> dict[str, Any]:
    """Return all figures; `quick` measures fewer and shorter."""
    from bci_affect.app.benchmarks import signal_faults

    channels = (8, 32) if quick else CHANNELS
    rates = (256.0,) if quick else RATES_HZ
    grid = {
        f"{n}ch_{rate:g}hz": _grid_figure(n, rate, 3 if quick else 5)
        for n in channels
        for rate in rates
    }
    return {
        "grid": grid,
        "beside_mne": _beside_mne(3 if quick else 8),
        "window_s": _window_costs(3 if quick else 8),
        "asr_cost_ratio": _asr_cost_ratio(),
    } | signal_faults.run(quick)


class _Feed:
    """A pipeline past its warm-up, and EEG to push into it second by second."""

    def __init__(
        self,
        n_channels: int,
        rate_hz: float,
        window_s: float = 6.0,
        asr: bool = False,
        chunks_per_s: int = LIVE_CHUNKS_PER_S,
    ) -> None:
        window = WindowSettings(window_s=window_s, step_s=0.5, hop_s=HOP_S)
        cleaning = AsrSettings(enabled=asr, calibration_s=10.0)
        montage = make_montage(_names(n_channels))
        self.rate_hz = rate_hz
        settings = SignalSettings(window=window, asr=cleaning)
        self.pipeline = Pipeline(settings, rate_hz, montage)
        self.eeg = _eeg(n_channels, rate_hz)
        self._chunks_per_s = chunks_per_s
        self._size = round(rate_hz / chunks_per_s)
        self._at = 0
        self.seconds(12)  # past the search for the mains frequency, and any calibration

    def seconds(self, n: int) -> float:
        """Push n seconds; returns the CPU seconds that it took."""
        chunks, last = [], self.eeg.shape[1] - self._size
        for _ in range(n * self._chunks_per_s):
            start = self._at % last
            times = (self._at + np.arange(self._size)) / self.rate_hz
            # Streams hand over arrays of their own.
            samples = np.ascontiguousarray(self.eeg[:, start : start + self._size])
            chunks.append(Chunk(samples, times))
            self._at += self._size
        begin = time.process_time()
        for chunk in chunks:
            self.pipeline.push(chunk)
        return time.process_time() - begin


def _names(n: int) -> list[str]:
    from bci_affect.eeg import known_places

    known = known_places()
    return [known[i] if i < len(known) else f"X{i}" for i in range(n)]


def _eeg(n_channels: int, rate_hz: float) -> NDArray[np.float32]:
    """Eight seconds of 1/f noise that the electrodes share in part, (n_channels, n)."""
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.standard_normal((n_channels, round(8 * rate_hz))))
    spectrum /= np.sqrt(np.maximum(1, np.arange(spectrum.shape[1])))
    own = np.fft.irfft(spectrum)
    mixed = own / own.std() + 1.5 * own.mean(axis=0) / own.mean(axis=0).std()
    eeg: NDArray[np.float32] = (10.0 * mixed).astype(np.float32)
    return eeg


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _grid_figure(n_channels: int, rate_hz: float, repeats: int) -> dict[str, float]:
    feed, long = _Feed(n_channels, rate_hz), _Feed(n_channels, rate_hz, chunks_per_s=1)
    span = 4
    spent = [(feed.seconds(span), long.seconds(span)) for _ in range(repeats)]
    cost, of_long = (min(times) / span for times in zip(*spent, strict=True))
    return {
        "times_real_time": 1 / cost,
        "long_chunks_times_real_time": 1 / of_long,
        "cpu_share_live": cost,
        "ms_per_window": cost * 250,
    }


def _beside_mne(rounds: int) -> dict[str, float]:
    """Cost of one hop, ours and MNE's, in turns, so that both see the same machine."""
    import mne

    rate, n, window_s = 256.0, 32, 6.0
    feed = _Feed(n, rate, window_s)
    info = mne.create_info(_names(n), rate, "eeg")
    last = feed.eeg[:, : round(window_s * rate)].astype(np.float64) * 1e-6

    def mne_way() -> None:
        raw = mne.io.RawArray(last, info, verbose="error")
        raw.filter(0.5, 45.0, verbose="error").notch_filter(50.0, verbose="error")
        spectrum = raw.compute_psd("welch", fmin=0.5, fmax=45.0, n_fft=256, verbose="error")
        psd, hz = spectrum.get_data(return_freqs=True)
        for low, high in CLASSIC_BANDS.values():
            np.log(psd[:, (hz >= low) & (hz < high)].sum(axis=1))

    def mne_hops() -> None:
        for _ in range(4):
            mne_way()

    mne_way()  # what is slow only once is not held against it
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(feed.seconds(4) / (4 / HOP_S))
        theirs.append(_cpu_s(mne_hops) / 4)
    ratios = np.array(theirs) / np.array(ours)
    return {
        "ms_per_window_ours": 1e3 * float(np.median(ours)),
        "ms_per_window_mne": 1e3 * float(np.median(theirs)),
        "ratio": float(np.median(ratios)),
    }


def _asr_cost_ratio() -> float | None:
    from importlib.util import find_spec

    if find_spec("mne_denoise") is None:
        return None
    plain, cleaning = (_Feed(32, 256.0, asr=asr) for asr in (False, True))
    ratios = []
    for _ in range(3):
        without = plain.seconds(4)
        ratios.append(cleaning.seconds(4) / without)
    return float(np.median(ratios))


def _window_costs(rounds: int) -> dict[str, float]:
    """CPU milliseconds per window of each length, measured in turns."""
    feeds = {length: _Feed(32, 256.0, length) for length in (1.0, 6.0, 30.0)}
    costs: dict[float, list[float]] = {length: [] for length in feeds}
    for _ in range(rounds):
        for length, feed in feeds.items():
            costs[length].append(feed.seconds(4) / (4 / HOP_S))
    figures = {f"{length:g}": 1e3 * min(values) for length, values in costs.items()}
    return figures | {"30_over_1": figures["30"] / figures["1"]}
