"""Properties of a simulated person, and of what muscles, electrodes and amplifier add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Activity = Literal["listen", "eyes_closed", "blinks", "jaw"]

RHYTHMS = ("theta", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class SimulatedPerson:
    """Properties in which one simulated listener differs from another.

    Attributes
    ----------
    seed : int
        Fixes the person's source strengths and own response pattern.
    effect : float
        Size of the mood's changes; 1 is about the size of published group averages (0.3 nats of
        log power per unit of valence or arousal at the best electrode), 0 is none at all.
    individuality : float
        Size of the person's own pattern of response, relative to the common one.
    coupling : float
        Size of the change of coupling between regions with mood: 1 turns the direction along which
        regions are out of phase by 0.08 rad per unit of mood (see `brain.Coupling`), 0 is none.
        The power of every electrode stays the same. A tangent-space probe of 20 s of 32 electrodes
        finds a coupling of 1 about as well as a power probe finds an effect of 1.
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
    coupling: float = 0.0
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
    def draw(
        cls, seed: int, *, effect: float = 1.0, individuality: float = 0.5, coupling: float = 0.0
    ) -> SimulatedPerson:
        """Draw a person from a population that varies about as adults do."""
        rng = np.random.default_rng([seed, 0xBC1])

        def around(median: float, spread: float) -> float:
            return float(median * np.exp(spread * rng.standard_normal()))

        return cls(
            seed=seed,
            effect=effect,
            individuality=individuality,
            coupling=coupling,
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
    """Additions of muscles, electrodes and amplifier; a size of 0 (or False) switches one off.

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
    gain_drift_db : float
        Standard deviation of each electrode's gain, which walks over minutes (`GAIN_TIME_S`) as
        contacts do: it scales EEG and muscles of the electrode, all frequencies alike.
    """

    blinks: bool = True
    jaw: bool = True
    line_uv: float = 2.0
    line_hz: float = 50.0
    offset_uv: float = 0.0
    drift_uv: float = 5.0
    noise_uv: float = 0.5
    gain_drift_db: float = 0.0


GAIN_TIME_S = 180.0
"""Time constant of the walk of an electrode's gain."""

CLEAN = Artifacts(blinks=False, jaw=False, line_uv=0.0, offset_uv=0.0, drift_uv=0.0, noise_uv=0.0)
"""No artifact of any kind."""
