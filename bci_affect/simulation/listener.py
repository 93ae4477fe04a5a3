"""Simulated listener whose EEG follows the music of a live session.

`simulate_stream` publishes a session whose moods are fixed beforehand. The listener reads the
events that sessions publish over LSL, and its mood follows the music that they name, for a guided
calibration or a closed loop without a person. With ``effect=0`` and ``coupling=0`` its EEG does not
depend on the music.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError
from bci_affect.event_log import PlayedMusic
from bci_affect.events import RestStart, RestStop, SessionEvent
from bci_affect.simulation.session import GAIN_TRUTH_EVERY_S, SessionPlan, SimulatedSession
from bci_affect.simulation.simulator import Activity, EegSimulator
from bci_affect.streams import Collector, RawOutlet, is_event_stream, local_clock

BLOCK_S = 0.02
LEAST_MOOD = 0.6
"""Music is felt at least so much to the side that its event names."""


class Mind:
    """Mood and activity of the listener, as they follow from the events so far."""

    def __init__(self) -> None:
        self.activity: Activity = "listen"
        self._music = PlayedMusic()

    @property
    def mood(self) -> tuple[float, float]:
        """Valence and arousal in [-1, 1]; 0 without music, and where its mood is unknown."""
        music = self._music.audible
        valence, arousal = (None, None) if music is None else music.mood
        return _felt(valence), _felt(arousal)

    def push(self, time: float, event: SessionEvent) -> None:
        """Push an event of a session."""
        self._music.push(time, event)
        if isinstance(event, RestStart):
            activities: dict[str, Activity] = {"closed": "eyes_closed", "blinks": "blinks"}
            self.activity = activities.get(event.kind, "listen")
        elif isinstance(event, RestStop):
            self.activity = "listen"


def _felt(value: float | None) -> float:
    """Return the mood that music of this mood evokes, at least `LEAST_MOOD` to its side."""
    if value is None:
        return 0.0
    return float(np.clip(np.sign(value) * max(abs(value), LEAST_MOOD), -1, 1))


def publish_listener(plan: SessionPlan, stop: threading.Event, *, truth: Path | None = None) -> int:
    """Publish EEG of a listener to the sessions on the network, until `stop` or the end.

    Parameters
    ----------
    plan : SessionPlan
        Person, headset, rate, effects, artifacts and length; its clips and faults are not used.
    stop : threading.Event
        Ends the publishing.
    truth : Path, optional
        New file for the ground truth, one JSON object per line with its time on the LSL clock:
        settings first, then every change of mood and activity, and the gains of the electrodes
        every `GAIN_TRUTH_EVERY_S` seconds.

    Returns
    -------
    int
        Samples sent.

    Raises
    ------
    BciAffectError
        If the file exists or cannot be written, or the plan cannot be simulated.
    """
    simulator = EegSimulator(
        plan.channels,
        make_montage(plan.channels).positions,
        plan.rate_hz,
        plan.simulated_person,
        plan.seed,
        plan.artifacts,
    )
    log = _TruthLog(plan, truth) if truth is not None else None
    outlet = RawOutlet(SimulatedSession(plan).header, own=False)
    ears = Collector(
        lambda found: is_event_stream(found.name, found.type, found.source_id), lambda: None
    )
    mind = Mind()
    size = max(1, round(BLOCK_S * plan.rate_hz))
    total = round(plan.seconds * plan.rate_hz)
    sent = 0
    ears.start()
    try:
        origin = local_clock()
        while sent < total:
            if stop.wait(max(0.0, origin + (sent + size) / plan.rate_hz - local_clock())):
                break
            for marker in ears.take():
                if marker.event is not None:
                    mind.push(marker.time, marker.event)
            block = simulator.block(size, *mind.mood, mind.activity)
            stamps = origin + (sent + np.arange(size)) / plan.rate_hz
            if log is not None:
                log.push(float(stamps[0]), mind, simulator.gain_db)
            outlet.push(np.ascontiguousarray(block.T), stamps)
            sent += size
    finally:
        ears.stop()
        outlet.close()
        if log is not None:
            log.close()
    return sent


class _TruthLog:
    """Ground truth of a listener as JSON lines."""

    def __init__(self, plan: SessionPlan, path: Path) -> None:
        try:
            self._file: TextIO = path.open("x", encoding="utf-8")
        except FileExistsError:
            raise BciAffectError(f"{path} exists; give a new file for the truth.") from None
        except OSError as error:
            raise BciAffectError(f"Cannot write {path}: {error.strerror or error}.") from None
        self._channels = plan.channels
        self._drifts = bool(plan.artifacts.gain_drift_db)
        self._state: tuple[object, ...] | None = None
        self._next_gain_s = -np.inf
        self._write(
            person=plan.person,
            seed=plan.seed,
            effect=plan.effect,
            coupling=plan.coupling,
            gain_drift_db=plan.artifacts.gain_drift_db,
        )

    def push(self, time_s: float, mind: Mind, gain_db: NDArray[np.floating]) -> None:
        """Write a change of mood or activity, and the gains when they are due."""
        state = (*mind.mood, mind.activity)
        if state != self._state:
            self._state = state
            self._write(time=time_s, mood=list(mind.mood), activity=mind.activity)
        if self._drifts and time_s >= self._next_gain_s:
            self._next_gain_s = time_s + GAIN_TRUTH_EVERY_S
            gains = dict(zip(self._channels, map(float, gain_db.round(3)), strict=True))
            self._write(time=time_s, gain_db=gains)

    def close(self) -> None:
        self._file.close()

    def _write(self, **document: object) -> None:
        self._file.write(json.dumps(document) + "\n")
        self._file.flush()
