"""Loudness after ITU-R BS.1770 / EBU R128: measure, normalise for analysis, gain for playback."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ANALYSIS_LUFS = -14.0
"""Embeddings depend on level: without one fixed loudness "arousal" becomes a loudness meter."""
PLAYBACK_LUFS = -18.0
PEAK_DBFS = -1.0
MAX_GAIN_DB = 12.0
"""A recording that is nearly silent is not pulled up further than this."""
SILENCE_LUFS = -70.0
"""What R128 counts as silence; also what silent audio is reported as."""


def integrated_lufs(audio: NDArray[np.float32], rate_hz: int) -> float:
    """Return the integrated loudness of audio (n,) or (n, n_channels), `SILENCE_LUFS` at least.

    Audio shorter than one gating block (0.4 s) is repeated to fill it.
    """
    import warnings

    import pyloudnorm

    shortest = int(0.4 * rate_hz) + 1
    if len(audio) == 0:
        return SILENCE_LUFS
    if len(audio) < shortest:
        audio = np.resize(audio, (shortest, *audio.shape[1:]))
    audio = audio[:, :5] if audio.ndim == 2 else audio
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no gated block
        value = float(pyloudnorm.Meter(rate_hz).integrated_loudness(audio))
    return max(SILENCE_LUFS, value) if np.isfinite(value) else SILENCE_LUFS


def normalised(
    mono: NDArray[np.float32], rate_hz: int, target_lufs: float = ANALYSIS_LUFS
) -> NDArray[np.float32]:
    """Return the audio at the target loudness; silence stays silence.

    Peaks are not limited: the analysis has no ceiling.
    """
    loudness = integrated_lufs(mono, rate_hz)
    if loudness <= SILENCE_LUFS:
        return mono
    return mono * np.float32(10 ** ((target_lufs - loudness) / 20))


def true_peak_dbfs(audio: NDArray[np.float32]) -> float:
    """Return the peak between samples, by 4-fold oversampling around the loudest samples.

    Only blocks whose sample peak comes within 4 dB of the loudest can hold the true peak, so only
    those are oversampled.
    """
    from scipy import signal

    if audio.size == 0:
        return -np.inf
    frames = audio if audio.ndim == 2 else audio[:, None]
    block, margin = 4096, 32
    n_blocks = -(-len(frames) // block)
    peaks = np.array([np.abs(frames[i * block : (i + 1) * block]).max() for i in range(n_blocks)])
    top = float(peaks.max())
    if top <= 0:
        return -np.inf
    for index in np.argsort(peaks)[::-1][:64]:
        if peaks[index] < 0.63 * top and peaks[index] < 0.63 * peaks.max():
            break
        first = max(0, index * block - margin)
        part = frames[first : (index + 1) * block + margin]
        top = max(top, float(np.abs(signal.resample_poly(part, 4, 1, axis=0)).max()))
    return 20 * float(np.log10(top))


def playback_gain_db(
    loudness_lufs: float, peak_dbfs: float, target_lufs: float = PLAYBACK_LUFS
) -> float:
    """Return the gain to the playback target that keeps the true peak at -1 dBFS or below."""
    if loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return float(min(target_lufs - loudness_lufs, PEAK_DBFS - peak_dbfs, MAX_GAIN_DB))
