"""Three estimates stay apart, and confidence falls where it must."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from bci_affect.affect.fusion import DimensionModel, Personalisation, PersonalModel, decide
from bci_affect.affect.trust import DRIFT_WINDOW_S, Drift

D = 4
DAY = 86400.0


def person(**changes: object) -> PersonalModel:
    model = DimensionModel(
        gain=1.0,
        bias=0.0,
        weights=np.zeros(D),
        conformal=0.3,
        eeg_weight=0.5,
        music_weight=1.0,
        informative=True,
    )
    model = dataclasses.replace(model, **changes)  # type: ignore[arg-type]
    return PersonalModel(
        model, model, np.zeros(D), np.eye(D), reach=1.0, created=1000 * DAY, n_clips=24
    )


def apply(personal: PersonalModel, **changes: object) -> object:
    arguments: dict[str, object] = {
        "logits": np.array([2.0, -2.0]),
        "embedding": np.zeros(D),
        "quality": 1.0,
        "music_logits": np.array([-1.0, -1.0]),
        "age_s": 0.0,
    }
    arguments.update(changes)
    return Personalisation(personal, now=1000 * DAY).apply(**arguments)  # type: ignore[arg-type]


def test_three_estimates_are_apart_and_together() -> None:
    reading = apply(person())
    np.testing.assert_allclose(reading.eeg_prob, expit(np.array([2.0, -2.0])))
    np.testing.assert_allclose(reading.music_prob, expit(np.array([-1.0, -1.0])))
    np.testing.assert_allclose(reading.fused_prob, expit(np.array([0.0, -2.0])))
    assert reading.decision == ("high", "low")
    assert reading.reasons == ()


def test_uninformative_eeg_has_no_weight_and_the_screen_says_so() -> None:
    reading = apply(person(eeg_weight=0.0, informative=False))
    np.testing.assert_allclose(reading.fused_prob, reading.music_prob)
    assert (reading.eeg_weight == 0).all()
    assert "not above chance for valence, so the music decides" in reading.reasons[0]


def test_without_music_the_eeg_stands_alone() -> None:
    for music in (None, np.full(2, np.nan)):
        reading = apply(person(), music_logits=music)
        np.testing.assert_allclose(reading.fused_prob, reading.eeg_prob)
        assert np.isnan(reading.music_prob).all()
        assert (reading.eeg_weight == 1).all()


def test_nobody_calibrated_is_unsure_and_told() -> None:
    reading = apply(PersonalModel.population(D))
    assert reading.decision == ("unsure", "unsure")
    assert "not calibrated" in reading.reasons[-1]
    assert (reading.eeg_weight == 0).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quality": 0.5}, "electrodes"),
        ({"quality": float("nan")}, "electrodes"),
        ({"embedding": np.full(D, 5.0)}, "unlike the calibration's"),
        ({"age_s": 60.0}, "60 s old"),
    ],
)
def test_confidence_is_gated_and_says_why(changes: dict[str, object], reason: str) -> None:
    good, bad = apply(person()), apply(person(), **changes)
    assert (bad.eeg_confidence < 0.3 * good.eeg_confidence).all()
    assert (bad.confidence <= good.confidence).all()
    assert bad.decision == ("unsure", "unsure")
    assert any(reason in text for text in bad.reasons)


def test_old_calibration_is_trusted_less() -> None:
    old = Personalisation(person(), now=1400 * DAY)
    reading = old.apply(np.array([2.0, 2.0]), np.zeros(D), 1.0, None, 0.0)
    assert any("400 days old" in text for text in reading.reasons)
    assert reading.decision == ("unsure", "unsure")


@settings(derandomize=True, max_examples=60)
@given(
    logits=st.lists(st.floats(-50, 50), min_size=2, max_size=2),
    music=st.lists(st.floats(-50, 50) | st.just(float("nan")), min_size=2, max_size=2),
    quality=st.floats(0, 1) | st.just(float("nan")),
    place=st.floats(-1e3, 1e3),
    age=st.floats(0, 1e4),
)
def test_everything_stays_in_range(
    logits: list[float], music: list[float], quality: float, place: float, age: float
) -> None:
    reading = apply(
        person(),
        logits=np.array(logits),
        music_logits=np.array(music),
        quality=quality,
        embedding=np.full(D, place),
        age_s=age,
    )
    for values in (reading.eeg_prob, reading.fused_prob, reading.confidence, reading.eeg_weight):
        assert np.isfinite(values).all()
        assert ((values >= 0) & (values <= 1)).all()


def test_another_models_embedding_is_a_bug_not_a_number() -> None:
    with pytest.raises(ValueError, match="embedding"):
        apply(person(), embedding=np.zeros(D + 1))


@pytest.mark.parametrize(
    ("prob", "conformal", "said"),
    [
        (0.9, 0.3, "high"),
        (0.1, 0.3, "low"),
        (0.5, 0.3, "unsure"),
        (0.5, 0.7, "unsure"),
        (0.99, 1.0, "unsure"),
    ],
)
def test_decisions(prob: float, conformal: float, said: str) -> None:
    assert decide(prob, conformal) == said


def test_drift_asks_after_a_minute_of_strangeness_and_not_for_a_blink() -> None:
    drift = Drift()
    for i in range(int(DRIFT_WINDOW_S) * 4):
        drift.update(i / 4, 8.0 if i % 20 == 0 else 0.8)
    assert not drift.detected
    asked = [drift.update(DRIFT_WINDOW_S + i / 4, 2.5) for i in range(int(DRIFT_WINDOW_S) * 4 + 8)]
    assert not asked[60]
    assert asked[-1]
    drift.reset()
    assert not drift.detected


def test_drift_is_watched_through_apply_and_a_baseline_ends_it() -> None:
    session = Personalisation(person(), now=1000 * DAY)
    for i in range(70):
        session.apply(np.zeros(2), np.full(D, 3.0), 1.0, None, 0.0, time_s=float(i))
    assert session.wants_baseline
    session.rebaselined()
    assert not session.wants_baseline
