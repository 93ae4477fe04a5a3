"""Conditions of simulated data sets: states, sessions, gains, and their ground truth."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bci_affect.datasets import open_dataset
from bci_affect.datasets.deap import ORDER_FILE, TRUTH_FILE
from bci_affect.datasets.simulated import (
    TRIAL_TRUTH_FILE,
    SimulatedDataset,
    SimulationSettings,
    write_deap,
)

SMALL = {"subjects": 2, "trials": 12, "seconds": 8, "seed": 4}


def truth_of(root: Path) -> dict[str, np.ndarray]:
    with np.load(root / TRIAL_TRUTH_FILE) as file:
        return dict(file)


def states_of(root: Path, subject: int) -> list[int]:
    """Quadrants in the order of presentation."""
    truth = truth_of(root)
    return [int(q) for q in truth["quadrant"][np.argsort(truth["position"][subject])]]


def test_settings_without_conditions_have_the_key_of_earlier_versions() -> None:
    key = SimulatedDataset(SimulationSettings(subjects=2, trials=8, seconds=8)).content_key("s01")
    assert key == "431e999e34c0a694c1fae6a894d6741f8a331613cc6311f0a09586ea2e951034"
    other = SimulationSettings(subjects=2, trials=8, seconds=8, coupling=1)
    assert SimulatedDataset(other).content_key("s01") != key


def test_state_that_lasts_is_a_run_of_tracks_of_one_quadrant(tmp_path: Path) -> None:
    write_deap(tmp_path, SimulationSettings(**SMALL, state_s=33))  # three tracks of 3 + 8 s
    orders = []
    for subject in (0, 1):
        states = states_of(tmp_path, subject)
        assert [len(list(run)) for _, run in itertools.groupby(states)] == [3, 3, 3, 3]
        orders.append(states)
    trials = open_dataset("deap", tmp_path).trials("s01")
    assert {trial.session for trial in trials} == {"1"}
    assert orders[0] != orders[1], "an order of each subject's own"
    assert [int(t.stimulus[5:]) - 1 for t in trials] == list(
        np.argsort(truth_of(tmp_path)["position"][0])
    )
    assert json.loads((tmp_path / TRUTH_FILE).read_text())["settings"]["state_s"] == 33


def test_a_long_state_is_not_followed_by_the_same(tmp_path: Path) -> None:
    write_deap(tmp_path, SimulationSettings(**SMALL, state_s=22))  # two and one of each quadrant
    for subject in (0, 1):
        states = states_of(tmp_path, subject)
        runs = [len(list(run)) for _, run in itertools.groupby(states)]
        assert max(runs) == 2


def test_each_state_is_a_session_of_its_own(tmp_path: Path) -> None:
    settings = SimulationSettings(**SMALL, one_state_sittings=True, gain_drift_db=3)
    write_deap(tmp_path, settings)
    header = (tmp_path / ORDER_FILE).read_text().splitlines()[0]
    assert header == "Participant_id,Trial,Experiment_id,Session"
    truth = truth_of(tmp_path)
    dataset, simulated = open_dataset("deap", tmp_path), SimulatedDataset(settings)
    for number, subject in enumerate(dataset.subjects):
        trials = dataset.trials(subject)
        sessions = [trial.session for trial in trials]
        assert sessions == sorted(sessions)
        assert set(sessions) == {"1", "2", "3", "4"}
        for session in set(sessions):
            tracks = [int(t.stimulus[5:]) - 1 for t in trials if t.session == session]
            assert len({int(truth["quadrant"][track]) for track in tracks}) == 1
            assert {str(truth["session"][number, track]) for track in tracks} == {session}
        for ours, theirs in zip(trials, simulated.trials(subject), strict=True):
            assert (ours.session, ours.stimulus) == (theirs.session, theirs.stimulus)
            np.testing.assert_array_equal(ours.eeg, theirs.eeg)


def test_gains_are_recorded_by_trial_and_electrode(tmp_path: Path) -> None:
    plain, drifting = tmp_path / "plain", tmp_path / "drifting"
    write_deap(plain, SimulationSettings(**SMALL))
    write_deap(drifting, SimulationSettings(**SMALL, gain_drift_db=3))
    gain_db = truth_of(drifting)["gain_db"]
    assert gain_db.shape == (2, 12, 32)
    assert 1.5 < gain_db.std() < 5
    assert np.abs(truth_of(plain)["gain_db"]).max() == 0
    pairs = zip(
        open_dataset("deap", plain).trials("s02"),
        open_dataset("deap", drifting).trials("s02"),
        strict=True,
    )
    for without, with_drift in pairs:
        track = int(with_drift.stimulus[5:]) - 1
        found = 20 * np.log10(with_drift.eeg.std(axis=1) / without.eeg.std(axis=1))
        np.testing.assert_allclose(found, gain_db[1, track], atol=0.5)
    np.testing.assert_array_equal(truth_of(plain)["emotion"], truth_of(drifting)["emotion"])


def test_two_orders_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        SimulationSettings(state_s=60, one_state_sittings=True)
