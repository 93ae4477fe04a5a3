"""Detection of faults and artifacts planted in simulated EEG at known times and places.

Each fault is planted at one electrode of a simulated 32-channel recording, from second 15 to second
45 of 60. *Recall* is the share of the time from 6 s after its beginning (the voting takes some
seconds) to its end in which the electrode is out; *false alarms* is the share of the time in which
healthy electrodes are out; *reaction* is the median time until the electrode is out. Artifacts are
the simulator's own: the recording is made twice, with and without them, and the difference is the
truth. Recall then counts events, and false alarms are hops per minute named without one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.config import SignalSettings
from bci_affect.eeg import CAPS, Chunk, FeatureWindow, Pipeline, make_montage
from bci_affect.simulation import CLEAN, Artifacts, EegSimulator, SimulatedPerson

CAP = CAPS["cap32"]
RATE_HZ = 250.0
FIRST_SEED = 100
"""People that no threshold was set on."""

START_S, END_S, LENGTH_S, GRACE_S = 15.0, 45.0, 60.0, 6.0

Signal = NDArray[np.float64]
Fault = Callable[[Signal, np.random.Generator], Signal]


def _flat(x: Signal, rng: np.random.Generator) -> Signal:
    return np.full_like(x, x[0])


def _railed(x: Signal, rng: np.random.Generator) -> Signal:
    swing = 400.0 * np.sin(2 * np.pi * 0.7 * np.arange(len(x)) / RATE_HZ)
    clipped: Signal = np.clip(x + swing, -200.0, 200.0)
    return clipped


def _contact(x: Signal, rng: np.random.Generator) -> Signal:
    jumps = rng.uniform(size=len(x)) < 1.5 / RATE_HZ
    sizes = rng.choice([-1, 1], len(x)) * rng.uniform(2000, 6000, len(x))
    stepped: Signal = x + np.cumsum(jumps * sizes)
    return stepped


def _large(x: Signal, rng: np.random.Generator) -> Signal:
    return 12.0 * x


def _small(x: Signal, rng: np.random.Generator) -> Signal:
    return 0.08 * x


def _hum(x: Signal, rng: np.random.Generator) -> Signal:
    hum: Signal = 150.0 * np.sin(2 * np.pi * 50.0 * np.arange(len(x)) / RATE_HZ)
    return x + hum


def _muscle(x: Signal, rng: np.random.Generator) -> Signal:
    white = rng.standard_normal(len(x))
    return x + 40.0 * np.diff(white, prepend=0.0)


def _alone(x: Signal, rng: np.random.Generator) -> Signal:
    spectrum = np.fft.rfft(rng.standard_normal(len(x)))
    spectrum /= np.sqrt(np.maximum(1.0, np.arange(len(spectrum))))
    other = np.fft.irfft(spectrum, len(x))
    scale = float(np.std(x) / np.std(other))
    return np.asarray(other * scale, np.float64)


FAULTS: dict[str, Fault] = {
    "flat": _flat,
    "railed": _railed,
    "contact changes": _contact,
    "too large": _large,
    "too small": _small,
    "mains hum": _hum,
    "muscle or high-frequency noise": _muscle,
    "unlike its neighbours": _alone,
}
"""Fault in the words of `bci_affect.eeg.quality` -> what it makes of a second half of EEG."""


def simulate(seed: int, artifacts: Artifacts, seconds: float = LENGTH_S) -> NDArray[np.float32]:
    """EEG of a simulated person at the cap, (n_channels, n), in microvolts."""
    person = replace(SimulatedPerson.draw(seed), blinks_per_min=12.0, clenches_per_min=4.0)
    places = make_montage(CAP).positions
    return EegSimulator(CAP, places, RATE_HZ, person, seed, artifacts).block(
        round(seconds * RATE_HZ)
    )


def windows_of(samples: NDArray[np.floating]) -> list[FeatureWindow]:
    """All windows of a recording at the cap with the default settings; times start at 0."""
    pipeline = Pipeline(SignalSettings(), RATE_HZ, make_montage(CAP))
    times = np.arange(samples.shape[1]) / RATE_HZ
    return pipeline.push(Chunk(samples.astype(np.float32), times))


def run_faults(
    n_electrodes: int, only: Sequence[str] = tuple(FAULTS)
) -> dict[str, dict[str, float]]:
    """Plant each fault at several electrodes; recall, false alarms and reaction of each."""
    background = Artifacts(blinks=True, jaw=False, line_uv=2.0)
    return {name: _run_fault(name, n_electrodes, background) for name in only}


def _run_fault(name: str, n_electrodes: int, background: Artifacts) -> dict[str, float]:
    found, false, named, reactions = [], [], [], []
    for seed in range(FIRST_SEED, FIRST_SEED + n_electrodes):
        rng = np.random.default_rng([seed, len(name)])
        at = int(rng.integers(len(CAP)))
        eeg = simulate(seed, background).astype(np.float64)
        span = slice(round(START_S * RATE_HZ), round(END_S * RATE_HZ))
        eeg[at, span] = FAULTS[name](eeg[at, span], rng)
        windows = windows_of(eeg)
        times = np.array([w.time for w in windows])
        out = ~np.array([w.mask for w in windows])  # (n_windows, n_channels)
        due = (times > START_S + GRACE_S) & (times < END_S)
        found.append(out[due, at].mean())
        named.append(
            np.mean(
                [
                    any(f"{CAP[at]}: " in r and name in r for r in w.reasons)
                    for w, d in zip(windows, due, strict=True)
                    if d
                ]
            )
        )
        false.append(np.delete(out, at, axis=1).mean())
        first = np.flatnonzero(out[:, at] & (times > START_S))
        reactions.append(times[first[0]] - START_S if first.size else np.inf)
    return {
        "recall": float(np.mean(found)),
        "named_rightly": float(np.mean(named)),
        "false_alarms": float(np.mean(false)),
        "reaction_s": float(np.median(reactions)),
    }


def run_artifacts(n_people: int, seconds: float = 120.0) -> dict[str, dict[str, float]]:
    """Find the simulator's blinks and clenches; recall and false alarms of each."""
    result = {}
    for word, given in (
        ("blink", replace(CLEAN, blinks=True, noise_uv=0.5, line_uv=2.0)),
        ("jaw clench", replace(CLEAN, jaw=True, noise_uv=0.5, line_uv=2.0)),
    ):
        events, hits, false, minutes = 0, 0, 0, 0.0
        for seed in range(FIRST_SEED, FIRST_SEED + n_people):
            eeg = simulate(seed, given, seconds)
            truth = eeg - simulate(seed, replace(given, blinks=False, jaw=False), seconds)
            spans = _spans(np.abs(truth).max(axis=0) > 30.0)
            windows = windows_of(eeg)
            seen = np.array([w.time for w in windows if word in w.reasons])
            begin = next(w.time for w in windows if w.state.value != "warming")
            spans = [s for s in spans if s[0] > begin]
            near = np.zeros(len(seen), np.bool_)
            for start, end in spans:
                inside = (seen >= start) & (seen <= end + 1.0)  # a step and a hop after its end
                near |= inside
                hits += bool(inside.any())
            events += len(spans)
            false += int((~near).sum())
            minutes += (seconds - begin) / 60.0
        result[word] = {
            "events": float(events),
            "recall": hits / max(1, events),
            "false_hops_per_minute": false / minutes,
        }
    return result


def _spans(active: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Events as (start, end) in seconds; what lies less than 0.5 s apart is one."""
    at = np.flatnonzero(active)
    if not at.size:
        return []
    groups = np.split(at, np.flatnonzero(np.diff(at) > 0.5 * RATE_HZ) + 1)
    return [(g[0] / RATE_HZ, g[-1] / RATE_HZ) for g in groups]


def run(quick: bool) -> dict[str, Any]:
    """Both tables."""
    return {
        "faults": run_faults(3 if quick else 10),
        "artifacts": run_artifacts(1 if quick else 5),
    }
