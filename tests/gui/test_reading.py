from __future__ import annotations

import numpy as np
import pytest

from bci_affect.eeg import State
from bci_affect.events import (
    EVENTS,
    InvalidEvent,
    Mark,
    SelfReport,
    SessionPause,
    TrackStart,
    UnknownEvent,
    read,
)
from bci_affect.gui.heads import blend, project, spread
from bci_affect.gui.notes import KINDS, NoteKind, make_note
from bci_affect.gui.panels.plane import reading_words
from bci_affect.gui.reading import Kind, classify, spread_ellipse
from bci_affect.streams import ConnectionState
from tests.gui.scripted import ScriptedSession, montage_of, names_of


def test_a_good_estimate_is_a_reading(session: ScriptedSession) -> None:
    reading = classify(session.snapshot())
    assert reading.kind is Kind.READING
    valence, arousal = reading_words(reading)
    side = "high" if reading.valence > 0 else "low"
    likely = max(reading.probabilities[0], 1 - reading.probabilities[0])
    assert valence.endswith(f"{side}, probability {100 * likely:.0f} %, confidence 55 %")
    assert "undecided, probability of high" in arousal
    assert "confidence" not in arousal, "a confidence belongs to a decision"


def test_low_confidence_is_unsure_and_says_so(session: ScriptedSession) -> None:
    session.confidence = 0.1
    session.advance(1)
    reading = classify(session.snapshot())
    assert reading.kind is Kind.UNSURE
    for words in reading_words(reading):
        assert "undecided" in words
        assert "confidence" not in words


def test_without_a_calibration_no_dimension_has_a_confidence(session: ScriptedSession) -> None:
    session.confidence, session.calibrated = 0.94, False
    session.advance(1)
    for words in reading_words(classify(session.snapshot())):
        assert words.endswith("not calibrated")
        assert "confidence" not in words


@pytest.mark.parametrize("state", [State.ARTIFACT, State.GAP, State.WARMING, State.LOST])
def test_whatever_is_not_ok_is_held_with_its_reason(session: ScriptedSession, state: State) -> None:
    session.state, session.reasons = state, ("jaw clench",)
    session.advance(1)
    reading = classify(session.snapshot())
    assert reading.kind is Kind.HELD
    assert reading.why == "jaw clench"
    assert all(words.endswith("held") for words in reading_words(reading))


def test_a_lost_stream_holds_even_a_confident_estimate(session: ScriptedSession) -> None:
    session.connection, session.reason = ConnectionState.LOST, "The headset is gone."
    reading = classify(session.snapshot())
    assert reading.kind is Kind.HELD
    assert reading.why == "The headset is gone."


def test_an_old_estimate_is_held(session: ScriptedSession) -> None:
    session.now += 5
    assert classify(session.snapshot()).kind is Kind.HELD


def test_before_the_first_estimate_there_are_no_figures() -> None:
    reading = classify(ScriptedSession(4).snapshot())
    assert reading.kind is Kind.NONE
    assert reading_words(reading) == ["no estimate"]


def test_the_fused_point_is_the_sessions_and_only_of_a_reading(session: ScriptedSession) -> None:
    estimate = session.snapshot().affect.estimate
    assert estimate is not None
    assert estimate.reading is not None
    fused = classify(session.snapshot()).fused
    assert fused == pytest.approx(tuple(2 * estimate.reading.fused_prob - 1))
    session.connection = ConnectionState.LOST
    assert classify(session.snapshot()).fused is None


def test_decisions_and_what_limits_them_are_said(session: ScriptedSession) -> None:
    session.standing = ("your EEG is not above chance for arousal, so the music decides",)
    session.advance(1)
    reading = classify(session.snapshot())
    assert reading.kind is Kind.READING
    assert reading.why == "Your EEG is not above chance for arousal, so the music decides"
    valence, arousal = reading_words(reading)
    assert ("high" if reading.valence > 0 else "low") in valence
    assert "undecided" in arousal


def test_the_ellipse_has_the_spread_of_the_readings() -> None:
    rng = np.random.default_rng(0)
    v, a = rng.normal(0, 0.2, 4000), rng.normal(0, 0.05, 4000)
    curve = spread_ellipse(v, a)
    assert curve is not None
    assert np.ptp(curve[:, 0]) / 2 == pytest.approx(0.2, rel=0.05)
    assert np.ptp(curve[:, 1]) / 2 == pytest.approx(0.05, rel=0.05)
    assert spread_ellipse(v[:5], a[:5]) is None


def test_notes_of_events() -> None:
    rating = make_note(1.0, SelfReport(9, 1))
    assert (rating.kind, rating.rating) == (NoteKind.REPORT, (1.0, -1.0))
    track = make_note(1.0, TrackStart(track="Tide"))
    assert (track.kind, track.text, track.rating) == (NoteKind.TRACK, "Tide", None)
    assert make_note(1.0, Mark("a door")).text == "a door"
    assert make_note(1.0, Mark()).text == "mark"
    assert make_note(1.0, SessionPause()).text == "session pause"
    assert make_note(1.0, UnknownEvent("brain_storm", {})).text == "brain storm"
    assert make_note(1.0, read('{"event": "rating", "valence": "x"}')).rating is None


def test_the_appearance_of_every_event_is_decided() -> None:
    assert set(KINDS) == {*EVENTS.values(), UnknownEvent, InvalidEvent}


def test_electrodes_lie_where_a_head_has_them() -> None:
    names = names_of(32)
    at = dict(zip(names, project(montage_of(names)), strict=True))
    assert at["Fp1"][1] > 0.6 > -0.6 > at["O1"][1]
    assert at["T7"][0] < -0.6 < 0.6 < at["T8"][0]
    assert np.hypot(*at["Cz"]) < 0.15
    assert all(np.hypot(*p) < 1 for p in at.values())


def test_the_head_map_never_shows_more_than_was_measured() -> None:
    montage = montage_of(names_of(32))
    values = np.random.default_rng(2).uniform(1, 2, 32)
    used = np.ones(32, bool)
    used[5] = False
    values[5] = 1e9
    image = blend(spread(project(montage)), values, used)
    assert np.isfinite(image).all()
    assert 1 <= image.min() <= image.max() <= 2
