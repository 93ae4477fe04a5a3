"""A simulated listener who hears what a session plays: EEG that answers to the music, live.

`simulate.simulate_stream` publishes a session whose moods are fixed beforehand. This one follows
the session that listens to it: it takes the events that the session publishes over LSL and feels
what the clip's or track's event says of the music. So a guided calibration, or a closed loop, has
somebody at its other end; with ``effect=0`` there is somebody whose EEG tells nothing.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from bci_affect.eeg import make_montage
from bci_affect.simulation.session import SessionPlan, SimulatedSession
from bci_affect.simulation.simulator import Activity, EegSimulator, SimulatedPerson
from bci_affect.streams import Collector, RawOutlet, local_clock

EVENTS = "bci_affect.events"
BLOCK_S = 0.02
LEAST_MOOD = 0.6
"""Music is felt at least so much to the side that its event names."""


@dataclass
class Mind:
    """What the listener feels and does, as the events so far have it."""

    valence: float = 0.0
    arousal: float = 0.0
    activity: Activity = "listen"

    def hear(self, text: str) -> None:
        """Take one event of a session; anything else than JSON objects is not for us."""
        try:
            event = json.loads(text)
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        kind = event.get("event")
        if kind in ("clip_start", "track_start"):
            self.valence, self.arousal = _felt(event, "valence"), _felt(event, "arousal")
        elif kind in ("clip_stop", "track_stop"):
            self.valence = self.arousal = 0.0
        elif kind == "rest_start":
            kinds: dict[object, Activity] = {"closed": "eyes_closed", "blinks": "blinks"}
            self.activity = kinds.get(event.get("kind"), "listen")
        elif kind == "rest_stop":
            self.activity = "listen"


def _felt(event: dict[str, Any], name: str) -> float:
    """Mood in [-1, 1] that an event's music is felt with; 0 where the event does not say."""
    value = event.get(f"intended_{name}", event.get(name))
    if not isinstance(value, int | float) or not np.isfinite(value):
        return 0.0
    return float(np.clip(np.sign(value) * max(abs(value), LEAST_MOOD), -1, 1))


def publish_listener(plan: SessionPlan, stop: threading.Event) -> int:
    """Publish EEG of a listener who hears the sessions on the network, until `stop` or the end.

    Parameters
    ----------
    plan : SessionPlan
        Person, headset, rate, effect, artefacts and length; its clips and faults are not used.
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
    ears = Collector(lambda found: found.name == EVENTS, lambda: None)
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
                mind.hear(marker.text)
            block = simulator.block(size, mind.valence, mind.arousal, mind.activity)
            stamps = origin + (sent + np.arange(size)) / plan.rate_hz
            outlet.push(np.ascontiguousarray(block.T), stamps)
            sent += size
    finally:
        ears.stop()
        outlet.close()
    return sent
