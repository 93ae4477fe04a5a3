"""Small synthesiser: wavetable voices, drums, envelopes and a room, all in NumPy.

Notes are cached by pitch, length and voice, so that a piece of half a minute renders in a fraction
of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

RATE_HZ = 44_100
_TABLE = 4096


@dataclass(frozen=True, slots=True)
class Voice:
    """Sound of an instrument.

    Attributes
    ----------
    harmonics : tuple of float
        Amplitudes from the fundamental upwards, at brightness 1.
    attack_s, decay_s, release_s : float
        Envelope: linear rise, exponential decay towards `sustain`, exponential end.
    sustain : float
        Level held, 0 (struck, plucked) to 1 (blown, bowed).
    detune_cents : float
        Distance of the two oscillators, left and right: width.
    vibrato_hz : float
        Speed of a slight vibrato, 0 for none.
    """

    harmonics: tuple[float, ...]
    attack_s: float
    decay_s: float
    release_s: float
    sustain: float
    detune_cents: float = 4.0
    vibrato_hz: float = 0.0


VOICES: dict[str, Voice] = {
    "keys": Voice((1, 0.5, 0.28, 0.16, 0.12, 0.07, 0.04, 0.03), 0.004, 0.55, 0.18, 0.12, 2.0),
    "bell": Voice((1, 0.1, 0.45, 0.05, 0.2, 0.03, 0.12, 0.02), 0.002, 0.7, 0.4, 0.05, 3.0),
    "pluck": Voice((1, 0.7, 0.5, 0.38, 0.3, 0.2, 0.15, 0.1, 0.08), 0.003, 0.22, 0.1, 0.02, 3.0),
    "pad": Voice((1, 0.55, 0.3, 0.18, 0.1, 0.06, 0.03), 0.55, 3.0, 0.9, 0.85, 9.0),
    "strings": Voice(
        (1, 0.6, 0.45, 0.34, 0.26, 0.2, 0.14, 0.1, 0.07), 0.16, 2.0, 0.35, 0.8, 8.0, 5.2
    ),
    "flute": Voice((1, 0.35, 0.1, 0.05), 0.06, 1.5, 0.15, 0.8, 1.0, 4.8),
    "lead": Voice(tuple(1 / n for n in range(1, 13)), 0.008, 0.6, 0.08, 0.6, 7.0, 5.5),
    "bass": Voice((1, 0.55, 0.25, 0.12, 0.06), 0.008, 0.5, 0.08, 0.45, 1.0),
    "drive": Voice(tuple(1 / n**0.7 for n in range(1, 17)), 0.004, 0.9, 0.05, 0.7, 12.0),
}


@lru_cache(maxsize=512)
def _table(harmonics: tuple[float, ...], brightness: float, highest: int) -> NDArray[np.float32]:
    """One cycle; `brightness` tilts the spectrum and `highest` leaves out what would alias."""
    phase = 2 * np.pi * np.arange(_TABLE) / _TABLE
    cycle = np.zeros(_TABLE)
    for number, amplitude in enumerate(harmonics[: max(1, highest)], start=1):
        cycle += amplitude * number ** (1.4 * (brightness - 1.0)) * np.sin(number * phase)
    table: NDArray[np.float32] = (cycle / np.abs(cycle).max()).astype(np.float32)
    return table


@lru_cache(maxsize=2048)
def note(voice: str, midi: int, seconds: float, brightness: float) -> NDArray[np.float32]:
    """Render one note, shape (2, n_samples), peak about 1, with its release after `seconds`."""
    v = VOICES[voice]
    frequency = 440.0 * 2.0 ** ((midi - 69) / 12)
    n = int((seconds + 3 * v.release_s) * RATE_HZ)
    t = np.arange(n, dtype=np.float32) / RATE_HZ
    highest = int(0.45 * RATE_HZ / frequency)
    bright = _table(v.harmonics, brightness, highest)
    dark = _table(v.harmonics, 0.35 * brightness, highest)
    out = np.empty((2, n), dtype=np.float32)
    tilt = bright - dark
    vibrato: NDArray[np.float32] | float = 0.0
    if v.vibrato_hz:
        depth = 0.004 * frequency / v.vibrato_hz  # in cycles
        vibrato = np.float32(depth) * np.sin(np.float32(2 * np.pi * v.vibrato_hz) * t)
    fade = np.exp(-t / max(0.15, 0.8 * v.decay_s)).astype(np.float32)  # bright start, darker end
    for side, cents in enumerate((-v.detune_cents / 2, v.detune_cents / 2)):
        cycles = np.float32(frequency * 2 ** (cents / 1200)) * t + vibrato
        index = (cycles * np.float32(_TABLE)).astype(np.int32) & (_TABLE - 1)
        out[side] = dark[index]
        out[side] += fade * tilt[index]
    envelope = v.sustain + (1 - v.sustain) * np.exp(-t / v.decay_s)
    rise = max(2, int(v.attack_s * RATE_HZ))
    envelope[:rise] *= np.linspace(0, 1, rise)[: len(envelope)]
    end = min(n - 1, int(seconds * RATE_HZ))
    envelope[end:] *= np.exp(-(t[end:] - t[end]) / v.release_s)
    envelope[-256:] *= np.linspace(1, 0, 256)
    return out * envelope.astype(np.float32)


@lru_cache(maxsize=32)
def drum(kind: str, brightness: float) -> NDArray[np.float32]:
    """Render ``kick``, ``snare``, ``hat``, ``shaker`` or ``tom``, shape (n_samples,)."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    t = np.arange(int(0.35 * RATE_HZ)) / RATE_HZ
    noise = rng.standard_normal(len(t))
    if kind in ("kick", "tom"):
        low, sweep = (48.0, 110.0) if kind == "kick" else (95.0, 90.0)
        phase = 2 * np.pi * (low * t + sweep * 0.03 * (1 - np.exp(-t / 0.03)))
        sound = np.sin(phase) * np.exp(-t / 0.11) + 0.15 * noise * np.exp(-t / 0.004)
    elif kind == "snare":
        body = np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.05)
        sound = 0.5 * body + 0.6 * noise * np.exp(-t / 0.09)
    else:
        length = 0.035 if kind == "hat" else 0.06
        sos = signal.butter(2, 5000 + 3000 * brightness, "high", fs=RATE_HZ, output="sos")
        swell = np.minimum(t / 0.02, 1.0) if kind == "shaker" else 1.0
        sound = signal.sosfilt(sos, noise) * np.exp(-t / length) * swell
    sound[-512:] *= np.linspace(1, 0, 512)
    hit: NDArray[np.float32] = (sound / np.abs(sound).max()).astype(np.float32)
    return hit


def add(
    mix: NDArray[np.float32],
    sound: NDArray[np.float32],
    start_s: float,
    level: float,
    pan: float = 0.0,
) -> None:
    """Add a sound (n,) or (2, n) to the mix (2, n) in place; `pan` -1 is left, 1 right.

    Power is the same at every place.
    """
    first = int(start_s * RATE_HZ)
    length = min(sound.shape[-1], mix.shape[1] - first)
    if length <= 0:
        return
    angle = np.pi / 4 * (1 + pan)
    for side, gain in enumerate((np.cos(angle), np.sin(angle))):
        part = sound[side, :length] if sound.ndim == 2 else sound[:length]
        mix[side, first : first + length] += part * np.float32(level * 1.414 * gain)


def reverberate(
    mix: NDArray[np.float32], seconds: float, wet: float, seed: int
) -> NDArray[np.float32]:
    """Put the mix (2, n) into a room: decaying noise as its response, from a mono send."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE_HZ), dtype=np.float32) / RATE_HZ
    response = rng.standard_normal((2, len(t)), dtype=np.float32) * np.exp(-6.9 * t / seconds)
    sos = signal.butter(1, [180, 4200], "band", fs=RATE_HZ, output="sos")
    response = signal.sosfilt(sos, response, axis=1)
    response /= np.sqrt(np.square(response).sum(axis=1, keepdims=True))
    n = fft.next_fast_len(mix.shape[1] + len(t), real=True)
    send = fft.rfft(mix.mean(axis=0), n)
    tail = fft.irfft(send * fft.rfft(response.astype(np.float32), n), n)[:, : mix.shape[1]]
    mix = mix * np.float32(1 - 0.4 * wet)
    mix += tail * np.float32(1.414 * wet)
    return mix
