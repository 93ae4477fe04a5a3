"""Catalogue of signals that are not EEG, as devices, mistakes and bad contact produce them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from bci_affect.eeg import CAPS, make_montage
from bci_affect.simulation import Artifacts, EegSimulator, SimulatedPerson

RATE_HZ = 250.0
SECONDS = 40.0
MONTAGES = {"4": CAPS["muse"], "8": CAPS["cyton"], "32": CAPS["cap32"]}
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Site:
    """Electrodes, number of samples, and random numbers of one signal."""

    names: tuple[str, ...]
    n: int
    rng: np.random.Generator

    @property
    def seconds(self) -> Array:
        """Time of each sample, (n,)."""
        return np.arange(self.n) / RATE_HZ

    @property
    def shape(self) -> tuple[int, int]:
        """Electrodes and samples."""
        return len(self.names), self.n

    def all(self, signal: Array) -> Array:
        """Return one signal (n,) at every electrode."""
        return np.tile(signal, (len(self.names), 1))

    def noise(self, slope: float, sd_uv: float, n_channels: int | None = None) -> Array:
        """Return independent noise of a spectrum of power ``1 / f**slope``, (n_channels, n)."""
        rows = len(self.names) if n_channels is None else n_channels
        spectrum = np.fft.rfft(self.rng.standard_normal((rows, self.n)), axis=1)
        spectrum /= np.maximum(1, np.arange(spectrum.shape[1])) ** (slope / 2)
        spectrum[:, 0] = 0
        made = np.fft.irfft(spectrum, self.n, axis=1)
        scaled: Array = sd_uv * made / made.std(axis=1, keepdims=True)
        return scaled

    def eeg(self) -> Array:
        """Return simulated EEG, (n_channels, n)."""
        person = SimulatedPerson.draw(7)
        places = make_montage(self.names).positions
        artifacts = Artifacts(blinks=False, jaw=False, line_uv=2.0)
        simulator = EegSimulator(self.names, places, RATE_HZ, person, 7, artifacts)
        return simulator.block(self.n).astype(np.float64)


def _sine(site: Site, hz: float, uv: float) -> Array:
    return site.all(uv * np.sin(2 * np.pi * hz * site.seconds))


def _tones(site: Site) -> Array:
    """Another pair of tones at each electrode."""
    hz = site.rng.uniform(3, 40, (2, len(site.names), 1))
    waves: Array = np.sin(2 * np.pi * hz * site.seconds)
    both: Array = 10 * (waves[0] + waves[1])
    return both


def _square(site: Site) -> Array:
    return site.all(1875.0 * np.sign(np.sin(2 * np.pi * 0.977 * site.seconds)))


def _table(site: Site) -> Array:
    """Mains hum of different size at each electrode, and the amplifier's noise."""
    hum = np.sin(2 * np.pi * 50 * site.seconds)
    sizes = site.rng.uniform(5, 40, (len(site.names), 1))
    return sizes * hum + site.noise(0, 1.0)


def _heart(site: Site, uv: float) -> Array:
    """One lead of an electrocardiogram with an irregular pulse."""
    at, beats = 0.0, np.zeros(site.n)
    while at < site.seconds[-1]:
        beats[int(at * RATE_HZ)] = 1.0
        at += 0.85 + 0.06 * site.rng.standard_normal()
    t = np.arange(-0.3, 0.45, 1 / RATE_HZ)
    wave = np.zeros_like(t)
    for centre, width, size in (
        (-0.2, 0.025, 0.12),
        (-0.03, 0.008, -0.1),
        (0.0, 0.009, 1.0),
        (0.03, 0.01, -0.25),
        (0.25, 0.04, 0.3),
    ):
        wave += size * np.exp(-0.5 * ((t - centre) / width) ** 2)
    return uv * np.convolve(beats, wave)[: site.n]


def _leads(site: Site, uv: float) -> Array:
    """Scale the lead for each electrode and add noise."""
    sizes = site.rng.uniform(0.4, 1.0, (len(site.names), 1))
    return sizes * _heart(site, uv) + site.noise(1, 1.0)


def _acceleration(site: Site, unit: float) -> Array:
    """Three axes that are repeated over the electrodes: gravity, posture, tremor, sensor noise."""
    posture = np.cumsum(site.rng.standard_normal((3, site.n)), axis=1)
    posture = lfilter([0.02], [1, -0.98], posture, axis=1) * 1e-4
    axes = np.array([[0.1], [0.2], [0.97]]) + posture + site.noise(0, 0.004, 3)
    rows: Array = unit * axes[np.arange(len(site.names)) % 3]
    return rows


def _bridged_pairs(site: Site) -> Array:
    """Connect each electrode with the next one."""
    eeg = site.eeg()
    eeg[1::2] = eeg[: len(eeg) - len(eeg) % 2 : 2]
    return eeg


def _half_dead(site: Site) -> Array:
    eeg = site.eeg()
    eeg[: len(eeg) // 2] = 3.0
    return eeg


def _half_noise(site: Site) -> Array:
    eeg = site.eeg()
    eeg[: len(eeg) // 2] = site.noise(0, 10.0)[: len(eeg) // 2]
    return eeg


def _clipped(site: Site) -> Array:
    eeg = site.eeg() + 60 * np.sin(2 * np.pi * 0.7 * site.seconds)
    clipped: Array = np.clip(eeg, -40, 40)
    return clipped


SIGNALS: dict[str, Callable[[Site], Array]] = {
    "zeros": lambda s: np.zeros(s.shape),
    "constant": lambda s: np.full(s.shape, 842.0),
    "a different constant per channel": lambda s: (
        s.all(np.ones(s.n)) * s.rng.uniform(-9e4, 9e4, (len(s.names), 1))
    ),
    "50 Hz hum, 20 uV": lambda s: _sine(s, 50, 20),
    "60 Hz hum, 300 uV": lambda s: _sine(s, 60, 300),
    "headset on the table: hum and amplifier noise": _table,
    "white noise, 1 uV": lambda s: s.noise(0, 1.0),
    "white noise, 10 uV": lambda s: s.noise(0, 10.0),
    "white noise, 60 uV": lambda s: s.noise(0, 60.0),
    "pink noise, independent per channel": lambda s: s.noise(1, 15.0),
    "brown noise, independent per channel": lambda s: s.noise(2, 30.0),
    "pink noise, the same in all channels": lambda s: s.all(s.noise(1, 15.0, 1)[0]),
    "one EEG channel copied to all": lambda s: s.all(s.eeg()[0]),
    "one EEG channel copied to all, with 0.2 uV of noise": lambda s: (
        s.all(s.eeg()[0]) + s.noise(0, 0.2)
    ),
    "EEG bridged in pairs": _bridged_pairs,
    "EEG, half of the channels dead": _half_dead,
    "EEG, half of the channels white noise": _half_noise,
    "EEG clipped at 40 uV": _clipped,
    "EEG railed": lambda s: np.clip(1e5 + s.eeg(), None, 1e5),
    "sine, 10 Hz": lambda s: _sine(s, 10, 20),
    "sine, 10 Hz, different size and phase per channel": lambda s: (
        s.rng.uniform(5, 40, (len(s.names), 1))
        * np.sin(2 * np.pi * 10 * s.seconds + s.rng.uniform(0, 6, (len(s.names), 1)))
    ),
    "two tones per channel": _tones,
    "square wave, amplifier's test signal": _square,
    "square wave, 20 uV": lambda s: _square(s) / 94 + s.noise(0, 0.2),
    "sawtooth, 1 Hz, 50 uV": lambda s: s.all(50.0 * (s.seconds % 1.0)),
    "ramp": lambda s: s.all(30.0 * s.seconds),
    "sample counter": lambda s: s.all(np.arange(s.n, dtype=np.float64)),
    "sample counter, 0 to 255": lambda s: s.all(np.arange(s.n, dtype=np.float64) % 256),
    "random integers of the converter, 24 bit": lambda s: s.rng.integers(
        -(2**23), 2**23, s.shape
    ).astype(np.float64),
    "random steps": lambda s: np.repeat(
        s.rng.normal(0, 30, (len(s.names), s.n // 50 + 1)), 50, axis=1
    )[:, : s.n],
    "no finite value": lambda s: np.full(s.shape, np.nan),
    "half of the samples not finite": lambda s: np.where(
        s.rng.random(s.shape) < 0.5, np.nan, s.eeg()
    ),
    "huge values, 1e12": lambda s: 1e12 * s.rng.standard_normal(s.shape),
    "tiny values, 1e-9": lambda s: 1e-9 * s.rng.standard_normal(s.shape),
    "EEG in volts, declared microvolts": lambda s: 1e-6 * s.eeg(),
    "electrocardiogram, 1 mV": lambda s: _leads(s, 1000.0),
    "electrocardiogram, 150 uV": lambda s: _leads(s, 150.0),
    "accelerometer in g": lambda s: _acceleration(s, 1.0),
    "accelerometer in mg": lambda s: _acceleration(s, 1000.0),
    "accelerometer, 16-bit integers": lambda s: np.round(_acceleration(s, 16384.0)),
}
"""Name -> what it makes: microvolts by the stream's unit, (n_channels, n)."""


def make_signal(name: str, names: tuple[str, ...], seconds: float = SECONDS) -> Array:
    """Return a signal of the catalogue, (n_channels, n)."""
    rng = np.random.default_rng([3, len(name), len(names)])
    return SIGNALS[name](Site(names, round(seconds * RATE_HZ), rng))
