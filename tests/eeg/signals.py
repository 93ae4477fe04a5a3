"""EEG-like signals for the tests, and how to send them through a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings, WindowSettings
from bci_affect.eeg import CAPS, Chunk, FeatureWindow, Montage, Pipeline, make_montage

CAP_32 = [*CAPS["cap32"]]
CAP_8 = [*CAPS["cyton"]]

SHORT = SignalSettings(window=WindowSettings(window_s=2.0, step_s=0.5, hop_s=0.25))


def pink(seed: int, n_channels: int, n: int, sd_uv: float = 15.0) -> NDArray[np.float32]:
    """1/f noise, partly shared between channels as volume conduction makes it, (n_channels, n)."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((n_channels, n)), axis=1)
    spectrum /= np.sqrt(np.maximum(1, np.arange(spectrum.shape[1])))
    own = np.fft.irfft(spectrum, n, axis=1)
    mixed = own + 2.0 * own.mean(axis=0) * np.sqrt(n_channels) * 0.5
    return np.float32(sd_uv * mixed / mixed.std(axis=1, keepdims=True))


def times_of(n: int, rate_hz: float, start: float = 100.0) -> NDArray[np.float64]:
    return start + np.arange(n) / rate_hz


def chunks_of(
    samples: NDArray[np.float32], times: NDArray[np.float64], sizes: Iterable[int]
) -> list[Chunk]:
    """Cut samples into chunks of the given sizes; the rest is the last chunk."""
    chunks, at = [], 0
    for size in sizes:
        if at >= len(times):
            break
        chunks.append(Chunk(samples[:, at : at + size], times[at : at + size]))
        at += size
    if at < len(times):
        chunks.append(Chunk(samples[:, at:], times[at:]))
    return chunks


def run(
    samples: NDArray[np.float32],
    rate_hz: float,
    *,
    settings: SignalSettings = SHORT,
    names: Sequence[str] | None = None,
    montage: Montage | None = None,
    sizes: Iterable[int] = (),
    times: NDArray[np.float64] | None = None,
) -> list[FeatureWindow]:
    """All windows of a recording in microvolts."""
    if montage is None:
        montage = make_montage(names or CAP_32[: len(samples)])
    pipeline = Pipeline(settings, rate_hz, montage)
    if times is None:
        times = times_of(samples.shape[1], rate_hz)
    windows = []
    for chunk in chunks_of(samples, times, sizes):
        windows += pipeline.push(chunk)
    return windows
