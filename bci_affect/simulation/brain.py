"""Rhythms of a simulated person, as electrodes see them, and what mood does to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import butter, sosfilt

from bci_affect.config import HEAD_CENTRE_M
from bci_affect.simulation.person import RHYTHMS, Array, SimulatedPerson

_CENTRE_M = np.array(HEAD_CENTRE_M)
_N_SOURCES = 48
_SOURCE_RADIUS_M = 0.070
_SPREAD_M = 0.045  # volume conduction: how far a source is seen on the scalp

# Directions from the head's centre (right, front, up) of the places that effects are named after.
_PLACES = {
    "Fz": (0.0, 0.75, 0.66),
    "F3": (-0.52, 0.68, 0.52),
    "F4": (0.52, 0.68, 0.52),
    "Cz": (0.0, 0.06, 1.0),
    "Pz": (0.0, -0.66, 0.75),
    "Oz": (0.0, -0.98, 0.2),
    "T7": (-0.99, 0.0, -0.1),
    "T8": (0.99, 0.0, -0.1),
}


class Brain:
    """Background and rhythms at the electrodes, without mood, and mood's gain on each rhythm."""

    def __init__(
        self,
        positions: Array,
        rate_hz: float,
        person: SimulatedPerson,
        rng: np.random.Generator,
        slow_rng: np.random.Generator,
    ) -> None:
        self._rng, self._slow_rng = rng, slow_rng
        self._wander_sd = person.wander
        own = np.random.default_rng([person.seed, 0x0])
        sources = _shell(_N_SOURCES)
        distance = np.linalg.norm(positions[:, None] - sources[None], axis=-1)
        spread = np.exp(-0.5 * (distance / _SPREAD_M) ** 2)
        rhythm_uv = (person.theta_uv, person.alpha_uv, person.beta_uv, person.gamma_uv)
        regions = (_near("Fz", 0.9), _near("Oz", 1.1), _near("Cz", 1.4), _near("Cz", 2.0))
        where = (sources - _CENTRE_M) / _SOURCE_RADIUS_M
        mixing = []
        for size_uv, region in zip(
            (person.background_uv, *rhythm_uv), (_near("Cz", 9.0), *regions), strict=True
        ):
            strength = (0.4 + region(where)) * np.exp(0.3 * own.standard_normal(_N_SOURCES))
            # Scaled over the whole head, not this montage: a headset does not change the brain.
            everywhere = np.exp(-0.5 * (distances(sources, _scalp()) / _SPREAD_M) ** 2) * strength
            rms = np.sqrt((everywhere**2).sum(axis=1).mean())
            mixing.append(spread * strength * (size_uv / rms))
        self._mixing = np.stack(mixing)  # (1 + n_rhythms, n_channels, n_sources)

        alpha = (person.alpha_hz - 1.2, person.alpha_hz + 1.2)
        top = min(45.0, 0.47 * rate_hz)
        edges = ((4.0, 7.5), alpha, (14.0, 28.0), (30.0, top))
        sections = [_pink(person.slope, rate_hz)]
        sections += [butter(2, band, "bandpass", fs=rate_hz, output="sos") for band in edges]
        self._filters = [(sos, _unit_gain(sos)) for sos in sections]
        self._states = [np.zeros((len(s), _N_SOURCES, 2)) for s, _ in self._filters]
        self._wander = slow_rng.standard_normal(len(RHYTHMS)) * person.wander

        seen = (positions - _CENTRE_M) / np.linalg.norm(positions - _CENTRE_M, axis=1)[:, None]
        self._response = person.effect * _response(seen, person)  # (2, n_rhythms, n_channels)
        self._eyes = 1.6 * _near("Oz", 0.8)(seen)
        for _ in range(4):  # let the background's slowest parts settle
            self.frame(round(rate_hz))

    def frame(self, n: int) -> Array:
        """Return (1 + n_rhythms, n_channels, n): the background, then each rhythm."""
        out = np.empty((len(self._filters), self._mixing.shape[1], n))
        for i, (sos, gain) in enumerate(self._filters):
            noise = self._rng.standard_normal((_N_SOURCES, n))
            shaped, self._states[i] = sosfilt(sos, noise, axis=-1, zi=self._states[i])
            out[i] = (self._mixing[i] * gain) @ shaped
        keep = np.exp(-1.0 / 25.0)  # a frame is a second; power wanders over about 25 s
        step = np.sqrt(1 - keep**2) * self._wander_sd
        then = keep * self._wander + step * self._slow_rng.standard_normal(len(RHYTHMS))
        ramp = np.linspace(0, 1, n, endpoint=False)
        path = self._wander[:, None] * (1 - ramp) + then[:, None] * ramp
        self._wander = then
        out[1:] *= np.exp(0.5 * path)[:, None, :]
        return out

    def gain(self, rhythm: int, mood: Array, closed: Array) -> Array:
        """Amplitude factor of a rhythm, (n_channels, n): half the change of log power."""
        change = self._response[0, rhythm][:, None] * mood[0]
        change = change + self._response[1, rhythm][:, None] * mood[1]
        if RHYTHMS[rhythm] == "alpha":
            change = change + self._eyes[:, None] * closed
        factor: Array = np.exp(0.5 * change)
        return factor


class _Bump:
    """A smooth hill on the head around a direction: 1 at its top, falling off over `width`."""

    def __init__(self, direction: Sequence[float], width: float) -> None:
        top = np.asarray(direction, np.float64)
        self._top, self._width = top / np.linalg.norm(top), width

    def __call__(self, directions: Array) -> Array:
        away = np.linalg.norm(directions - self._top, axis=-1)  # chord on the unit sphere
        hill: Array = np.exp(-0.5 * (away / self._width) ** 2)
        return hill


def _near(place: str, width: float) -> _Bump:
    return _Bump(_PLACES[place], width)


def _response(seen: Array, person: SimulatedPerson) -> Array:
    """Change of log power per unit of mood, (2 = valence, arousal; n_rhythms; n_channels)."""
    asymmetry = _near("F4", 0.5)(seen) - _near("F3", 0.5)(seen)
    temples = _near("T7", 0.6)(seen) + _near("T8", 0.6)(seen)
    back, front = _near("Pz", 0.9)(seen), _near("Fz", 0.7)(seen)
    common = np.zeros((2, len(RHYTHMS), len(seen)))
    common[0, 0] = 0.25 * front
    common[0, 1] = 0.3 * asymmetry
    common[0, 2] = 0.15 * temples
    common[0, 3] = 0.3 * temples
    common[1, 0] = -0.1 * front
    common[1, 1] = -0.35 * back
    common[1, 2] = 0.25 * front + 0.15 * temples
    common[1, 3] = 0.3 * temples + 0.15 * front
    rng = np.random.default_rng([person.seed, 0x1])
    own = np.zeros_like(common)
    for _ in range(6):
        right, front, up = rng.standard_normal(3)
        size = rng.normal(0, 0.15, (2, len(RHYTHMS), 1))
        own = own + size * _Bump((right, front, abs(up)), 0.6)(seen)
    response: Array = common + person.individuality * own
    return response


def _shell(n: int) -> Array:
    """Points spread evenly over the upper three quarters of a sphere inside the head."""
    k = np.arange(n) + 0.5
    up = 1 - 1.5 * k / n
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - up**2)
    points = np.stack([flat * np.cos(turn), flat * np.sin(turn), up], axis=1)
    places: Array = _CENTRE_M + _SOURCE_RADIUS_M * points
    return places


def _scalp() -> Array:
    """Where electrodes may sit: the same points, outside."""
    places: Array = _CENTRE_M + (_shell(64) - _CENTRE_M) * (0.095 / _SOURCE_RADIUS_M)
    return places


def distances(places: Array, positions: Array) -> Array:
    """Distances in metres, (n_positions, n_places)."""
    away: Array = np.linalg.norm(positions[:, None] - places[None], axis=-1)
    return away


def _pink(slope: float, rate_hz: float) -> Array:
    """Filter with power falling as 1/f**slope from 0.5 Hz on (staggered poles and zeros)."""
    edges = np.geomspace(0.5, 0.4 * rate_hz, 7)
    ratio = edges[1] / edges[0]
    rows = []
    for pole_hz in edges[:-1]:
        # In one interval power falls by ratio**slope when the zero sits this far above the pole.
        zero_hz = pole_hz * ratio ** (slope / 2)
        pole, zero = (np.exp(-2 * np.pi * f / rate_hz) for f in (pole_hz, zero_hz))
        rows.append([1.0, -zero, 0.0, 1.0, -pole, 0.0])
    return np.array(rows)


def _unit_gain(sos: Array) -> float:
    """Factor that gives filtered white noise unit variance (from its impulse response)."""
    impulse = np.zeros(8192)
    impulse[0] = 1.0
    return float(1.0 / np.sqrt((sosfilt(sos, impulse) ** 2).sum()))
