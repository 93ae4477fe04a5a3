"""Blinks, jaw muscles, electrode gains and the amplifier of a simulated recording."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from bci_affect.simulation.brain import distances
from bci_affect.simulation.person import Activity, Array, Artifacts, SimulatedPerson

_DRIFT_TIME_S = 30.0  # time constant of the amplifier's drift
_SLOT_S = 0.25  # spacing of the moments at which a blink or a clench may begin


class Muscles:
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
        self._eye = np.exp(-distances(eyes, positions) / 0.045).sum(axis=1)  # (n_channels,)
        self._jaw = np.exp(-0.5 * (distances(jaw, positions) / 0.05) ** 2)  # (n_channels, 2)
        self._slot = round(_SLOT_S * rate_hz)
        self._band = butter(2, min(20.0, 0.2 * rate_hz), "highpass", fs=rate_hz, output="sos")
        self._band_state = np.zeros((len(self._band), 2, 2))
        self._noise_rng = rng.spawn(1)[0]
        self._at = 0
        self._blink_left: Array = np.zeros(0)
        self._clench_left: Array = np.zeros(0)

    def block(self, n: int, activity: Activity) -> Array:
        """Return the next samples (n_channels, n) in microvolts."""
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


class SlowWalk:
    """Slow mean-reverting random walk of each channel, interpolated between seconds.

    Parameters
    ----------
    n_channels : int
    rate_hz : float
    sd : float
        Standard deviation, from the first sample on.
    time_s : float
        Time constant.
    rng : numpy Generator
    """

    def __init__(
        self, n_channels: int, rate_hz: float, sd: float, time_s: float, rng: np.random.Generator
    ) -> None:
        self._rng, self._frame, self._at = rng, round(rate_hz), 0
        self._keep = np.exp(-1.0 / time_s)
        self._step = sd * np.sqrt(1 - self._keep**2)
        self._from = rng.standard_normal(n_channels) * sd
        self._to = self._from

    def block(self, n: int) -> Array:
        """Return the next samples, (n_channels, n)."""
        out = np.empty((len(self._from), n))
        done = 0
        while done < n:
            inside = self._at % self._frame
            if inside == 0:
                self._from = self._to
                self._to = self._keep * self._from + self._step * self._rng.standard_normal(
                    len(self._from)
                )
            m = min(n - done, self._frame - inside)
            ramp = (inside + np.arange(m)) / self._frame
            out[:, done : done + m] = self._from[:, None] * (1 - ramp) + self._to[:, None] * ramp
            done, self._at = done + m, self._at + m
        return out


class Amplifier:
    """Offsets, their drift, mains hum and white noise."""

    def __init__(
        self, n_channels: int, rate_hz: float, artifacts: Artifacts, rng: np.random.Generator
    ) -> None:
        self._settings, self._rate = artifacts, rate_hz
        self._offset = artifacts.offset_uv * rng.standard_normal(n_channels)
        self._hum = artifacts.line_uv * np.exp(0.5 * rng.standard_normal(n_channels))
        self._phase = rng.normal(0, 0.3, n_channels)
        self._drift = SlowWalk(n_channels, rate_hz, artifacts.drift_uv, _DRIFT_TIME_S, rng)
        self._at = 0
        self._noise_rng = rng.spawn(1)[0]

    def block(self, n: int) -> Array:
        """Return the next samples (n_channels, n) in microvolts."""
        out = self._drift.block(n)
        self._at += n
        out += self._offset[:, None]
        if self._settings.line_uv:
            t = np.arange(self._at - n, self._at) / self._rate
            angle = 2 * np.pi * np.mod(self._settings.line_hz * t, 1.0)
            out += self._hum[:, None] * np.sin(angle + self._phase[:, None])
        if self._settings.noise_uv:
            noise = self._noise_rng.standard_normal((n, len(self._offset)))
            out += self._settings.noise_uv * noise.T
        return out


def _shift(pending: Array, n: int) -> tuple[Array, Array]:
    """Pop the next `n` values of a pending waveform, then zeros."""
    out = np.zeros(n)
    m = min(n, len(pending))
    out[:m] = pending[:m]
    return out, pending[m:]
