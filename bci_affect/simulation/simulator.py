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
- on request a change of the coupling between regions with mood that leaves the power of every
  electrode as it is (`SimulatedPerson.coupling`), and electrode gains that drift over minutes
  (`Artifacts.gain_drift_db`);
- blinks, jaw clenching, mains hum, electrode offsets and their drift, each of which can be
  switched off.

At ``effect=0`` and ``coupling=0`` nothing in the signal depends on valence or arousal: the null for
every claim.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from bci_affect.errors import BciAffectError
from bci_affect.simulation.artifacts import Amplifier, Muscles, SlowWalk
from bci_affect.simulation.brain import Brain
from bci_affect.simulation.person import (
    CLEAN,
    GAIN_TIME_S,
    RHYTHMS,
    Activity,
    Array,
    Artifacts,
    SimulatedPerson,
)

__all__ = ["CLEAN", "RHYTHMS", "Activity", "Artifacts", "EegSimulator", "SimulatedPerson"]

MIN_RATE_HZ = 100.0
_MOOD_TIME_S = 1.0  # how fast the rhythms follow a change of mood


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
        Simulated person.
    seed : int
        Fixes all noise. Other seed, other session of the same person.
    artifacts : Artifacts
        Additions to the EEG.

    Raises
    ------
    BciAffectError
        If the rate is too low or the position of an electrode is unknown.
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
        self._frame = round(rate_hz)  # noise is made in frames of a second, for any block size
        brain, slow, events, hardware, coupling = _generators(seed, person)[:5]
        self._brain = Brain(places, self.rate_hz, person, brain, slow, coupling)
        self._muscles = Muscles(places, self.rate_hz, person, self.artifacts, events)
        self._amplifier = Amplifier(self._n, self.rate_hz, self.artifacts, hardware)
        self._gain = electrode_gain(self._n, self.rate_hz, person, seed, self.artifacts)
        self.gain_db: Array = np.zeros(self._n)
        self._left: Array = np.zeros((self._brain.n_parts, self._n, 0))
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

        The attribute ``gain_db`` then holds the mean gain of each electrode in this block.

        Parameters
        ----------
        n_samples : int
            Samples to simulate.
        valence, arousal : float or ndarray, shape (n_samples,)
            Mood in [-1, 1]; the rhythms follow within about a second.
        activity : {"listen", "eyes_closed", "blinks", "jaw"}
            Activity of the person: with eyes closed posterior alpha rises and blinks stop;
            ``blinks`` and ``jaw`` are the instructed artifacts of a calibration (if switched on).

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

        eeg = self._brain.mix(self._take(n_samples), mood, smooth[0])
        eeg = eeg + self._muscles.block(n_samples, activity)
        if self._gain is not None:
            gain_db = self._gain.block(n_samples)
            self.gain_db = gain_db.mean(axis=1)
            eeg = eeg * 10 ** (gain_db / 20)
        eeg = eeg + self._amplifier.block(n_samples)
        samples: NDArray[np.float32] = eeg.astype(np.float32)
        return samples

    def _take(self, n_samples: int) -> Array:
        frames = [self._left]
        have = self._left.shape[-1]
        while have < n_samples:
            frames.append(self._brain.frame(self._frame))
            have += self._frame
        joined = np.concatenate(frames, axis=-1)
        self._left = joined[..., n_samples:].copy()
        return joined[..., :n_samples]

    def _follow(self, target: Array, state: Array) -> tuple[Array, Array]:
        """First-order lag, sample by sample, so that block sizes cannot matter."""
        keep = np.exp(-1.0 / (_MOOD_TIME_S * self.rate_hz))
        zi = (keep * state)[None, :, None]
        sos = np.array([[1 - keep, 0, 0, 1, -keep, 0]])
        out, _ = sosfilt(sos, target, axis=-1, zi=np.concatenate([zi, 0 * zi], -1))
        return out, out[:, -1].copy()


def electrode_gain(
    n_channels: int, rate_hz: float, person: SimulatedPerson, seed: int, artifacts: Artifacts
) -> SlowWalk | None:
    """Return the walk of the electrodes' gain in dB of a session; None without drift.

    It is the walk that an `EegSimulator` with the same arguments applies, for its ground truth.
    """
    if not artifacts.gain_drift_db:
        return None
    rng = _generators(seed, person)[5]
    return SlowWalk(n_channels, rate_hz, artifacts.gain_drift_db, GAIN_TIME_S, rng)


def _generators(seed: int, person: SimulatedPerson) -> list[np.random.Generator]:
    """Return the generators of the parts of a session; those of new parts come last."""
    return np.random.default_rng([seed, person.seed]).spawn(6)
