"""Agreement of the interval in a verdict with its test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.training.calibration.clips import select_labelled
from bci_affect.training.calibration.evaluation import Evaluation, chance_test, evaluate
from bci_affect.training.calibration.metrics import balanced_accuracy, bootstrap
from bci_affect.training.calibration.permutation import ALPHA, holm, holm_levels
from bci_affect.training.calibration.personal_model import calibrate
from bci_affect.training.calibration.simulation import SimulatedListener, simulate_clips
from bci_affect.training.calibration.verdict import limit_percent, make_verdict


def _agrees(standing: str, e: Evaluation) -> bool:
    low, high = e.eeg.interval
    return (standing == "above chance", standing == "worse than chance") == (low > 0.5, high < 0.5)


@pytest.mark.parametrize(
    ("seed", "above"),
    [
        (137, True),  # p = .02 next to a plain bootstrap interval of 39 % to 85 %
        (104, True),
        (105, False),  # p = .09 next to 52 % to 90 %
        (143, False),  # p = .025 is not below .025
    ],
)
def test_cases_with_a_contradicting_plain_bootstrap(seed: int, above: bool) -> None:
    clips = select_labelled(simulate_clips(SimulatedListener(eeg=0.8), 12, seed=seed), "valence")
    e = evaluate(clips, seed=0, n_permutations=199, n_random=0)
    plain = bootstrap(e.eeg_logit, e.high, clips.group, np.random.default_rng([0, 1]))
    assert (plain["balanced_accuracy"][0] > 0.5) is not above, "the case shows nothing any more"
    verdict = make_verdict(e, p_adjusted=2 * e.p, quality=1.0)
    assert verdict.above_chance is above
    assert _agrees(verdict.standing, e)
    assert e.eeg.interval[0] <= e.eeg.balanced_accuracy <= e.eeg.interval[1]
    assert "95 % interval" in verdict.text
    low = verdict.text.split("interval ")[1].split("%")[0]
    assert (float(low) > 50) is above


def test_verdicts_of_many_people_agree_with_their_intervals() -> None:
    levels, standings = set(), set()
    for seed in range(15):
        effect = (0.5, 0.7, 0.85)[seed % 3]
        table = simulate_clips(SimulatedListener(eeg=effect), 12, seed=1000 + seed)
        found = calibrate(table, seed=seed, n_permutations=99, n_random=0)
        for name, verdict in found.verdicts.items():
            e = found.evaluations[name]
            assert _agrees(verdict.standing, e), (seed, name, verdict.text)
            assert e.eeg.interval[0] <= e.eeg.balanced_accuracy <= e.eeg.interval[1]
            assert e.eeg.level == pytest.approx(1 - 2 * e.alpha)
            assert f"{100 * e.eeg.level:.0f} % interval" in verdict.text
            levels.add(round(e.eeg.level, 2))
            standings.add(verdict.standing)
    assert levels == {0.9, 0.95}, "Holm tests the second of two at .05 once the first is found"
    assert {"above chance", "not (yet) above chance"} <= standings


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(8, 30),
    effect=st.floats(-2, 2),
    place=st.floats(0, 1),
    alpha=st.sampled_from([0.025, 0.05]),
    permutations=st.sampled_from([99, 199, 999]),
)
def test_interval_excludes_chance_exactly_where_the_test_rejects(
    seed: int, n: int, effect: float, place: float, alpha: float, permutations: int
) -> None:
    rng = np.random.default_rng(seed)
    high = rng.permutation(np.arange(n) % 2).astype(float)
    logit = rng.standard_normal(n) + effect * (2 * high - 1)
    drawn = rng.standard_normal(permutations + 1)
    drawn[0] = np.quantile(drawn[1:], place)  # any p-value, also one far from the accuracy
    accuracy = float(balanced_accuracy(logit, high))
    test = chance_test(drawn, accuracy)
    found = bootstrap(logit, high, np.arange(n), rng, 500, alpha=alpha, test=test)
    low, top = found["balanced_accuracy"]
    assert (low > 0.5) == (test.above < alpha)
    assert (top < 0.5) == (test.below < alpha)
    assert 0 <= low <= accuracy <= top <= 1


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 1000), min_size=1))
def test_levels_of_holm_agree_with_its_corrected_p_values(thousandths: dict[str, int]) -> None:
    p = {name: k / 1000 for name, k in thousandths.items()}
    adjusted, levels = holm(p), holm_levels(p)
    for name in p:
        if abs(adjusted[name] - ALPHA) > 1e-12:
            assert (p[name] < levels[name]) == (adjusted[name] < ALPHA)
        assert ALPHA / len(p) - 1e-12 <= levels[name] <= ALPHA


def test_significant_only_on_the_side_where_the_accuracy_lies() -> None:
    drawn = np.concatenate([[9.0], np.zeros(99)])
    assert chance_test(drawn, 0.6).above == 0.01
    assert chance_test(drawn, 0.5).above == 0.5
    assert chance_test(-drawn, 0.4).below == 0.01
    assert chance_test(-drawn, 0.5).below == 0.5


def test_interval_is_unchanged_if_test_and_bootstrap_agree() -> None:
    rng = np.random.default_rng(3)
    high = np.arange(40) % 2.0
    logit = rng.standard_normal(40) + 0.4 * (2 * high - 1)
    plain = bootstrap(logit, high, np.arange(40), np.random.default_rng(0))["balanced_accuracy"]
    share = _share_below_chance(logit, high)
    drawn = np.concatenate([[0.0], np.where(np.arange(9999) < 10_000 * share - 1, 1.0, -1.0)])
    test = chance_test(drawn, float(balanced_accuracy(logit, high)))
    found = bootstrap(logit, high, np.arange(40), np.random.default_rng(0), test=test)
    np.testing.assert_allclose(found["balanced_accuracy"], plain, atol=0.005)


def _share_below_chance(logit: np.ndarray, high: np.ndarray) -> float:
    """Share of the bootstrap at or below chance, by bisection of its level."""
    below, above = 0.0, 0.5
    for _ in range(20):
        level = (below + above) / 2
        rng = np.random.default_rng(0)
        low, _ = bootstrap(logit, high, np.arange(len(high)), rng, alpha=level)["balanced_accuracy"]
        below, above = (below, level) if low > 0.5 else (level, above)
    return above


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "50%"), (0.50001, "50.1%"), (0.504, "50.4%"), (0.4999, "49.9%"), (0.693, "69%")],
)
def test_no_rounding_puts_a_limit_on_chance(value: float, text: str) -> None:
    assert limit_percent(value) == text
