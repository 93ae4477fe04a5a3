"""The complete path: live, replay and training agree, and windows state their faults."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.config import SignalSettings, WindowSettings
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.errors import BciAffectError
from tests.eeg.signals import CAP_8, CAP_32, SHORT, pink, run, times_of

COVARIANCE = SHORT.model_copy(update={"covariance": True})

quick = settings(max_examples=25, deadline=None, derandomize=True)


def same_covariance(a, b) -> bool:
    if a.covariance is None or b.covariance is None:
        return a.covariance is b.covariance
    return np.array_equal(a.covariance.sums, b.covariance.sums) and np.array_equal(
        a.covariance.samples, b.covariance.samples
    )


def same(a, b) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x.bands, y.bands)
        and same_covariance(x, y)
        and np.array_equal(x.mask, y.mask)
        and np.array_equal(x.quality, y.quality)
        and (x.time, x.state, x.index, x.reasons) == (y.time, y.state, y.index, y.reasons)
        and x.electrodes_version == y.electrodes_version
        for x, y in zip(a, b, strict=True)
    )


@quick
@given(
    sizes=st.lists(st.integers(1, 400), max_size=60),
    rate=st.sampled_from([128.0, 250.0, 256.0, 499.7]),
    holes=st.booleans(),
)
def test_any_chunking_gives_identical_windows(sizes, rate, holes):
    n = int(6 * rate)
    eeg = pink(1, 8, n) + 60_000
    times = times_of(n, rate)
    if holes:
        eeg[2, 300:340] = np.nan
        eeg[5, :60] = np.inf
        eeg[:, 500:503] = np.nan
        times[600:] += 1.7
    whole = run(eeg, rate, times=times, settings=COVARIANCE)
    assert same(whole, run(eeg, rate, times=times, sizes=sizes, settings=COVARIANCE))


@pytest.mark.parametrize(("rate", "hop_s"), [(128.0, 0.125), (250.0, 0.125), (256.0, 0.25)])
@pytest.mark.parametrize("size", [1.0, 0.7, 5.0])
def test_hops_worked_on_together_give_what_each_gives_alone(rate, hop_s, size):
    """Long chunks, while electrodes die and come back, eyes blink, and samples go missing."""
    n = int(14 * rate)
    eeg = pink(21, 20, n) + 1000
    second = int(rate)
    eeg[4, 5 * second : 9 * second] = eeg[4, 5 * second]
    eeg[9, 6 * second :] *= 40
    eeg[:3, 8 * second : 8 * second + second // 3] += 300
    eeg[7, 11 * second] = np.nan
    times = times_of(n, rate)
    times[13 * second :] += 0.1
    window = WindowSettings(window_s=2.0, step_s=0.5, hop_s=hop_s)
    setting = SignalSettings(window=window, covariance=True)
    live = run(eeg, rate, settings=setting, times=times, sizes=[int(hop_s * rate)] * 999)
    long = run(eeg, rate, settings=setting, times=times, sizes=[int(size * rate)] * 99)
    assert same(live, long)
    assert len({w.mask.tobytes() for w in live}) > 2
    assert {State.WARMING, State.OK, State.ARTIFACT} <= {w.state for w in live}


@quick
@given(cut=st.integers(1, 1200), value=st.sampled_from([np.nan, np.inf, 0.0, 1e6]))
def test_nothing_before_a_sample_depends_on_it(cut, value):
    eeg = pink(2, 8, 1250)
    changed = eeg.copy()
    changed[:, cut:] = value
    times = times_of(1250, 250.0)
    before = [w for w in run(eeg, 250.0) if w.time < times[cut]]
    after = [w for w in run(changed, 250.0) if w.time < times[cut]]
    assert same(before, after)


@pytest.mark.parametrize("rate", [125.0, 250.0, 256.0, 300.0, 512.0])
def test_hops_come_at_their_rate_from_the_start_on(rate):
    setting = SignalSettings(window=WindowSettings(window_s=2, step_s=0.5, hop_s=0.125))
    windows = run(pink(3, 8, int(10 * rate)), rate, settings=setting)
    assert [w.index for w in windows] == list(range(1, 81))
    ends = np.array([w.time for w in windows]) - 100.0 + 1 / rate
    assert np.abs(ends - 0.125 * np.arange(1, 81)).max() < 1 / rate
    warm = Pipeline(setting, rate, make_montage(CAP_8)).warm_up_s
    states = [w.state for w in windows]
    assert states[: round(warm / 0.125) - 1] == [State.WARMING] * (round(warm / 0.125) - 1)
    assert set(states[round(warm / 0.125) :]) == {State.OK}


def test_after_a_gap_windows_equal_those_of_a_fresh_start():
    eeg = pink(4, 8, 4000)
    times = times_of(4000, 250.0)
    times[2033:] += 1.0
    windows = run(eeg, 250.0, times=times)
    fresh = run(eeg[:, 2033:], 250.0, times=times[2033:])
    later = windows[-len(fresh) :]
    assert all(np.array_equal(a.bands, b.bands) for a, b in zip(later, fresh, strict=True))
    assert [w.index for w in windows] == list(range(1, len(windows) + 1))
    assert later[0].state is State.GAP
    assert "gap of 1.00 s" in later[0].reasons[0]
    ok = [w.state is State.OK for w in later]
    assert ok == [w.state is State.OK for w in fresh]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_none_masks_its_electrode_and_touches_no_other(bad):
    eeg = pink(5, 6, 5000)  # six electrodes: no common average couples them
    spoilt = eeg.copy()
    spoilt[1, 2000:2003] = bad
    clean, dirty = run(eeg, 250.0), run(spoilt, 250.0)
    others = [0, 2, 3, 4, 5]
    for a, b in zip(clean, dirty, strict=True):
        assert np.isfinite(b.bands).all()
        assert np.array_equal(a.bands[:, others], b.bands[:, others])
    masked = [w.time for w in dirty if not w.mask[1]]
    assert min(masked) - 108.0 < 0.26
    assert max(masked) - min(masked) > SHORT.window.window_s
    assert dirty[-1].mask[1]
    assert dirty[-1].state is State.OK


@quick
@given(order=st.permutations(range(12)))
def test_permuted_channels_give_permuted_windows(order):
    eeg = pink(6, 12, 1500)
    names = CAP_32[:12]
    straight = run(eeg, 250.0, names=names)[-1]
    turned = run(eeg[order], 250.0, names=[names[i] for i in order])[-1]
    np.testing.assert_allclose(turned.bands, straight.bands[:, order], atol=1e-5)
    assert np.array_equal(turned.mask, straight.mask[order])


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 4.0])
def test_a_rate_that_is_none_is_refused_in_one_sentence(rate):
    with pytest.raises(BciAffectError, match="rate is"):
        Pipeline(SHORT, rate, make_montage(CAP_8))


def test_a_changed_number_of_channels_is_refused():
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    with pytest.raises(BciAffectError, match="7 channels instead of 8"):
        pipeline.push(Chunk(pink(7, 7, 50), times_of(50, 250.0)))


@pytest.mark.parametrize("n_channels", [1, 256])
def test_one_and_many_channels(n_channels):
    names = ["Cz"] if n_channels == 1 else CAP_32 + [f"X{i}" for i in range(224)]
    eeg = pink(8, n_channels, 1500)
    windows = run(eeg, 250.0, names=names)
    assert windows[-1].bands.shape == (4, n_channels, 5)
    assert windows[-1].state is State.OK
    assert windows[-1].mask.sum() == min(n_channels, 32)
    assert same(windows, run(eeg, 250.0, names=names, sizes=[97] * 20))
    eeg[0, 400:] = 0.0  # the first electrode dies
    dead = run(eeg, 250.0, names=names)[-1]
    assert not dead.mask[0]
    assert f"{names[0]}: flat" in dead.reasons
    assert dead.state is (State.ARTIFACT if n_channels == 1 else State.OK)


@pytest.mark.parametrize(
    "labels", [["C3"] * 8, [""] * 8, ["C3", "", "C3", "Cz", " ", "O1", "O1", "Pz"]]
)
def test_repeated_and_empty_labels_keep_their_channels_apart(labels):
    """Each channel is worked on by itself and named apart; its features are those of any name."""
    eeg = pink(12, 8, 1500)
    setting = SHORT.model_copy(update={"reference": "none"})
    windows = run(eeg, 250.0, names=labels, settings=setting)
    plain = run(eeg, 250.0, names=CAP_8, settings=setting)
    assert all(np.array_equal(a.bands, b.bands) for a, b in zip(windows, plain, strict=True))
    montage = make_montage(labels)
    assert len(set(montage.names)) == 8
    assert windows[-1].mask.tolist() == [bool(label.strip()) for label in labels]
    pipeline = Pipeline(setting, 250.0, montage)
    if "" in labels:
        assert "EEG 00" in pipeline.messages[0]
    pipeline.set_bad(montage.names[2])
    out = pipeline.push(Chunk(eeg, times_of(1500, 250.0)))[-1]
    assert f"{montage.names[2]}: taken out by hand" in out.reasons


def test_a_stream_of_zeros_is_no_reading_and_recovers():
    eeg = pink(13, 8, 5000)
    eeg[:, :2000] = 0.0
    windows = run(eeg, 250.0, names=CAP_8)
    assert all(np.isfinite(w.bands).all() for w in windows)
    zeros = [w for w in windows if 106.0 < w.time < 108.0]
    assert {w.state for w in zeros} == {State.ARTIFACT}
    assert all(w.reasons[0] == "no usable electrode" and not w.mask.any() for w in zeros)
    assert windows[-1].state is State.OK
    assert windows[-1].mask.all()


def test_a_rate_that_changes_is_said_and_a_new_pipeline_at_the_new_rate_reads_on():
    """As in a live session: readings end, a message advises to reconnect, and that helps."""
    eeg = pink(14, 8, 6000)
    times = np.concatenate([times_of(3000, 250.0), times_of(3000, 500.0, 112.002)])
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    windows = pipeline.push(Chunk(eeg, times))
    changed = "The stream runs at 500 Hz, not at the 250 Hz"
    assert changed in windows[-1].reasons[0]
    assert windows[-1].state is State.ARTIFACT
    assert sum(changed in message for message in pipeline.messages) == 1
    again = run(eeg[:, 3000:], 500.0, names=CAP_8, times=times[3000:])
    assert again[-1].state is State.OK


def test_channels_without_eeg_are_masked_and_change_nothing():
    eeg = pink(9, 8, 1500)
    plain = run(eeg, 250.0, names=CAP_8)[-1]
    counter = np.arange(1500, dtype=np.float32)[None]
    mixed = run(np.vstack([counter, eeg]), 250.0, names=["Sample Number", *CAP_8])[-1]
    assert np.array_equal(mixed.bands[:, 1:], plain.bands)
    assert not mixed.mask[0]
    assert mixed.quality[0] == 0


def test_traces_reach_to_the_newest_sample_and_do_not_disturb_the_windows():
    eeg = pink(10, 8, 2500) + 60_000
    times = times_of(2500, 250.0)
    watched = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    windows, shown = [], None
    for at in range(0, 2500, 17):
        windows += watched.push(Chunk(eeg[:, at : at + 17], times[at : at + 17]))
        shown = watched.traces(4.0)
    assert same(windows, run(eeg, 250.0, names=CAP_8))
    stamps, traces = shown
    assert traces.shape == (8, 1000)
    np.testing.assert_allclose(np.diff(stamps), 1 / 250.0, atol=1e-9)
    assert stamps[-1] == pytest.approx(times[-1] - watched.delays["traces"])
    assert np.abs(traces).max() < 200


def test_a_gap_is_one_empty_column_on_the_screen():
    times = times_of(2000, 250.0)
    times[1003:] += 2.0
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    pipeline.push(Chunk(pink(11, 8, 2000), times))
    stamps, shown = pipeline.traces(20.0)
    empty = np.flatnonzero(np.isnan(shown).any(axis=0))
    assert len(empty) == 1
    assert np.isnan(shown[:, empty[0]]).all()
    assert (np.diff(stamps) > 0).all()


def test_covariance_and_band_power_come_from_the_same_samples():
    """Each electrode's variance against the average reference is that of its band power."""
    eeg = np.vstack([np.arange(1500, dtype=np.float32), pink(15, 8, 1500)])
    window = run(eeg, 250.0, names=["Sample Number", *CAP_8], settings=COVARIANCE)[-1]
    off = run(eeg, 250.0, names=["Sample Number", *CAP_8])[-1]
    assert off.covariance is None
    assert np.array_equal(off.bands, window.bands)
    assert window.covariance.samples[0] == 0
    assert not window.covariance.sums[:, 0].any()
    rows = np.arange(1, 9)
    variance = np.diagonal(window.covariance.matrix(rows), axis1=1, axis2=2)  # (n_bands, 8)
    power = np.exp(2 * window.bands[:, rows]).mean(axis=0).T / (2 * np.pi * np.e)
    np.testing.assert_allclose(variance, power, rtol=0.01)


def test_covariance_after_a_gap_is_that_of_the_samples_since():
    eeg = pink(16, 8, 4000)
    times = times_of(4000, 250.0)
    times[2000:] += 3.0
    last = run(eeg, 250.0, times=times, settings=COVARIANCE)[-1].covariance
    alone = run(eeg[:, 2000:], 250.0, times=times[2000:], settings=COVARIANCE)[-1].covariance
    np.testing.assert_allclose(last.sums, alone.sums, rtol=1e-9, atol=1e-9 * alone.sums.max())


def test_the_electrodes_have_another_version_whenever_mask_or_quality_changes():
    rate = 250.0
    samples = pink(3, 8, 5000)
    samples[2, 2000:3000] = 0.0  # a lead that falls off for four seconds
    pipeline = Pipeline(SHORT, rate, make_montage(CAP_8))
    times = times_of(5000, rate)
    windows = []
    for start in range(0, 5000, 250):
        if start == 4000:
            pipeline.set_bad(CAP_8[5])
        windows += pipeline.push(Chunk(samples[:, start : start + 250], times[start : start + 250]))
    for before, after in pairwise(windows):
        shared = np.array_equal(before.mask, after.mask) and np.array_equal(
            before.quality, after.quality
        )
        assert (after.electrodes_version == before.electrodes_version) == shared
        assert after.electrodes_version - before.electrodes_version in (0, 1)
    masks = {window.mask.tobytes() for window in windows}
    assert len(masks) >= 3, "the lead and the electrode taken out by hand must both show"
    assert windows[-1].electrodes_version < len(windows) / 4, "most windows share their electrodes"
