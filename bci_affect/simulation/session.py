"""A simulated session: one listener, rest and music with known moods, and faults on request.

What a session is made of is a `SessionPlan`; `SimulatedSession` turns it into raw samples with the
stamps that a device would have put, so that everything behind it (clock, reader, pipeline) sees
what it would see of a headset. The ground truth comes with it: moods, electrode gains and faults.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import CAPS, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import RestStart, RestStop, SelfReport, TrackStart, TrackStop
from bci_affect.plugins import PlugIn, find_plugins
from bci_affect.simulation.simulator import (
    Activity,
    Artifacts,
    EegSimulator,
    SimulatedPerson,
    electrode_gain,
)
from bci_affect.streams import StreamHeader, build_header

Floats = NDArray[np.float64]


BLOCK_S = 0.02
PACKET = 12
GAIN_TRUTH_EVERY_S = 10.0
MOODS: tuple[tuple[str, float, float], ...] = (
    ("happy", 0.8, 0.7),
    ("sad", -0.7, -0.6),
    ("calm", 0.7, -0.7),
    ("tense", -0.8, 0.8),
)
"""Name, valence and arousal of the quadrants, in the order in which clips go through them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a session: start, length, kind, title of the music, and mood."""

    start_s: float
    seconds: float
    kind: str  # rest_open, rest_closed, pause, or clip
    title: str = ""
    valence: float = 0.0
    arousal: float = 0.0


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of a session, in seconds from its start.

    Attributes
    ----------
    drops : tuple of (start, seconds)
        Samples that never arrive.
    resets : tuple of (time, seconds)
        From `time` on the device's clock is `seconds` ahead of what it was.
    flat : tuple of (channel, time)
        The electrode falls off at `time`.
    jitter_s : float
        Mean delay of packets of 12 samples that are stamped on arrival, as Bluetooth has it.
    rate_error : float
        Deviation of the sampling rate from the nominal one (0.01 is 1 % faster).
    """

    drops: tuple[tuple[float, float], ...] = ()
    resets: tuple[tuple[float, float], ...] = ()
    flat: tuple[tuple[str, float], ...] = ()
    jitter_s: float = 0.0
    rate_error: float = 0.0


@dataclass(frozen=True)
class SessionPlan:
    """Settings of a simulated session.

    Attributes
    ----------
    seconds : float
        Length.
    channels : tuple of str
        Electrodes.
    rate_hz : float
        Nominal rate.
    person, seed : int
        Number of the simulated person, and of the person's session.
    effect : float
        Size of the effect of mood on power: 1 is about published group averages, 0 is none.
    coupling : float
        Size of the effect of mood on the coupling between regions, see `SimulatedPerson`.
    clip_s, rest_s : float
        Length of clips and of the two rests at the start (open and closed eyes).
    state_s : float
        Time for which successive clips keep one mood, in an order of the session's own; 0 changes
        the mood with every clip. A state that lasts does not pause between clips.
    mood : str
        Single mood of all clips, by its name in `MOODS`; "" for all of them.
    artifacts : Artifacts
        Blinks, jaw, hum, electrode offsets, drift of electrode gains.
    faults : Faults
        Faults of device and transport.
    """

    seconds: float = 120.0
    channels: tuple[str, ...] = CAPS["cyton"]
    rate_hz: float = 250.0
    person: int = 1
    seed: int = 0
    effect: float = 1.0
    coupling: float = 0.0
    clip_s: float = 20.0
    rest_s: float = 10.0
    state_s: float = 0.0
    mood: str = ""
    artifacts: Artifacts = field(default_factory=Artifacts)
    faults: Faults = field(default_factory=Faults)

    def parts(self) -> list[Part]:
        """Rest with open and closed eyes, then clips through the moods with short pauses."""
        parts = [
            Part(0.0, self.rest_s, "rest_open"),
            Part(self.rest_s, self.rest_s, "rest_closed"),
        ]
        at = 2 * self.rest_s
        number = 0
        counts: Counter[str] = Counter()
        pause_s = 0.2 * self.clip_s
        while at < self.seconds:
            title, valence, arousal = self._mood_of_clip(number, at - 2 * self.rest_s)
            counts[title] += 1
            name = f"{title} {counts[title]}"
            parts.append(Part(at, self.clip_s, "clip", name, valence, arousal))
            left = (valence, arousal) if self.state_s or self.mood else (0.0, 0.0)
            parts.append(Part(at + self.clip_s, pause_s, "pause", "", *left))
            at += self.clip_s + pause_s
            number += 1
        return [part for part in parts if part.start_s < self.seconds and part.seconds > 0]

    @property
    def simulated_person(self) -> SimulatedPerson:
        """Person of the session."""
        return SimulatedPerson.draw(self.person, effect=self.effect, coupling=self.coupling)

    def _mood_of_clip(self, number: int, since_s: float) -> tuple[str, float, float]:
        """Return name, valence and arousal of a clip that starts `since_s` after the rests."""
        if self.mood:
            for mood in MOODS:
                if mood[0] == self.mood:
                    return mood
            names = ", ".join(name for name, *_ in MOODS)
            raise BciAffectError(f"There is no mood '{self.mood}'; choose one of {names}.")
        if not self.state_s:
            return MOODS[number % len(MOODS)]
        rng = np.random.default_rng([self.seed, self.person, 0x57A7E])
        order = rng.permutation(len(MOODS))
        return MOODS[order[int(since_s // self.state_s) % len(MOODS)]]


@dataclass(frozen=True, slots=True)
class SimulatedBlock:
    """Samples (n, n_channels) in microvolts, the device's stamps (n,), and when they arrive."""

    samples: NDArray[np.float32]
    stamps: Floats
    arrival_s: float


class SimulatedSession:
    """Planned session, simulated block by block; all times are seconds from its start.

    Raises
    ------
    BciAffectError
        If the plan cannot be simulated (unknown electrode or mood, rate too low, unknown flat
        channel).
    """

    def __init__(self, plan: SessionPlan) -> None:
        self.plan = plan
        montage = make_montage(plan.channels)
        unknown = [name for name, _ in plan.faults.flat if name not in plan.channels]
        if unknown:
            raise BciAffectError(
                f"Channel '{unknown[0]}' is to fall off but is not worn; it is one of "
                f"{', '.join(plan.channels)}."
            )
        self._simulator = EegSimulator(
            plan.channels,
            montage.positions,
            plan.rate_hz,
            plan.simulated_person,
            plan.seed,
            plan.artifacts,
        )
        self._parts = plan.parts()
        self._rng = np.random.default_rng([plan.seed, plan.person, 0xFA])

    @property
    def header(self) -> StreamHeader:
        """Description of the EEG stream, marked as simulated."""
        plan = self.plan
        n = len(plan.channels)
        return build_header(
            "Simulated EEG",
            "EEG",
            plan.channels,
            units=["microvolts"] * n,
            types=["EEG"] * n,
            rate_hz=plan.rate_hz,
            source_id=f"bci-affect-simulated-{plan.person}-{plan.seed}",
            simulated=True,
        )

    def mood(self, time_s: float) -> tuple[float, float]:
        """Return the true valence and arousal at a time, in [-1, 1]."""
        part = self._part(time_s)
        return part.valence, part.arousal

    def events(self) -> list[TimedEvent]:
        """Return the events of the session in order, with their times."""
        found: list[TimedEvent] = []
        for part in self._parts:
            end = part.start_s + part.seconds
            whole = end <= self.plan.seconds + 1e-9
            if part.kind.startswith("rest"):
                kind = "eyes_open" if part.kind == "rest_open" else "eyes_closed"
                found.append((part.start_s, RestStart(kind=kind)))
                if whole:
                    found.append((end, RestStop(kind=kind)))
            elif part.kind == "clip":
                label = part.title.split()[0]
                start = TrackStart(track=part.title, offset=0.0, label=label)
                found.append((part.start_s, start))
                if whole:
                    found.append((end, TrackStop(track=part.title)))
                    found.append((end + 0.05 * part.seconds, self._rating(part)))
        found = [(time, event) for time, event in found if time <= self.plan.seconds]
        return sorted(found, key=lambda e: e[0])

    def truth(self) -> list[tuple[float, str]]:
        """Return the ground truth as JSON objects with their times.

        Moods, faults, and, if they are switched on, the size of coupling and the gain of each
        electrode in dB, every `GAIN_TRUTH_EVERY_S` seconds.
        """
        faults = self.plan.faults
        found: list[tuple[float, dict[str, object]]] = [
            (part.start_s, {"mood": [part.valence, part.arousal], "part": part.kind})
            for part in self._parts
        ]
        found += [(start, {"fault": "drop", "seconds": length}) for start, length in faults.drops]
        found += [(at, {"fault": "clock_reset", "seconds": jump}) for at, jump in faults.resets]
        found += [(at, {"fault": "flat", "channel": name}) for name, at in faults.flat]
        if faults.jitter_s:
            found.append((0.0, {"fault": "jitter", "mean_s": faults.jitter_s}))
        if faults.rate_error:
            found.append((0.0, {"fault": "rate", "error": faults.rate_error}))
        if self.plan.coupling:
            found.append((0.0, {"coupling": self.plan.coupling}))
        found += self._gains()
        return [(time, json.dumps(event)) for time, event in sorted(found, key=lambda e: e[0])]

    def clock_shift(self, time_s: float) -> float:
        """Return how far the device's clock is ahead at a time, by the resets before it."""
        return sum(jump for at, jump in self.plan.faults.resets if at <= time_s)

    def blocks(self) -> Iterator[SimulatedBlock]:
        """Yield the session in order of arrival; a block never spans two parts."""
        plan = self.plan
        rate = plan.rate_hz * (1.0 + plan.faults.rate_error)
        total = round(plan.seconds * rate)
        size = PACKET if plan.faults.jitter_s else max(1, round(BLOCK_S * rate))
        done = 0
        arrived = 0.0
        while done < total:
            times = (done + np.arange(min(size, total - done))) / rate
            part = self._part(float(times[0]))
            activity: Activity = "eyes_closed" if part.kind == "rest_closed" else "listen"
            made = self._simulator.block(times.size, part.valence, part.arousal, activity)
            samples = np.ascontiguousarray(made.T)
            stamps: Floats = np.array(times, np.float64)
            arrival = float(times[-1])
            if plan.faults.jitter_s:
                arrival = max(arrival + self._rng.gamma(2.0, plan.faults.jitter_s / 2), arrived)
                stamps = arrival + 1e-5 * np.arange(times.size, dtype=np.float64)
                arrived = float(stamps[-1])
            done += times.size
            keep = self._spoil(samples, times)
            stamps = stamps + np.array([self.clock_shift(time) for time in times])
            if keep.any():
                yield SimulatedBlock(samples[keep], stamps[keep], arrival)

    def _gains(self) -> list[tuple[float, dict[str, object]]]:
        """Gain of each electrode over the session."""
        plan = self.plan
        n = len(plan.channels)
        walk = electrode_gain(n, plan.rate_hz, plan.simulated_person, plan.seed, plan.artifacts)
        if walk is None:
            return []
        rate = plan.rate_hz * (1.0 + plan.faults.rate_error)
        size = round(GAIN_TRUTH_EVERY_S * plan.rate_hz)
        found: list[tuple[float, dict[str, object]]] = []
        for start in range(0, round(plan.seconds * rate), size):
            gain_db = walk.block(size)[:, 0]
            gains = {
                name: round(float(value), 3)
                for name, value in zip(plan.channels, gain_db, strict=True)
            }
            found.append((start / rate, {"gain_db": gains}))
        return found

    def _part(self, time_s: float) -> Part:
        current = self._parts[0]
        for part in self._parts:
            if part.start_s > time_s:
                break
            current = part
        return current

    def _spoil(self, samples: NDArray[np.float32], times: Floats) -> NDArray[np.bool_]:
        """Put faults into a block; return a mask of the samples that arrive."""
        for name, at in self.plan.faults.flat:
            samples[times >= at, self.plan.channels.index(name)] = 0.0
        keep = np.ones(times.size, bool)
        for start, length in self.plan.faults.drops:
            keep &= ~((times >= start) & (times < start + length))
        return keep

    def _rating(self, part: Part) -> SelfReport:
        """Return a rating on 1-9 that follows the mood, with the listener's own scatter."""
        plan = self.plan
        rng = np.random.default_rng([plan.seed, plan.person, round(1000 * part.start_s)])
        said = 5 + 4 * np.array([part.valence, part.arousal]) + rng.normal(0, 0.5, 2)
        valence, arousal = (round(float(value), 1) for value in np.clip(said, 1, 9))
        return SelfReport(valence, arousal, track=part.title)


def cap_channels(name_or_labels: str) -> tuple[str, ...]:
    """Return the electrodes of a headset, or of a list separated by commas."""
    if name_or_labels in CAPS:
        return CAPS[name_or_labels]
    plug_ins = find_plugins("headsets")
    if name_or_labels in plug_ins:
        return _plugged_in(plug_ins[name_or_labels])
    labels = tuple(label.strip() for label in name_or_labels.split(",") if label.strip())
    if len(labels) < 2:
        raise BciAffectError(
            f"'{name_or_labels}' is no headset that can be simulated "
            f"({', '.join((*CAPS, *plug_ins))}) and no list of electrodes such as Fp1,Fp2,C3,C4."
        )
    return labels


def _plugged_in(plug_in: PlugIn) -> tuple[str, ...]:
    names = plug_in.load()
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise plug_in.failure("is no headset", "it is no sequence of electrode names")
    return tuple(names)


def parse_faults(
    drops: Sequence[str] = (),
    resets: Sequence[str] = (),
    flat: Sequence[str] = (),
    jitter_ms: float = 0.0,
    rate_error: float = 0.0,
) -> Faults:
    """Read faults as the command line has them: ``AT:SECONDS``, ``AT:JUMP``, ``CHANNEL:AT``.

    Raises
    ------
    BciAffectError
        If one cannot be read.
    """
    try:
        pairs = [tuple(float(x) for x in text.split(":")) for text in (*drops, *resets)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError
        off = []
        for text in flat:
            name, _, at = text.partition(":")
            off.append((name, float(at or 0.0)))
    except ValueError:
        raise BciAffectError(
            "Faults are given as AT:SECONDS (--drop 30:2), AT:JUMP (--clock-reset 60:-500) and "
            "CHANNEL:AT (--flat C3:10)."
        ) from None
    cut = len(drops)
    return Faults(
        drops=tuple((pair[0], pair[1]) for pair in pairs[:cut]),
        resets=tuple((pair[0], pair[1]) for pair in pairs[cut:]),
        flat=tuple(off),
        jitter_s=jitter_ms / 1000.0,
        rate_error=rate_error,
    )
