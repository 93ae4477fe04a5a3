"""The way from chunks to estimates: same for any chunking, causal, honest while it waits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, Personalisation, PersonalModel
from bci_affect.affect.path import AffectPath, population_normaliser
from bci_affect.config import AffectSettings, LiveSettings
from bci_affect.eeg import Chunk, Montage, State, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.session import path_factory
from bci_affect.streams import StreamInfo
from tests.affect.conftest import RATE

Floats = NDArray[np.float32]


def run(
    path: AffectPath, samples: Floats, sizes: list[int], times: NDArray[np.float64] | None = None
) -> list[AffectEstimate]:
    """Push samples in chunks of the given sizes, over and over."""
    if times is None:
        times = np.arange(samples.shape[1]) / RATE + 100.0
    out: list[AffectEstimate] = []
    start = turn = 0
    while start < samples.shape[1]:
        stop = start + sizes[turn % len(sizes)]
        chunk = Chunk(samples[:, start:stop], times[start:stop])
        out += [step.estimate for step in path.push(chunk)]
        start, turn = stop, turn + 1
    return out


def test_one_estimate_a_hop_and_readings_once_the_window_is_full(
    predictor: Predictor, montage: Montage, eeg: Floats
) -> None:
    path = AffectPath(predictor, RATE, montage)
    estimates = run(path, eeg, [32])
    assert len(estimates) == 160  # 20 s, eight a second
    first = next(i for i, e in enumerate(estimates) if e.state is not State.WARMING)
    assert first / 8 == pytest.approx(path.pipeline.warm_up_s, abs=0.26)
    assert all(np.isnan(e.valence) and e.confidence == 0 for e in estimates[:first])
    readings = [e for e in estimates if e.state is State.OK]
    assert len(readings) > 40
    for reading in readings:
        assert reading.attention.sum() == pytest.approx(1.0, abs=1e-5)
        assert np.linalg.norm(reading.embedding) == pytest.approx(1.0, abs=1e-5)
        assert 0 < reading.valence_prob < 1
        assert reading.valence == pytest.approx(2 * reading.valence_prob - 1)


def test_a_step_shows_what_its_estimate_was_made_from(
    predictor: Predictor, montage: Montage, eeg: Floats
) -> None:
    """Calibration learns from the input of the encoder and of the person's head."""
    path = AffectPath(predictor, RATE, montage)
    steps = path.push(Chunk(eeg, np.arange(eeg.shape[1]) / RATE))
    normaliser = population_normaliser(predictor.card, len(montage))
    readings = 0
    for step in steps:
        assert step.estimate.time == step.window.time
        np.testing.assert_array_equal(step.bands, normaliser.apply(step.window))
        assert (step.log_odds is None) == (step.estimate.state is not State.OK)
        if step.log_odds is None or step.embedding is None:
            assert step.embedding is None
            continue
        readings += 1
        alone = predictor.predict(step.bands, step.window.mask, montage.positions)
        np.testing.assert_allclose(alone.embedding, step.estimate.embedding, atol=1e-6)
        if readings == 1:  # nothing to smooth with yet
            np.testing.assert_allclose(step.log_odds, alone.logits, atol=1e-6)
            np.testing.assert_allclose(step.embedding, alone.embedding, atol=1e-6)
        person = Personalisation(PersonalModel.population(predictor.space))
        head = person.apply(step.log_odds, step.embedding, step.estimate.quality, None, 0.0)
        given = step.estimate.valence_prob, step.estimate.arousal_prob
        np.testing.assert_allclose(head.eeg_prob, given, atol=1e-9)
    assert readings > 40


@settings(max_examples=8, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_estimates_do_not_depend_on_how_samples_arrive(
    predictor: Predictor, montage: Montage, eeg: Floats, sizes: list[int]
) -> None:
    whole = run(AffectPath(predictor, RATE, montage), eeg, [eeg.shape[1]])
    parts = run(AffectPath(predictor, RATE, montage), eeg, sizes)
    assert [e.state for e in parts] == [e.state for e in whole]
    for name in ("time", "valence", "arousal", "confidence", "quality"):
        a = np.array([getattr(e, name) for e in whole])
        b = np.array([getattr(e, name) for e in parts])
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_future_changes_nothing(predictor: Predictor, montage: Montage, eeg: Floats) -> None:
    cut = 12 * int(RATE)
    changed = eeg.copy()
    changed[:, cut:] = np.random.default_rng(0).normal(0, 40, changed[:, cut:].shape)
    before = run(AffectPath(predictor, RATE, montage), eeg, [100])
    after = run(AffectPath(predictor, RATE, montage), changed, [100])
    last = 100.0 + (cut - 1) / RATE
    seen = [(a, b) for a, b in zip(before, after, strict=True) if a.time <= last]
    assert len(seen) == 96
    assert any(a.state is State.OK for a, _ in seen)
    for a, b in seen:
        assert a.state is b.state
        np.testing.assert_array_equal(a.embedding, b.embedding)
        np.testing.assert_equal(a.valence, b.valence)  # NaN equals NaN here
    assert before[-1].valence != after[-1].valence


def test_a_gap_holds_the_reading_and_starts_the_window_anew(
    predictor: Predictor, montage: Montage, eeg: Floats
) -> None:
    path = AffectPath(predictor, RATE, montage)
    times = np.arange(eeg.shape[1]) / RATE
    half = eeg.shape[1] // 2
    first = run(path, eeg[:, :half], [50], times[:half])
    chunk = Chunk(eeg[:, half:], times[half:] + 3.0, gap_before=3.0)
    second = [step.estimate for step in path.push(chunk)]
    last = first[-1]
    assert last.state is State.OK
    assert second[0].state is State.GAP
    assert second[0].valence == last.valence
    assert second[0].confidence == 0
    assert State.OK in {e.state for e in second}
    silent = next(i for i, e in enumerate(second) if e.state is State.OK)
    assert silent / 8 > path.settings.window.window_s


def test_bad_electrodes_get_no_attention_and_too_many_hold_the_estimate(
    predictor: Predictor, montage: Montage, eeg: Floats
) -> None:
    path = AffectPath(predictor, RATE, montage)
    path.pipeline.set_bad("C3")
    estimates = run(path, eeg, [64])
    reading = next(e for e in reversed(estimates) if e.state is State.OK)
    assert reading.attention[montage.names.index("C3")].sum() == 0
    strict = AffectSettings(min_quality=0.99)
    path = AffectPath(predictor, RATE, montage, affect=strict)
    path.pipeline.set_bad("C3")
    assert State.OK not in {e.state for e in run(path, eeg, [64])}


def test_smoothing_is_what_it_says(predictor: Predictor, montage: Montage, eeg: Floats) -> None:
    def swings(smoothing_s: float) -> float:
        path = AffectPath(predictor, RATE, montage, affect=AffectSettings(smoothing_s=smoothing_s))
        readings = [e.valence for e in run(path, eeg, [250]) if e.state is State.OK]
        return float(np.abs(np.diff(readings)).mean())

    assert swings(8.0) < 0.5 * swings(0.01)


def test_a_stream_without_known_electrodes_is_refused(predictor: Predictor) -> None:
    with pytest.raises(BciAffectError, match="10-20"):
        AffectPath(predictor, RATE, make_montage(["foo", "bar"]))


def test_the_electrode_map_of_the_settings_gives_unnamed_channels_their_places(
    predictor: Predictor, montage: Montage, eeg: Floats
) -> None:
    """A stream without labels is usable with the user's electrode map."""
    unnamed = make_montage([""] * 8)
    info = StreamInfo("s", "EEG", "", RATE, unnamed.names, ("microvolts",) * 8, unnamed)
    mapped = dict(zip(unnamed.names, montage.names, strict=True))
    path = path_factory(predictor, LiveSettings(electrodes=mapped))(info)
    got = run(path, eeg, [500])
    expected = run(AffectPath(predictor, RATE, montage), eeg, [500])
    assert [e.state for e in got] == [e.state for e in expected]
    readings = [e.valence for e in got if e.state is State.OK]
    assert readings
    assert readings == [e.valence for e in expected if e.state is State.OK]
    with pytest.raises(BciAffectError, match="none of the channels"):
        path_factory(predictor, LiveSettings())(info)
