"""Rhythms of a simulated person at the electrodes, and their change with mood."""

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

# Mood of each rhythm that is coupled: 0 valence, 1 arousal.
_COUPLED = {"alpha": 1, "beta": 0}
_PHASE_RAD = 1.2  # from the vertex to the edge of the head, along the gradient
_TURN_RAD = 0.08  # per unit of mood, at coupling 1
_MAX_TURN_RAD = np.pi / 4

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


class Coupling:
    """Phase between regions, whose direction over the head turns with mood.

    A coupled rhythm at electrode u is ``cos(phi_u) x_u + sin(phi_u) y_u`` with two independent
    sets of sources x and y that have the same covariance C. The covariance between electrodes u
    and v is then ``C_uv cos(phi_u - phi_v)``: the power of every electrode is C_uu whatever the
    phases are, and only the coupling changes. Phases rise linearly over the head; mood turns the
    direction, so that some pairs gain what others lose, and power after an average reference
    changes little.

    Parameters
    ----------
    directions : ndarray, shape (n_channels, 3)
        Unit directions of the electrodes (right, front, up).
    person : SimulatedPerson
        The size is `SimulatedPerson.coupling`; each rhythm has a direction of the person's own.
    """

    def __init__(self, directions: Array, person: SimulatedPerson) -> None:
        own = np.random.default_rng([person.seed, 0x2])
        spread = 0.3 * person.individuality * own.standard_normal(len(_COUPLED))
        self.rest_rad = dict(zip(_COUPLED, np.pi / 4 + spread, strict=True))
        self._turn = min(_TURN_RAD * person.coupling, _MAX_TURN_RAD)
        self._right, self._front = directions[:, :1], directions[:, 1:2]

    def phase(self, rhythm: str, mood: Array) -> Array:
        """Return the phase of each electrode in radians, (n_channels, n); mood is (2, n)."""
        angle = self.rest_rad[rhythm] + self._turn * mood[_COUPLED[rhythm]]
        phase: Array = _PHASE_RAD * (self._right * np.cos(angle) + self._front * np.sin(angle))
        return phase


class Brain:
    """Background and rhythms at the electrodes, and the gain and coupling that mood gives them."""

    def __init__(
        self,
        positions: Array,
        rate_hz: float,
        person: SimulatedPerson,
        rng: np.random.Generator,
        slow_rng: np.random.Generator,
        coupling_rng: np.random.Generator,
    ) -> None:
        self._rng, self._slow_rng, self._coupling_rng = rng, slow_rng, coupling_rng
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
            # Scaled over the head, not this montage: a headset does not change the brain.
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
        coupled = [RHYTHMS.index(name) for name in _COUPLED] if person.coupling else []
        self._coupled = {rhythm: i for i, rhythm in enumerate(coupled)}
        self._second_states = [self._states[1 + rhythm].copy() for rhythm in coupled]
        self._wander = slow_rng.standard_normal(len(RHYTHMS)) * person.wander

        seen = (positions - _CENTRE_M) / np.linalg.norm(positions - _CENTRE_M, axis=1)[:, None]
        self._response = person.effect * _response(seen, person)  # (2, n_rhythms, n_channels)
        self.coupling = Coupling(seen, person)
        self._eyes = 1.6 * _near("Oz", 0.8)(seen)
        for _ in range(4):  # let the background's slowest parts settle
            self.frame(round(rate_hz))

    @property
    def n_parts(self) -> int:
        """Parts of a frame."""
        return len(self._filters) + len(self._coupled)

    def frame(self, n: int) -> Array:
        """Return (n_parts, n_channels, n): background, rhythms, second sources of coupled rhythms.

        The rhythms are without mood; see `mix`.
        """
        out = np.empty((self.n_parts, self._mixing.shape[1], n))
        for i in range(len(self._filters)):
            noise = self._rng.standard_normal((_N_SOURCES, n))
            out[i], self._states[i] = self._seen(i, noise, self._states[i])
        for rhythm, i in self._coupled.items():
            noise = self._coupling_rng.standard_normal((_N_SOURCES, n))
            out[len(self._filters) + i], self._second_states[i] = self._seen(
                1 + rhythm, noise, self._second_states[i]
            )
        keep = np.exp(-1.0 / 25.0)  # a frame is a second; power wanders over about 25 s
        step = np.sqrt(1 - keep**2) * self._wander_sd
        then = keep * self._wander + step * self._slow_rng.standard_normal(len(RHYTHMS))
        ramp = np.linspace(0, 1, n, endpoint=False)
        path = self._wander[:, None] * (1 - ramp) + then[:, None] * ramp
        self._wander = then
        factor = np.exp(0.5 * path)[:, None, :]  # (n_rhythms, 1, n)
        rhythms = len(self._filters)
        out[1:rhythms] *= factor
        for rhythm, i in self._coupled.items():
            out[rhythms + i] *= factor[rhythm]
        return out

    def _seen(self, i: int, noise: Array, state: Array) -> tuple[Array, Array]:
        """Filter the noise of sources, and project it to the electrodes."""
        sos, gain = self._filters[i]
        shaped, state = sosfilt(sos, noise, axis=-1, zi=state)
        return (self._mixing[i] * gain) @ shaped, state

    def mix(self, parts: Array, mood: Array, closed: Array) -> Array:
        """Return the EEG (n_channels, n) of the parts of `frame` in a mood.

        Parameters
        ----------
        parts : ndarray, shape (n_parts, n_channels, n)
        mood : ndarray, shape (2, n)
            Valence and arousal.
        closed : ndarray, shape (n,)
            1 with closed eyes, 0 with open eyes.
        """
        eeg: Array = parts[0]
        for rhythm, name in enumerate(RHYTHMS):
            part = parts[1 + rhythm]
            if rhythm in self._coupled:
                phase = self.coupling.phase(name, mood)
                second = parts[len(self._filters) + self._coupled[rhythm]]
                part = np.cos(phase) * part + np.sin(phase) * second
            eeg = eeg + part * self.gain(rhythm, mood, closed)
        return eeg

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
    """Return possible places of electrodes: the same points, on the scalp."""
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
