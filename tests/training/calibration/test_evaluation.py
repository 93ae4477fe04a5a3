"""Evaluation and verdict on simulated people with and without an effect."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.training.calibration.clips import select_labelled
from bci_affect.training.calibration.evaluation import evaluate
from bci_affect.training.calibration.metrics import balanced_accuracy, bootstrap
from bci_affect.training.calibration.permutation import (
    holm,
    labels_are_blocked,
    p_value,
    permuted_labels,
)
from bci_affect.training.calibration.personal_model import calibrate
from bci_affect.training.calibration.simulation import SimulatedListener, simulate_clips
from bci_affect.training.calibration.verdict import clips_needed, make_verdict
from bci_affect.training.metrics import rank_auc


def test_strong_effect_is_above_chance() -> None:
    result = calibrate(simulate_clips(SimulatedListener(eeg=0.97), 24, seed=1), n_permutations=199)
    for verdict in result.verdicts.values():
        assert verdict.above_chance
        assert "above chance" in verdict.text
        assert "24 clips" in verdict.text
    evaluation = result.evaluations["valence"]
    low, high = evaluation.eeg.interval
    assert low < evaluation.eeg.balanced_accuracy <= high
    assert evaluation.baselines["majority"].balanced_accuracy == 0.5
    assert evaluation.baselines["prior"].brier == 0.25
    assert 0.3 < evaluation.random[0] < 0.65
    assert result.personal.valence.informative
    assert result.personal.n_clips == 24


def test_no_effect_is_not_above_chance_and_advice_is_given() -> None:
    result = calibrate(simulate_clips(SimulatedListener(eeg=0.5), 12, seed=2), n_permutations=199)
    for name, verdict in result.verdicts.items():
        assert not verdict.above_chance
        assert verdict.advice
        assert not getattr(result.personal, name).informative


def test_below_chance_advises_to_check_the_labels() -> None:
    evaluation = evaluate(
        select_labelled(simulate_clips(SimulatedListener(eeg=0.97), 16, seed=3), "valence"),
        n_permutations=49,
    )
    worse = dataclasses.replace(evaluation, p=0.99, p_below=0.01)
    verdict = make_verdict(worse, p_adjusted=1.0, quality=0.5)
    assert verdict.standing == "worse than chance"
    assert any("swapped" in advice for advice in verdict.advice)
    assert any("contact" in advice for advice in verdict.advice)


def test_same_seed_same_result() -> None:
    clips = select_labelled(simulate_clips(SimulatedListener(eeg=0.8), 12, seed=4), "valence")
    a, b = (evaluate(clips, seed=9, n_permutations=49) for _ in range(2))
    assert a.p == b.p
    assert a.eeg == b.eeg


def test_leave_one_session_out() -> None:
    clips = select_labelled(
        simulate_clips(SimulatedListener(eeg=0.97), 36, n_sessions=3, seed=5), "valence"
    )
    result = evaluate(clips, n_permutations=99)
    assert result.n_sessions == 3
    assert result.across_sessions is not None
    assert result.across_sessions.balanced_accuracy > 0.6
    assert result.p_across_sessions < 0.05


def test_permutations_stay_within_their_stratum() -> None:
    high = np.array([1, 1, 1, 0, 0, 0, 0, 1.0])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    drawn = permuted_labels(high, stratum, 200, np.random.default_rng(0), runs=False)
    assert (drawn[:, :4].sum(axis=1) == 3).all()
    assert (drawn[:, 4:].sum(axis=1) == 1).all()
    assert len(np.unique(drawn, axis=0)) == 16


def test_blocked_labels_are_permuted_by_run_so_that_drift_is_not_significant() -> None:
    """Half of the session happy, then half sad, and EEG that only drifts."""
    table = simulate_clips(SimulatedListener(eeg=0.5), 16, seed=6)
    drift = np.linspace(-4, 4, 16)
    high = np.repeat([1.0, 0.0], 8)
    blocked = dataclasses.replace(
        table,
        ratings=np.where(high[:, None] > 0.5, 8.0, 2.0).repeat(2, axis=1),
        embedding=table.embedding + drift[:, None],
    )
    clips = select_labelled(blocked, "valence")
    rng = np.random.default_rng(0)
    assert labels_are_blocked(clips.high, clips.session, rng)
    result = evaluate(clips, n_permutations=199)
    assert result.eeg.balanced_accuracy > 0.8, "drift alone separates the two halves"
    assert result.p > 0.05, "but must not be significant"
    assert "runs" in result.scheme


def test_random_order_is_not_blocked() -> None:
    rng = np.random.default_rng(1)
    flagged = [
        labels_are_blocked(rng.permutation(np.arange(24) % 2).astype(float), np.zeros(24, int), rng)
        for _ in range(60)
    ]
    assert np.mean(flagged) <= 0.1


def test_metrics_of_known_cases() -> None:
    high = np.array([1, 1, 0, 0.0])
    logit = np.array([2.0, -1.0, -2.0, -3.0])
    assert balanced_accuracy(logit, high) == 0.75
    assert rank_auc(logit, high) == 1.0
    assert rank_auc(np.zeros(4), high) == 0.5
    assert balanced_accuracy(np.zeros(4), high) == 0.5


def test_interval_of_twelve_correct_clips_has_width() -> None:
    high = np.arange(12) % 2.0
    found = bootstrap(4 * high - 2, high, np.arange(12), np.random.default_rng(0))
    low, top = found["balanced_accuracy"]
    assert 0.7 < low < 0.9
    assert top > 0.97


def test_holm_and_p_value() -> None:
    assert holm({"valence": 0.01, "arousal": 0.04}) == {"valence": 0.02, "arousal": 0.04}
    assert holm({"valence": 0.03, "arousal": 0.03}) == {"valence": 0.06, "arousal": 0.06}
    assert p_value(1.0, np.zeros(99)) == 0.01
    assert p_value(0.0, np.zeros(99)) == 1.0


def test_clips_needed_agrees_with_the_binomial() -> None:
    assert clips_needed(0.5) is None
    few, many = clips_needed(0.9), clips_needed(0.7)
    assert few is not None
    assert many is not None
    assert few < many <= 45


@pytest.mark.parametrize(
    ("keep", "ratings", "named"),
    [
        (5, None, "at least 8 are needed"),
        (12, 8.0, "add clips that are low"),
        (12, 2.0, "add clips that are high"),
        (12, 5.0, "Only 0 of 12"),
        (12, float("nan"), "Only 0 of 12"),
    ],
)
def test_too_few_clips_are_refused(keep: int, ratings: float | None, named: str) -> None:
    table = simulate_clips(SimulatedListener(), 12, seed=7)
    rows = slice(0, keep)
    table = dataclasses.replace(
        table,
        embedding=table.embedding[rows],
        eeg_logit=table.eeg_logit[rows],
        music_logit=table.music_logit[rows],
        ratings=table.ratings[rows] if ratings is None else np.full((keep, 2), ratings),
        group=table.group[rows],
        session=table.session[rows],
        block=table.block[rows],
        quality=table.quality[rows],
    )
    with pytest.raises(BciAffectError) as caught:
        calibrate(table)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_dimension_is_calibrated_if_the_other_is_refused() -> None:
    table = simulate_clips(SimulatedListener(eeg=0.95), 16, seed=8)
    ratings = table.ratings.copy()
    ratings[:, 1] = 8
    result = calibrate(dataclasses.replace(table, ratings=ratings), n_permutations=49)
    assert set(result.evaluations) == {"valence"}
    assert "low in arousal" in result.refused["arousal"]
    assert result.personal.arousal.rung == "population head"
    assert not result.personal.arousal.informative
