"""A simulated listener: EEG of known people in known moods, through any montage, at any rate.

It is a simulation after published group effects and not a model of a brain. What it holds:

- a 1/f background and four rhythms from sources on a shell inside the head, seen by an electrode
  through a smooth, distance-dependent gain (volume conduction), so neighbours correlate and the
  same person can wear several headsets;
- slow drifts of every rhythm's power that have nothing to do with mood;
- mood: relatively more alpha over right than left frontal electrodes with positive valence (frontal
  alpha asymmetry, Davidson 1992), more frontal-midline theta with pleasant music (Sammler et al.
  2007), lateral temporal beta and gamma with positive valence (Zheng & Lu 2015), posterior alpha
  desynchronisation and more beta and gamma with arousal (Klimesch 1999; Aftanas et al. 2004);
  with a stated size, and a part that is the person's own;
- blinks, jaw clenching, mains hum, electrode offsets and their drift, each of which can be
  switched off.

At ``effect=0`` nothing in the signal depends on valence or arousal: the null for every claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from bci_affect.config import HEAD_CENTRE_M
from bci_affect.errors import BciAffectError

Array = NDArray[np.float64]
Activity = Literal["listen", "eyes_closed", "blinks", "jaw"]

RHYTHMS = ("theta", "alpha", "beta", "gamma")
MIN_RATE_HZ = 100.0

_CENTRE_M = np.array(HEAD_CENTRE_M)
_N_SOURCES = 48
_SOURCE_RADIUS_M = 0.070
_SPREAD_M = 0.045  # volume conduction: how far a source is seen on the scalp
_MOOD_TIME_S = 1.0  # how fast the rhythms follow a change of mood
_SLOT_S = 0.25  # spacing of the moments at which a blink or a clench may begin


@dataclass(frozen=True)
class SimulatedPerson:
    """What makes one simulated listener differ from another.

    Attributes
    ----------
    seed : int
        Fixes the person's source strengths and own response pattern.
    effect : float
        Size of the mood's changes; 1 is about the size of published group averages (0.3 nats of
        log power per unit of valence or arousal at the best electrode), 0 is none at all.
    individuality : float
        Size of the person's own pattern of response, relative to the common one.
    background_uv, slope : float
        Root mean square of the 1/f background at an electrode, and its exponent.
    alpha_hz : float
        Alpha peak.
    theta_uv, alpha_uv, beta_uv, gamma_uv : float
        Root mean square of each rhythm at an average electrode.
    wander : float
        Standard deviation of the slow drift of a rhythm's log power that is not mood, in nats.
    blinks_per_min, clenches_per_min : float
        While listening.
    """

    seed: int
    effect: float = 1.0
    individuality: float = 0.5
    background_uv: float = 9.0
    slope: float = 1.2
    alpha_hz: float = 10.0
    theta_uv: float = 3.0
    alpha_uv: float = 6.0
    beta_uv: float = 3.0
    gamma_uv: float = 1.6
    wander: float = 0.25
    blinks_per_min: float = 12.0
    clenches_per_min: float = 0.3

    @classmethod
    def draw(cls, seed: int, *, effect: float = 1.0, individuality: float = 0.5) -> SimulatedPerson:
        """Draw a person from a population that varies about as adults do."""
        rng = np.random.default_rng([seed, 0xBC1])

        def around(median: float, spread: float) -> float:
            return float(median * np.exp(spread * rng.standard_normal()))

        return cls(
            seed=seed,
            effect=effect,
            individuality=individuality,
            background_uv=around(9.0, 0.25),
            slope=float(np.clip(rng.normal(1.2, 0.15), 0.8, 1.6)),
            alpha_hz=float(np.clip(rng.normal(10.0, 0.8), 8.3, 12.2)),
            theta_uv=around(3.0, 0.25),
            alpha_uv=around(6.0, 0.4),
            beta_uv=around(3.0, 0.3),
            gamma_uv=around(1.6, 0.3),
            wander=around(0.25, 0.2),
            blinks_per_min=around(12.0, 0.4),
            clenches_per_min=around(0.3, 0.5),
        )


@dataclass(frozen=True)
class Artifacts:
    """What the amplifier and the muscles add; a size of 0 (or False) switches it off.

    Attributes
    ----------
    blinks, jaw : bool
        Eye blinks (about 100 uV at Fp1) and bursts of jaw-muscle activity.
    line_uv, line_hz : float
        Mains hum: typical amplitude at an electrode, and its frequency.
    offset_uv, drift_uv : float
        Standard deviation of electrode offsets, and of their drift over about half a minute.
    noise_uv : float
        Root mean square of the amplifier's white noise.
    """

    blinks: bool = True
    jaw: bool = True
    line_uv: float = 2.0
    line_hz: float = 50.0
    offset_uv: float = 0.0
    drift_uv: float = 5.0
    noise_uv: float = 0.5


CLEAN = Artifacts(blinks=False, jaw=False, line_uv=0.0, offset_uv=0.0, drift_uv=0.0, noise_uv=0.0)
"""No artefact of any kind."""


class EegSimulator:
    """EEG of one person through one montage, block after block.

    The samples do not depend on the sizes of the blocks in which they are asked for.

    Parameters
    ----------
    names : sequence of str
        Channel names, for messages only.
    positions : ndarray, shape (n_channels, 3)
        Electrode positions in metres, as `eeg.make_montage` gives them.
    rate_hz : float
        Sampling rate, at least 100 Hz.
    person : SimulatedPerson
        Whose EEG.
    seed : int
        Fixes all noise. Other seed, other session of the same person.
    artifacts : Artifacts
        What is added to the EEG.

    Raises
    ------
    BciAffectError
        If the rate is too low or an electrode's place is unknown.
    """

    def __init__(
        self,
        names: Sequence[str],
        positions: NDArray[np.floating],
        rate_hz: float,
        person: SimulatedPerson,
        seed: int = 0,
        artifacts: Artifacts | None = None,
    ) -> None:
        places: Array = np.asarray(positions, np.float64)
        if rate_hz < MIN_RATE_HZ:
            raise BciAffectError(
                f"The simulator needs a rate of at least {MIN_RATE_HZ:g} Hz, not {rate_hz:g}."
            )
        if places.shape != (len(names), 3):
            raise BciAffectError(
                f"The simulator got {len(names)} channel names and positions of shape "
                f"{places.shape}; it needs three coordinates for each name."
            )
        unknown = [n for n, p in zip(names, places, strict=True) if not np.isfinite(p).all()]
        if unknown:
            raise BciAffectError(
                f"The simulator cannot place channel '{unknown[0]}'; use 10-05 electrode names."
            )
        self.person = person
        self.rate_hz = float(rate_hz)
        self.artifacts = artifacts if artifacts is not None else Artifacts()
        self._n = len(names)
        self._frame = round(rate_hz)  # noise is made in frames of a second, whatever is asked for
        brain, slow, events, hardware = np.random.default_rng([seed, person.seed]).spawn(4)
        self._brain = _Brain(places, self.rate_hz, person, brain, slow)
        self._muscles = _Muscles(places, self.rate_hz, person, self.artifacts, events)
        self._amplifier = _Amplifier(self._n, self.rate_hz, self.artifacts, hardware)
        self._left: Array = np.zeros((len(RHYTHMS) + 1, self._n, 0))
        self._mood: Array | None = None
        self._closed = 0.0

    def block(
        self,
        n_samples: int,
        valence: float | NDArray[np.floating] = 0.0,
        arousal: float | NDArray[np.floating] = 0.0,
        activity: Activity = "listen",
    ) -> NDArray[np.float32]:
        """Return the next samples, in microvolts.

        Parameters
        ----------
        n_samples : int
            How many.
        valence, arousal : float or ndarray, shape (n_samples,)
            Mood in [-1, 1]; the rhythms follow within about a second.
        activity : {"listen", "eyes_closed", "blinks", "jaw"}
            What the person does: with eyes closed posterior alpha rises and blinks stop; ``blinks``
            and ``jaw`` are the calibration's instructed artefacts (where those are switched on).

        Returns
        -------
        ndarray of float32, shape (n_channels, n_samples)
        """
        mood = np.empty((2, n_samples))
        mood[0], mood[1] = np.clip(valence, -1, 1), np.clip(arousal, -1, 1)
        closed = np.full(n_samples, float(activity == "eyes_closed"))
        if n_samples == 0:
            return np.zeros((self._n, 0), np.float32)
        if self._mood is None:
            self._mood, self._closed = mood[:, 0].copy(), closed[0]
        mood, self._mood = self._follow(mood, self._mood)
        smooth, last = self._follow(closed[None], np.array([self._closed]))
        self._closed = float(last[0])

        parts = self._take(n_samples)  # (1 + n_rhythms, n_channels, n_samples)
        eeg = parts[0]
        for rhythm, part in enumerate(parts[1:]):
            eeg = eeg + part * self._brain.gain(rhythm, mood, smooth[0])
        eeg = eeg + self._muscles.block(n_samples, activity) + self._amplifier.block(n_samples)
        samples: NDArray[np.float32] = eeg.astype(np.float32)
        return samples

    def _take(self, n_samples: int) -> Array:
        frames = [self._left]
        have = self._left.shape[-1]
        while have < n_samples:
            frames.append(self._brain.frame(self._frame))
            have += self._frame
        whole = np.concatenate(frames, axis=-1)
        self._left = whole[..., n_samples:].copy()
        return whole[..., :n_samples]

    def _follow(self, target: Array, state: Array) -> tuple[Array, Array]:
        """First-order lag, sample by sample, so that block sizes cannot matter."""
        keep = np.exp(-1.0 / (_MOOD_TIME_S * self.rate_hz))
        zi = (keep * state)[None, :, None]
        sos = np.array([[1 - keep, 0, 0, 1, -keep, 0]])
        out, _ = sosfilt(sos, target, axis=-1, zi=np.concatenate([zi, 0 * zi], -1))
        return out, out[:, -1].copy()


class _Brain:
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
            everywhere = np.exp(-0.5 * (_distances(sources, _scalp()) / _SPREAD_M) ** 2) * strength
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


class _Muscles:
    """Blinks and jaw clenches; each may begin at the start of a quarter-second slot."""

    def __init__(
        self,
        positions: Array,
        rate_hz: float,
        person: SimulatedPerson,
        artifacts: Artifacts,
        rng: np.random.Generator,
    ) -> None:
        self._rate, self._person, self._artifacts, self._rng = rate_hz, person, artifacts, rng
        eyes = np.array([[-0.03, 0.126, 0.0], [0.03, 0.126, 0.0]])
        jaw = np.array([[-0.075, 0.04, -0.015], [0.075, 0.04, -0.015]])
        self._eye = np.exp(-_distances(eyes, positions) / 0.045).sum(axis=1)  # (n_channels,)
        self._jaw = np.exp(-0.5 * (_distances(jaw, positions) / 0.05) ** 2)  # (n_channels, 2)
        self._slot = round(_SLOT_S * rate_hz)
        self._band = butter(2, min(20.0, 0.2 * rate_hz), "highpass", fs=rate_hz, output="sos")
        self._band_state = np.zeros((len(self._band), 2, 2))
        self._noise_rng = rng.spawn(1)[0]
        self._at = 0
        self._blink_left: Array = np.zeros(0)
        self._clench_left: Array = np.zeros(0)

    def block(self, n: int, activity: Activity) -> Array:
        eye, clench = np.empty(n), np.empty(n)
        done = 0
        while done < n:
            if self._at % self._slot == 0:
                self._begin(activity)
            m = min(n - done, self._slot - self._at % self._slot)
            eye[done : done + m], self._blink_left = _shift(self._blink_left, m)
            clench[done : done + m], self._clench_left = _shift(self._clench_left, m)
            done, self._at = done + m, self._at + m
        noise = self._noise_rng.standard_normal((n, 2)).T  # time first: blocks cannot matter
        muscle, self._band_state = sosfilt(self._band, noise, axis=-1, zi=self._band_state)
        blinks = self._eye[:, None] * eye
        jaw = self._jaw[:, :1] * muscle[0] + self._jaw[:, 1:] * muscle[1]
        total: Array = blinks + jaw * clench
        return total

    def _begin(self, activity: Activity) -> None:
        chance = self._rng.uniform(size=2)  # always drawn, so that activities do not shift others
        size, length = self._rng.uniform(0.7, 1.3), self._rng.uniform(0.8, 2.0)
        person = self._person
        blinks = {"eyes_closed": 0.0, "blinks": 60.0, "jaw": 0.0}.get(
            activity, person.blinks_per_min
        )
        clenches = {"eyes_closed": 0.0, "blinks": 0.0, "jaw": 40.0}.get(
            activity, person.clenches_per_min
        )
        per_slot = _SLOT_S / 60.0
        if self._artifacts.blinks and not len(self._blink_left) and chance[0] < blinks * per_slot:
            t = np.arange(round(0.4 * self._rate)) / self._rate / 0.4
            self._blink_left = 190.0 * size * np.sin(np.pi * t) ** 2 * np.exp(-1.5 * t) * 1.8
        if self._artifacts.jaw and not len(self._clench_left) and chance[1] < clenches * per_slot:
            n = round(length * self._rate)
            self._clench_left = 60.0 * size * np.sin(np.pi * np.arange(n) / n) ** 0.5


class _Amplifier:
    """Offsets, their drift, mains hum and white noise."""

    def __init__(
        self, n_channels: int, rate_hz: float, artifacts: Artifacts, rng: np.random.Generator
    ) -> None:
        self._settings, self._rate, self._rng = artifacts, rate_hz, rng
        self._offset = artifacts.offset_uv * rng.standard_normal(n_channels)
        self._hum = artifacts.line_uv * np.exp(0.5 * rng.standard_normal(n_channels))
        self._phase = rng.normal(0, 0.3, n_channels)
        self._drift = rng.standard_normal(n_channels) * artifacts.drift_uv
        self._drift_to = self._drift
        self._at = 0
        self._frame = round(rate_hz)
        self._noise_rng = rng.spawn(1)[0]

    def block(self, n: int) -> Array:
        out = np.empty((len(self._offset), n))
        done = 0
        while done < n:
            inside = self._at % self._frame
            if inside == 0:
                self._next_drift()
            m = min(n - done, self._frame - inside)
            ramp = (inside + np.arange(m)) / self._frame
            out[:, done : done + m] = (
                self._drift[:, None] * (1 - ramp) + self._drift_to[:, None] * ramp
            )
            done, self._at = done + m, self._at + m
        out += self._offset[:, None]
        if self._settings.line_uv:
            t = np.arange(self._at - n, self._at) / self._rate
            angle = 2 * np.pi * np.mod(self._settings.line_hz * t, 1.0)
            out += self._hum[:, None] * np.sin(angle + self._phase[:, None])
        if self._settings.noise_uv:
            noise = self._noise_rng.standard_normal((n, len(self._offset)))
            out += self._settings.noise_uv * noise.T
        return out

    def _next_drift(self) -> None:
        keep = np.exp(-1.0 / 30.0)
        step = self._settings.drift_uv * np.sqrt(1 - keep**2)
        self._drift = self._drift_to
        self._drift_to = keep * self._drift + step * self._rng.standard_normal(len(self._drift))


# --- geometry and filters -------------------------------------------------------------------

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


def _distances(places: Array, positions: Array) -> Array:
    """Distances in metres, (n_positions, n_places)."""
    away: Array = np.linalg.norm(positions[:, None] - places[None], axis=-1)
    return away


def _shift(pending: Array, n: int) -> tuple[Array, Array]:
    """Take the next `n` values of a pending waveform, then zeros."""
    out = np.zeros(n)
    m = min(n, len(pending))
    out[:m] = pending[:m]
    return out, pending[m:]


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
