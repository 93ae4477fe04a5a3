"""Simulated listener: live EEG that responds to the music of a session.

`simulate_stream` publishes a session with fixed moods. The listener here receives the events that a
session publishes over LSL, and its mood follows that of the clip or track. It closes the loop of a
guided calibration or a session; with ``effect=0`` its EEG is independent of mood.
"""

from __future__ import annotations

import threading

import numpy as np

from bci_affect.eeg import make_montage
from bci_affect.event_log import PlayedMusic
from bci_affect.events import RestStart, RestStop, SessionEvent
from bci_affect.simulation.session import SessionPlan, SimulatedSession
from bci_affect.simulation.simulator import Activity, EegSimulator, SimulatedPerson
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


def publish_listener(plan: SessionPlan, stop: threading.Event) -> int:
    """Publish EEG of a listener to the sessions on the network, until `stop` or the end.

    Parameters
    ----------
    plan : SessionPlan
        Person, headset, rate, effect, artifacts and length; its clips and faults are not used.
    stop : threading.Event

    Returns
    -------
    int
        Samples sent.
    """
    simulator = EegSimulator(
        plan.channels,
        make_montage(plan.channels).positions,
        plan.rate_hz,
        SimulatedPerson.draw(plan.person, effect=plan.effect),
        plan.seed,
        plan.artifacts,
    )
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
            outlet.push(np.ascontiguousarray(block.T), stamps)
            sent += size
    finally:
        ears.stop()
        outlet.close()
    return sent
