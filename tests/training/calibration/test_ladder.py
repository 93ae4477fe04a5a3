"""Personal head: closed forms, choice of the rung, and calibration of probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from bci_affect.training.calibration.clips import select_labelled
from bci_affect.training.calibration.ladder import (
    CANDIDATES,
    _leave_one_out,
    _precisions,
    fit_basis,
    fit_head,
    fit_heads,
    map_logistic,
)
from bci_affect.training.calibration.nested_cv import nested_predictions
from bci_affect.training.calibration.probability_calibration import (
    conformal_quantile,
    fit_fusion,
    fit_gain,
)
from bci_affect.training.calibration.simulation import SimulatedListener, simulate_clips


def test_closed_form_leave_one_out_equals_leaving_out() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((14, 6))
    residual = rng.standard_normal(14)
    group = np.array([0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 9])
    maps = _leave_one_out(features, group)
    for c in range(len(CANDIDATES)):
        precision = np.diag(_precisions(np.array([c]))[0])
        for g in np.unique(group):
            rest, left = group != g, group == g
            inner = features[rest]
            weights = np.linalg.solve(inner.T @ inner / 4 + precision, inner.T @ residual[rest])
            np.testing.assert_allclose(
                (maps[c] @ residual)[left], features[left] @ weights, atol=1e-9
            )


def test_map_logistic_is_the_maximum_a_posteriori() -> None:
    rng = np.random.default_rng(1)
    features, offset = rng.standard_normal((20, 3)), rng.standard_normal(20)
    high = (rng.random((5, 20)) > 0.5).astype(float)
    precision = np.tile([0.5, 2.0, 8.0], (5, 1))
    found = map_logistic(features, offset, high, precision)
    for i in range(5):

        def loss(w: np.ndarray, i: int = i) -> float:
            z = offset + features @ w
            likelihood = np.sum(high[i] * z - np.logaddexp(0, z))
            return float(-likelihood + 0.5 * np.sum(precision[i] * w**2))

        best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
        np.testing.assert_allclose(found[i], best, atol=1e-4)


def test_head_on_embeddings_equals_weights_on_features() -> None:
    clips = select_labelled(
        simulate_clips(SimulatedListener(eeg=0.95, shared=0.2), 24, seed=3), "valence"
    )
    head, selection = fit_head(clips.embedding, clips.eeg_logit, clips.high, clips.group)
    assert selection.candidate[0] >= 0, "a strong personal effect must leave the population head"
    basis, weights, _ = fit_heads(clips.embedding, clips.eeg_logit, clips.high[None], clips.group)
    features = basis.features(clips.embedding, clips.eeg_logit)
    expected = np.clip(clips.eeg_logit, -4, 4) + features @ weights[0]
    np.testing.assert_allclose(head.logit(clips.embedding, clips.eeg_logit), expected, atol=1e-9)


def test_population_head_is_kept_when_it_is_right() -> None:
    """Labels drawn with the probability of the population head, without a personal effect."""
    rng = np.random.default_rng(4)
    kept = 0
    for _ in range(40):
        embedding, logit = rng.standard_normal((24, 16)), 2.5 * rng.standard_normal(24)
        high = (rng.random(24) < expit(logit)).astype(float)
        if 3 <= high.sum() <= 21:
            head, _ = fit_head(embedding, logit, high, np.arange(24))
            kept += head.components is None
    assert kept >= 20


def test_a_labelling_is_predicted_the_same_alone_and_among_others() -> None:
    """The permutation test must run on the real labels exactly what it runs on permuted ones."""
    clips = select_labelled(simulate_clips(SimulatedListener(eeg=0.8), 12, seed=5), "arousal")
    rng = np.random.default_rng(0)
    many = np.vstack([clips.high, rng.permuted(np.tile(clips.high, (9, 1)), axis=1)])
    together = nested_predictions(clips.embedding, clips.eeg_logit, many, clips.group, clips.group)
    for i in range(10):
        alone = nested_predictions(
            clips.embedding, clips.eeg_logit, many[[i]], clips.group, clips.group
        )
        np.testing.assert_allclose(together.logit[i], alone.logit[0], atol=1e-5)


def test_a_held_out_clip_never_reaches_its_own_prediction() -> None:
    clips = select_labelled(simulate_clips(SimulatedListener(eeg=0.9), 16, seed=6), "valence")
    high = clips.high.copy()
    high[3] = 1 - high[3]  # another label for clip 3 must not change the prediction of clip 3
    a = nested_predictions(
        clips.embedding, clips.eeg_logit, clips.high[None], clips.group, clips.group
    )
    b = nested_predictions(clips.embedding, clips.eeg_logit, high[None], clips.group, clips.group)
    assert a.logit[0, 3] == b.logit[0, 3]
    assert not np.allclose(a.logit[0], b.logit[0])


def test_basis_survives_fewer_clips_than_components_and_constant_logits() -> None:
    basis = fit_basis(np.ones((3, 8)) * np.arange(3)[:, None], np.zeros(3))
    assert np.isfinite(basis.features(np.ones((2, 8)), np.zeros(2))).all()


@pytest.mark.parametrize(("n", "informative"), [(8, False), (9, True)])
def test_ninety_percent_needs_nine_clips(n: int, informative: bool) -> None:
    logit = np.linspace(1, 3, n)
    assert (conformal_quantile(logit, np.ones(n)) < 1) is informative


def test_conformal_sets_cover() -> None:
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(300):
        logit = 1.5 * rng.standard_normal(21)
        high = (rng.random(21) < expit(logit)).astype(float)
        quantile = conformal_quantile(logit[:20], high[:20])
        p_true = expit(logit[20]) if high[20] else 1 - expit(logit[20])
        covered.append(1 - p_true <= quantile)
    assert np.mean(covered) > 0.86


def test_temperature_finds_overconfidence() -> None:
    rng = np.random.default_rng(8)
    logit = rng.standard_normal(400)
    high = (rng.random(400) < expit(logit)).astype(float)
    assert fit_gain(4 * logit, high) == pytest.approx(0.25, abs=0.08)


def test_fusion_ignores_noise_and_uses_signal() -> None:
    weights: dict[str, list[float]] = {"noise": [], "signal": []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        high = rng.permutation(np.arange(24) % 2).astype(float)
        music = 1.5 * (2 * high - 1) + 1.7 * rng.standard_normal(24)
        weights["noise"].append(fit_fusion(rng.standard_normal(24), music, high).eeg)
        signal = 2.0 * (2 * high - 1) + 1.8 * rng.standard_normal(24)
        weights["signal"].append(fit_fusion(signal, music, high).eeg)
    assert np.median(weights["noise"]) == 0
    assert np.mean(weights["noise"]) < 0.15
    assert np.median(weights["signal"]) > 0.4
