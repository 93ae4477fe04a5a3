"""Clips, rests and ratings found in the markers of this and of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.config import load_toml
from bci_affect.datasets import Labels, Segment, find_segments, format_marker_names
from bci_affect.errors import BciAffectError
from bci_affect.streams import Marker
from tests.training.calibration.conftest import LABELS


def labels(tmp_path: Path, more: str = "") -> Labels:
    path = tmp_path / "labels.toml"
    path.write_text(LABELS + more)
    return load_toml(path, Labels)


def bare(*pairs: tuple[float, str]) -> list[Marker]:
    return [Marker(time, text) for time, text in pairs]


def events(*pairs: tuple[float, dict[str, object]]) -> list[Marker]:
    return [Marker(time, json.dumps(event)) for time, event in pairs]


def spans(segments: list[Segment]) -> list[tuple[str, float, float]]:
    return [(s.name, s.start, s.stop) for s in segments]


def test_trials_last_until_the_next_marker_or_for_the_configured_time(tmp_path: Path) -> None:
    markers = bare((10, "happy"), (25, "Sad "), (32, "beep"), (60, "nothing"))
    found = find_segments(markers, 100.0, labels(tmp_path))
    assert spans(found) == [("happy", 10, 25), ("sad", 25, 32)]
    assert (found[0].valence, found[0].arousal) == (8, 7)
    timed = find_segments(markers, 100.0, labels(tmp_path, "[trial]\nseconds = 10\nskip_s = 2\n"))
    assert spans(timed) == [("happy", 12, 20), ("sad", 27, 32)]


def test_last_trial_ends_with_the_recording(tmp_path: Path) -> None:
    found = find_segments(bare((90, "sad")), 100.0, labels(tmp_path))
    assert spans(found) == [("sad", 90, 100)]


def test_rest_and_blocks(tmp_path: Path) -> None:
    meaning = labels(tmp_path, '[rest]\nmarkers = ["pause"]\n[block]\nmarkers = ["new block"]\n')
    markers = bare((0, "pause"), (5, "happy"), (9, "pause"), (12, "new block"), (13, "sad"))
    found = find_segments(markers, 20.0, meaning)
    assert [(s.name, s.rest, s.block) for s in found] == [
        ("rest", "rest", 0),
        ("happy", "", 0),
        ("rest", "rest", 0),
        ("sad", "", 1),
    ]


def test_events_of_this_program_with_ratings() -> None:
    markers = events(
        (0, {"event": "rest_start", "kind": "closed"}),
        (5, {"event": "rest_stop"}),
        (
            6,
            {
                "event": "clip_start",
                "track": "/m/a.mp3",
                "intended_valence": 0.5,
                "intended_arousal": -1.0,
            },
        ),
        (10, {"event": "mark", "note": "sneezed"}),
        (20, {"event": "clip_stop"}),
        (22, {"event": "rating", "valence": 3, "arousal": 4}),
        (23, {"event": "rating", "valence": 7, "arousal": 2}),
        (30, {"event": "track_start", "track": "/m/b.mp3"}),
        (50, {"event": "track_stop"}),
        (52, {"event": "rating", "valence": 11, "arousal": 2}),
    )
    rest, first, second = find_segments(markers, 60.0, Labels())
    assert (rest.rest, rest.start, rest.stop) == ("closed", 0, 5)
    assert (first.start, first.stop, first.stimulus) == (6, 20, "/m/a.mp3")
    assert (first.valence, first.arousal) == (7, 2), "the last rating of a clip counts"
    assert (first.music_valence, first.music_arousal) == (0.5, -1.0)
    assert np.isnan(second.valence), "a rating out of range is ignored"
    assert np.isnan(second.music_valence)


def test_label_inside_a_json_event(tmp_path: Path) -> None:
    markers = events((3, {"event": "stimulus", "label": "happy"}), (9, {"event": "clip_stop"}))
    assert spans(find_segments(markers, 20.0, labels(tmp_path))) == [("happy", 3, 9)]


@pytest.mark.parametrize("text", ["{", '{"event": 3}', "[1]", "", '{"event": "rating"}'])
def test_invalid_markers_are_ignored(text: str, tmp_path: Path) -> None:
    markers = [Marker(1.0, "happy"), Marker(2.0, text), Marker(9.0, "sad")]
    found = find_segments(markers, 20.0, labels(tmp_path))
    assert [s.name for s in found] == ["happy", "sad"]


def test_format_of_marker_names() -> None:
    many = bare(*[(float(i), f"m{i % 12}") for i in range(40)])
    assert format_marker_names(many).startswith("'m0', 'm1'")
    assert format_marker_names(many).endswith("...")
    assert format_marker_names([]) == "none at all"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[labels]\nhappy = { valence = 12, arousal = 5 }", "labels.happy.valence"),
        ("[labels]\nhappy = { valence = 2 }", "labels.happy.arousal"),
        ("[lables]\nhappy = { valence = 2, arousal = 2 }", "lables"),
        ("[trial]\nseconds = -1", "trial.seconds"),
    ],
)
def test_invalid_labels_are_refused_with_their_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text)
    with pytest.raises(BciAffectError, match=named):
        load_toml(path, Labels)
