"""Simulated sessions have the events, moods and faults that they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.events import RestStart, RestStop, SelfReport, TrackStart
from bci_affect.simulation.recording import simulate_xdf
from bci_affect.simulation.session import (
    Faults,
    SessionPlan,
    SimulatedSession,
    cap_channels,
    parse_faults,
)
from bci_affect.simulation.simulator import CLEAN
from bci_affect.streams import read_xdf


def simulated(tmp_path, **more):
    plan = SessionPlan(
        seconds=24.0,
        channels=cap_channels("muse"),
        rate_hz=128.0,
        clip_s=6.0,
        rest_s=4.0,
        artifacts=CLEAN,
    )
    plan = SessionPlan(**{**plan.__dict__, **more})
    simulate_xdf(tmp_path / "s.xdf", plan)
    return plan, read_xdf(tmp_path / "s.xdf")


def test_a_simulated_session_says_what_happened_when(tmp_path):
    plan, recording = simulated(tmp_path)
    events = [(time - 1000, event) for time, event in recording.events()]
    kinds = [type(event) for _, event in events]
    assert kinds[:5] == [RestStart, RestStop, RestStart, RestStop, TrackStart]
    ratings = [(time, event) for time, event in events if isinstance(event, SelfReport)]
    assert ratings
    session = SimulatedSession(plan)
    for when, rating in ratings:
        valence, arousal = session.mood(when - 1.0)
        assert (rating.valence > 5) == (valence > 0)
        assert (rating.arousal > 5) == (arousal > 0)
    assert recording.find_eeg().header.simulated


@pytest.mark.parametrize(
    ("faults", "kinds", "lost"),
    [
        (Faults(drops=((10.0, 2.0),)), ["gap"], 256),
        (Faults(resets=((10.0, -500.0),)), [], 0),
        (Faults(resets=((10.0, 3e5),)), [], 0),
        (Faults(jitter_s=0.02), [], 0),
        (Faults(rate_error=-0.07), [], 0),
    ],
)
def test_faults_are_found_as_they_were_made(tmp_path, faults, kinds, lost):
    plan, recording = simulated(tmp_path, faults=faults)
    eeg = recording.find_eeg()
    times, events, dejitter = eeg.timeline()
    assert [event.kind for event in events] == kinds
    assert dejitter.lost == pytest.approx(lost, abs=4)
    assert np.diff(times).min() > 0
    assert times[-1] - times[0] == pytest.approx(plan.seconds, abs=0.1)


def test_a_fallen_electrode_is_flat_from_then_on(tmp_path):
    _, recording = simulated(tmp_path, faults=parse_faults(flat=["AF7:12"]))
    samples = recording.find_eeg().samples()
    assert samples[: 12 * 128, 1].std() > 1
    assert samples[12 * 128 :, 1].std() == 0


@pytest.mark.parametrize("wrong", [{"drops": ["x"]}, {"resets": ["1"]}, {"flat": ["Cz:a"]}])
def test_faults_that_cannot_be_read_are_refused(wrong):
    with pytest.raises(BciAffectError, match="Faults are given as"):
        parse_faults(**wrong)


def test_headsets_and_electrodes_are_checked():
    with pytest.raises(BciAffectError, match="no headset"):
        cap_channels("toaster")
    with pytest.raises(BciAffectError, match="not worn"):
        SimulatedSession(SessionPlan(faults=Faults(flat=(("Fz", 1.0),))))
