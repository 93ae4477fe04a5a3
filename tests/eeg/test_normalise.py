"""The z-score to the person: causal, frozen on bad signal, bounded, the same after storing it."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.eeg import FeatureWindow, Normaliser, State
from bci_affect.errors import BciAffectError


def window(bands, *, mask=None, state=State.OK) -> FeatureWindow:
    bands = np.asarray(bands, np.float32)
    n = bands.shape[1]
    mask = np.ones(n, np.bool_) if mask is None else np.asarray(mask)
    return FeatureWindow(bands, mask, np.ones(n, np.float32), 0.0, state, 1, 0)


def stream(seed: int, n: int, mean: float, sd: float):
    rng = np.random.default_rng(seed)
    steps = mean + sd * rng.standard_normal((n + 3, 2, 3))
    return [window(steps[i : i + 4]) for i in range(n)]


def test_it_finds_the_persons_mean_and_sd_whatever_the_prior():
    n = Normaliser(2, 3, hop_s=0.5, mean=[0.0] * 3, sd=[1.0] * 3)
    scores = [n.apply(w)[-1] for w in stream(1, 4000, 3.0, 0.4)]
    assert n.mean == pytest.approx(np.full((2, 3), 3.0), abs=0.1)
    assert n.sd == pytest.approx(np.full((2, 3), 0.4), rel=0.1)
    assert np.std(scores[2000:]) == pytest.approx(1.0, rel=0.1)


def test_at_the_start_the_prior_speaks():
    n = Normaliser(2, 3, hop_s=0.1, mean=[2.0, 3.0, 4.0], sd=[0.5] * 3, prior_weight_s=60)
    z = n.apply(window(np.full((4, 2, 3), 3.0)))
    assert z[0, 0] == pytest.approx([2.0, 0.0, -2.0], abs=0.05)


def test_memory_forgets_at_its_time_constant():
    n = Normaliser(1, 1, hop_s=1.0, memory_s=100.0, mean=[0.0], sd=[1.0], prior_weight_s=1e4)
    for _ in range(100):
        n.apply(window(np.ones((1, 1, 1))))
    # of a full memory of 1e4 s a share of exp(-1) is left: 3679 s, besides 63 s of ones
    assert n.mean[0, 0] == pytest.approx(63.5 / (3679 + 63.5), rel=0.01)


@pytest.mark.parametrize("state", [State.ARTIFACT, State.WARMING, State.GAP])
def test_bad_windows_and_masked_electrodes_leave_the_statistics_alone(state):
    n = Normaliser(2, 3, mean=[0.0] * 3)
    before = n.state()
    z = n.apply(window(np.full((4, 2, 3), 50.0), state=state))
    assert all(np.array_equal(before[key], n.state()[key]) for key in before)
    assert z.max() == 5.0
    z = n.apply(window(np.full((4, 2, 3), 50.0), mask=[False, True]))
    assert n.mean[0] == pytest.approx(0.0)
    assert (n.mean[1] > 0).all()
    assert (z[:, 0] == 0).all()


def test_a_stored_normaliser_goes_on_as_if_it_had_never_stopped():
    windows = stream(2, 60, 1.0, 0.3)
    whole = Normaliser(2, 3)
    expected = [whole.apply(w) for w in windows]
    first = Normaliser(2, 3)
    got = [first.apply(w) for w in windows[:25]]
    second = Normaliser.from_state({k: v.tolist() for k, v in first.state().items()})
    got += [second.apply(w) for w in windows[25:]]
    assert np.array_equal(got, expected)


def test_what_does_not_fit_is_refused_in_one_sentence():
    n = Normaliser(2, 3)
    with pytest.raises(BciAffectError, match="2 channels and 3 bands"):
        n.apply(window(np.zeros((4, 3, 3))))
    with pytest.raises(BciAffectError, match="damaged"):
        Normaliser.from_state({"mean": [[0.0]], "square": [[0.0]]})


def test_following_windows_learns_what_applying_them_does():
    rng = np.random.default_rng(8)
    windows = [
        FeatureWindow(
            bands=rng.standard_normal((4, 2, 3)).astype(np.float32),
            mask=np.array([True, k % 3 > 0]),
            quality=np.ones(2, np.float32),
            time=k * 0.125,
            state=State.OK if k % 5 else State.ARTIFACT,
            index=k,
            electrodes_version=k,
        )
        for k in range(40)
    ]
    applied, followed = Normaliser(2, 3), Normaliser(2, 3)
    for window in windows[:-1]:
        applied.apply(window)
        followed.follow(window)
    assert np.array_equal(applied.apply(windows[-1]), followed.apply(windows[-1]))
    assert np.abs(applied.mean).max() > 0
