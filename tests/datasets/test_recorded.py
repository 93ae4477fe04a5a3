"""Trials of recorded sessions: samples, ratings and gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.datasets import open_dataset, rests_of
from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import (
    ClipStart,
    ClipStop,
    RestStart,
    RestStop,
    SelfReport,
    SessionPause,
    SessionResume,
    TrackStart,
    TrackStop,
    encode,
)
from bci_affect.streams import event_header
from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.writer import XdfWriter

RATE, SECONDS = 100, 60
NAMES = ["Fp1", "Fp2", "C3", "C4"]


def write_xdf(
    path: Path,
    markers: list[tuple[float, str]] | list[TimedEvent],
    *,
    gap: tuple[float, float] | None = None,
) -> np.ndarray:
    """Write channels that contain sample numbers, from time 100 s; samples in a gap are lost.

    Events go into a session's own stream, texts into one of another program.
    """
    own = not isinstance(markers[0][1], str)
    stamps = 100 + np.arange(SECONDS * RATE) / RATE
    count = np.arange(SECONDS * RATE, dtype=np.float32)
    samples = np.stack([count + 1000 * row for row in range(4)], axis=1)
    if gap is not None:
        keep = (stamps < 100 + gap[0]) | (stamps >= 100 + gap[1])
        stamps, samples = stamps[keep], samples[keep]
    path.parent.mkdir(parents=True, exist_ok=True)
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(
            build_header("Amp", "EEG", NAMES, units=["microvolts"] * 4, rate_hz=RATE)
        )
        other = build_header("Paradigm", "Markers", ["marker"], fmt="string")
        events = writer.add_stream(event_header() if own else other)
        for start in range(0, len(stamps), RATE):
            part = slice(start, start + RATE)
            writer.samples(eeg, samples[part], stamps[part])
        for time, text in markers:
            sent = text if isinstance(text, str) else encode(text)
            writer.texts(events, [(sent,)], np.array([100 + time]))
    return samples.T


def test_events_with_ratings(tmp_path: Path) -> None:
    path = tmp_path / "sub-P01" / "ses-S2" / "sub-P01_ses-S2_task-affect_run-001_eeg.xdf"
    samples = write_xdf(
        path,
        [
            (10, TrackStart(track="a.flac", valence=0.5, arousal=-0.25)),
            (30, TrackStop(track="a.flac")),
            (31, SelfReport(7, 2)),
            (35, TrackStart(track="b.flac")),
            (50, TrackStop(track="b.flac")),
        ],
    )
    data = open_dataset("recorded", tmp_path)
    assert data.subjects == ("P01",)
    (trial,) = data.trials("P01")  # the second piece was not rated
    assert (trial.subject, trial.session, trial.stimulus) == ("P01", "S2", "a.flac")
    assert trial.ratings == {
        "valence": 7, "arousal": 2, "music_valence": 7.0, "music_arousal": 4.0,
    }  # fmt: skip
    assert trial.onset_s == pytest.approx(5.0, abs=0.011)
    onset = round(trial.onset_s * RATE)
    assert trial.eeg.shape[1] == pytest.approx(25 * RATE, abs=2)
    np.testing.assert_allclose(trial.eeg[:, onset], samples[:, 10 * RATE], atol=1.01)


def test_labels_of_other_programs(tmp_path: Path) -> None:
    markers = [(5.0, "happy"), (20.0, "sad"), (40.0, "odd")]
    write_xdf(tmp_path / "one.xdf", markers)
    write_xdf(tmp_path / "two.xdf", markers[:1])
    (tmp_path / "LABELS.toml").write_text(
        "[labels]\nhappy = { valence = 8, arousal = 7 }\nsad = { valence = 2, arousal = 3 }\n"
        "[trial]\nseconds = 12\n"
        '[files]\n"one.xdf" = { subject = "A", session = "1" }\n'
        '"two.xdf" = { subject = "A", session = "2" }\n'
    )
    data = open_dataset("recorded", tmp_path)
    trials = data.trials("A")
    assert [t.ratings["valence"] for t in trials] == [8, 2, 8]
    assert [t.session for t in trials] == ["1", "1", "2"]
    assert [t.index for t in trials] == [0, 1, 2]
    assert {t.stimulus for t in trials} == {""}
    before = data.content_key("A")
    (tmp_path / "LABELS.toml").write_text("[labels]\nhappy = { valence = 1, arousal = 1 }\n")
    write_xdf(tmp_path / "sub-A_x.xdf", markers)
    assert open_dataset("recorded", tmp_path).content_key("A") != before


def test_trials_with_a_gap_are_left_out(tmp_path: Path) -> None:
    rated: list[TimedEvent] = [
        (5, ClipStart(track="a")), (15, ClipStop()), (16, SelfReport(7, 7)),
        (30, ClipStart(track="b")), (45, ClipStop()), (46, SelfReport(2, 2)),
    ]  # fmt: skip
    write_xdf(tmp_path / "sub-A.xdf", rated, gap=(8, 12))
    (trial,) = open_dataset("recorded", tmp_path).trials("A")
    assert trial.stimulus == "b"
    write_xdf(tmp_path / "sub-B.xdf", rated, gap=(26, 28))
    first, second = open_dataset("recorded", tmp_path).trials("B")
    assert first.stimulus == "a"
    assert second.onset_s == pytest.approx(2.0, abs=0.05)  # the lead-in starts after the gap


def test_recordings_without_rated_trials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="no subjects"):
        open_dataset("recorded", tmp_path)
    write_xdf(tmp_path / "sub-A.xdf", [(5, "beep")])
    with pytest.raises(BciAffectError, match="no trials") as caught:
        open_dataset("recorded", tmp_path).trials("A")
    assert "\n" not in str(caught.value)
    (tmp_path / "LABELS.toml").write_text("[labels]\nhappy = { valence = 12, arousal = 7 }\n")
    with pytest.raises(BciAffectError, match="valence"):
        open_dataset("recorded", tmp_path)


def test_a_trial_with_a_break_is_its_longest_stretch(tmp_path: Path) -> None:
    rated: list[TimedEvent] = [
        (5, TrackStart(track="a")), (9, SessionPause()), (20, SessionResume()),
        (40, TrackStop(track="a")), (41, SelfReport(7, 7)),
    ]  # fmt: skip
    samples = write_xdf(tmp_path / "sub-A.xdf", rated)
    (trial,) = open_dataset("recorded", tmp_path).trials("A")
    onset = round(trial.onset_s * RATE)
    np.testing.assert_allclose(trial.eeg[:, onset], samples[:, 20 * RATE], atol=1.01)
    assert trial.eeg.shape[1] - onset == pytest.approx(20 * RATE, abs=2)


def test_ratings_of_a_converted_data_set(tmp_path: Path) -> None:
    """A data set in XDF may hold clips and ratings in our form, in a stream of any name."""
    events = [(5, ClipStart(track="a")), (15, ClipStop()), (16, SelfReport(7, 7))]
    write_xdf(tmp_path / "sub-A.xdf", [(time, encode(event)) for time, event in events])
    (trial,) = open_dataset("recorded", tmp_path).trials("A")
    assert trial.ratings["valence"] == 7


def test_rests_with_open_eyes_before_the_first_trial(tmp_path: Path) -> None:
    write_xdf(
        tmp_path / "sub-P01_ses-1_eeg.xdf",
        [
            (2, RestStart(kind="open")),
            (12, RestStop(kind="open")),
            (12.5, RestStart(kind="closed")),
            (18, RestStop(kind="closed")),
            (20, TrackStart(track="a.flac")),
            (40, TrackStop(track="a.flac")),
            (41, SelfReport(7, 2)),
            (42, RestStart(kind="open")),
            (52, RestStop(kind="open")),
        ],
    )
    data = open_dataset("recorded", tmp_path)
    (rest,) = rests_of(data, "P01")
    assert not rest.ratings
    assert rest.onset_s == pytest.approx(2.0, abs=0.02)
    assert rest.eeg.shape[1] / RATE - rest.onset_s == pytest.approx(10.0, abs=0.03)
    assert len(data.trials("P01")) == 1
