"""EEG against a person's rest: a state that lasts stays shown, and live is replay."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from bci_affect.affect import AffectPath, ReferenceKind
from bci_affect.eeg import CAPS, Chunk, State, make_montage
from bci_affect.model import AffectModel, ModelCard, ModelSettings, Predictor
from bci_affect.model.covariance import N_TANGENT

RATE = 128.0
BANDS = {"theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
CAP = make_montage(CAPS["epoc"])
N = len(CAP)


def predictor(gate: float = 0.0) -> Predictor:
    """Arousal is high where alpha is low: mean log amplitude of alpha less the other bands'."""
    torch.manual_seed(0)
    settings = ModelSettings(
        encoder="covariance", n_bands=3, n_steps=12, width=8, hidden=8, space=8, music_dim=6
    )
    model = AffectModel(settings).eval()
    power = len(BANDS) * N_TANGENT
    with torch.no_grad():
        model.encoder.gate.fill_(gate)
        for layer in (model.encoder.many, model.encoder.few):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[1, power + 16] = -1.0
            layer.weight[1, [power, power + 32]] = 0.5
        for layer in (model.shared, model.heads):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[0, 0] = layer.weight[1, 1] = 1.0
    card = ModelCard(
        name="rest", summary="", simulated=True, bands=BANDS, window_s=6.0, step_s=0.5, hop_s=0.5,
        prior_mean=(1.0,) * 3, prior_sd=(0.5,) * 3,
    )  # fmt: skip
    return Predictor((model, card))


def eeg(seconds: float, alpha: float = 1.0, seed: int = 0) -> np.ndarray:
    """Noise of every channel plus alpha of one source."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    shared = (
        12 * alpha * np.sin(2 * np.pi * 10 * np.arange(n) / RATE) * np.linspace(-2, 2, N)[:, None]
    )
    return np.float32(10 * rng.normal(size=(N, n)) + shared)


def session(
    signal: np.ndarray, *, size_s: float = 5.0, rest=None, state=None, model=None, ahead=True
):
    """Run EEG through a path; `rest` is a span that is known ahead, or once it begins."""
    path = AffectPath(model or predictor(), RATE, CAP, state=state)
    times, size = 100.0 + np.arange(signal.shape[1]) / RATE, int(size_s * RATE)
    if rest and ahead:
        path.baseline(*rest)
    steps = []
    for at in range(0, len(times), size):
        if rest and not ahead and times[at] >= rest[0]:
            path.baseline(*rest)
            rest = None
        steps += path.push(Chunk(signal[:, at : at + size], times[at : at + size]))
    return path, steps


def arousal(steps, start: float, stop: float) -> float:
    """Mean log-odds between two times of the session."""
    return float(
        np.mean(
            [
                s.log_odds[1]
                for s in steps
                if s.log_odds is not None and start < s.window.time - 100 < stop
            ]
        )
    )


def test_a_state_of_five_minutes_still_shows_after_five_minutes():
    signal = np.hstack([eeg(70), eeg(300, alpha=0.4, seed=1)])
    _, steps = session(signal, rest=(105.0, 165.0))
    first, last = arousal(steps, 90, 120), arousal(steps, 340, 370)
    assert first > 1.0
    assert last == pytest.approx(first, rel=0.15)
    assert steps[-1].estimate.reference is ReferenceKind.REST


def test_a_drifting_electrode_gain_is_no_mood():
    signal = eeg(190)
    drift = np.ones((N, signal.shape[1]), np.float32)
    drift[3] = np.exp(np.linspace(0, 0.8, signal.shape[1]))
    drift[8] = np.exp(-np.linspace(0, 0.8, signal.shape[1]))
    _, steady = session(signal, rest=(105.0, 165.0))
    _, moved = session(signal * drift, rest=(105.0, 165.0))
    _, real = session(
        np.hstack([signal[:, : int(70 * RATE)], eeg(120, alpha=0.4, seed=1)]), rest=(105.0, 165.0)
    )
    change = arousal(moved, 160, 190) - arousal(steady, 160, 190)
    assert abs(change) < 0.15 * (arousal(real, 160, 190) - arousal(steady, 160, 190))


def test_the_reference_goes_from_population_to_start_to_rest():
    path, steps = session(eeg(120), rest=(145.0, 205.0), size_s=0.5)
    kinds = [s.estimate.reference for s in steps if s.window.state is State.OK]
    assert list(dict.fromkeys(kinds)) == [
        ReferenceKind.POPULATION, ReferenceKind.START, ReferenceKind.REST,
    ]  # fmt: skip
    assert np.isfinite(path.estimator.normaliser.mean).all()


def test_the_second_sitting_of_a_person_starts_from_the_stored_rest():
    first, _ = session(eeg(70), rest=(105.0, 165.0))
    state = first.estimator.normaliser.state()
    again = eeg(40, alpha=0.4, seed=5)
    path, stored = session(again, state=state)
    _, fresh = session(again)
    assert stored[-1].estimate.reference is ReferenceKind.STORED
    assert arousal(stored, 30, 40) > 1.0
    assert abs(arousal(fresh, 30, 40)) < 0.5 * arousal(stored, 30, 40)  # calm for all it knows
    kept = path.estimator.normaliser.state()
    for name, value in state.items():
        np.testing.assert_array_equal(kept[name], value)
    _, nothing = session(again, state=session(eeg(40))[0].estimator.normaliser.state())
    assert nothing[-1].estimate.reference is ReferenceKind.START


@pytest.mark.parametrize("size_s", [0.5, 1.7])
def test_live_and_replay_agree_with_a_baseline_and_a_profile(size_s):
    state = session(eeg(70), rest=(105.0, 165.0))[0].estimator.normaliser.state()
    signal = np.hstack([eeg(60, seed=2), eeg(40, alpha=0.5, seed=3)])
    model = predictor(gate=1.0)
    _, live = session(
        signal, rest=(110.0, 150.0), size_s=size_s, state=state, model=model, ahead=False
    )
    _, replay = session(signal, rest=(110.0, 150.0), size_s=20, state=state, model=model)
    assert len(live) == len(replay)
    for a, b in zip(live, replay, strict=True):
        assert a.estimate.reference is b.estimate.reference
        assert a.estimate.state is b.estimate.state
        np.testing.assert_allclose(a.estimate.arousal, b.estimate.arousal, atol=1e-5)
        np.testing.assert_allclose(a.estimate.embedding, b.estimate.embedding, atol=1e-5)


def test_a_failing_electrode_is_masked_in_rest_too():
    signal = np.hstack([eeg(70), eeg(60, alpha=0.4, seed=1)])
    whole = arousal(session(signal, rest=(105.0, 165.0))[1], 110, 130)
    for c in (2, 5):
        signal[c, int(80 * RATE) :] = 0.0
    _, steps = session(signal, rest=(105.0, 165.0))
    assert not steps[-1].window.mask[[2, 5]].any()
    assert arousal(steps, 110, 130) == pytest.approx(whole, rel=0.25)


def test_a_window_against_rest_is_quick():
    """At 32 electrodes and 7 bands, next to the usual path."""
    torch.manual_seed(0)
    cap = make_montage(CAPS["cap32"])
    bands = {f"b{i}": (2.0 + 5 * i, 6.0 + 5 * i) for i in range(7)}
    settings = ModelSettings(encoder="covariance", n_bands=7)
    card = ModelCard("quick", "", True, bands, 6.0, 0.5, 0.125, (), ())
    path = AffectPath(Predictor((AffectModel(settings).eval(), card)), 250.0, cap)
    signal = np.float32(10 * np.random.default_rng(0).normal(size=(32, 5000)))
    path.baseline(100.0, 112.0)
    taken = []
    for at in range(0, 5000, 32):
        began = time.perf_counter()
        path.push(Chunk(signal[:, at : at + 32], 100 + np.arange(at, min(at + 32, 5000)) / 250.0))
        taken.append(time.perf_counter() - began)
    assert np.median(taken[-40:]) < 0.02
