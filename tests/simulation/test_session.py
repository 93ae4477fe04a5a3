"""Events, moods, ground truth and faults of simulated sessions."""

from __future__ import annotations

import dataclasses
import itertools
import json

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


def clips(**more):
    plan = SessionPlan(seconds=620.0, clip_s=10.0, rest_s=5.0, person=3, seed=2, **more)
    return plan, [part for part in plan.parts() if part.kind == "clip"]


def test_states_that_last_keep_the_mood_for_minutes():
    plan, found = clips(state_s=150.0)
    moods = [part.title.split()[0] for part in found]
    changes = [now for before, now in itertools.pairwise(moods) if before != now]
    assert len(changes) == 4
    assert len(set(moods[:40])) == 4
    assert len({part.title for part in found}) == len(found)
    starts = [part.start_s for part, now in zip(found, moods, strict=True) if now == moods[0]]
    assert 130 < starts[-1] - starts[0] + 12 < 160 or moods.count(moods[0]) > 13
    session = SimulatedSession(plan)
    pause = next(part for part in plan.parts() if part.kind == "pause")
    assert session.mood(pause.start_s + 0.5) == session.mood(pause.start_s - 0.5) != (0, 0)
    other = SessionPlan(seconds=620.0, clip_s=10.0, rest_s=5.0, person=5, seed=1, state_s=150.0)
    orders = {tuple(dict.fromkeys(moods))}
    for person in range(4):
        parts = dataclasses.replace(other, person=person).parts()
        titles = (part.title.split()[0] for part in parts if part.kind == "clip")
        orders.add(tuple(dict.fromkeys(titles)))
    assert len(orders) > 1, "an order of the session's own"


def test_a_sitting_with_a_single_state():
    _, found = clips(mood="calm")
    assert {(part.valence, part.arousal) for part in found} == {(0.7, -0.7)}
    assert [part.title for part in found[:3]] == ["calm 1", "calm 2", "calm 3"]
    with pytest.raises(BciAffectError, match="no mood 'bored'; choose one of happy, sad"):
        SimulatedSession(SessionPlan(mood="bored"))


def test_default_order_of_moods_is_that_of_earlier_versions():
    _, found = clips()
    assert [part.title for part in found[:6]] == [
        "happy 1",
        "sad 1",
        "calm 1",
        "tense 1",
        "happy 2",
        "sad 2",
    ]


def test_gains_and_coupling_are_in_the_truth_of_the_file(tmp_path):
    artifacts = dataclasses.replace(CLEAN, gain_drift_db=3.0)
    plan, recording = simulated(tmp_path, artifacts=artifacts, coupling=2.0)
    truth = next(stream for stream in recording.streams if stream.header.name == "bci_affect.truth")
    documents = [json.loads(row[0]) for row in truth.texts]
    assert {"coupling": 2.0} in documents
    gains = [document["gain_db"] for document in documents if "gain_db" in document]
    assert len(gains) == 3  # every ten seconds of twenty-four
    assert set(gains[0]) == set(plan.channels)
    plain_plan = dataclasses.replace(plan, artifacts=CLEAN)
    session, plain = SimulatedSession(plan), SimulatedSession(plain_plan)
    for block, without in zip(session.blocks(), plain.blocks(), strict=True):
        if 10.0 <= block.arrival_s < 10.2:
            ratio_db = 20 * np.log10(block.samples[0] / without.samples[0])
            np.testing.assert_allclose(ratio_db, list(gains[1].values()), atol=0.1)
            break
    assert not any("gain_db" in text for _, text in plain.truth())
