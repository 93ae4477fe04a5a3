"""A sham looks like following, ignores the EEG, and logs the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import MusicChoice, SessionStart, SessionStop, TrackStart, encode
from bci_affect.music import Library
from bci_affect.session.dj.candidates import ChooserSettings
from bci_affect.session.dj.sham import yoke
from bci_affect.streams import event_header
from bci_affect.streams.xdf.writer import XdfWriter
from tests.session.dj.test_chooser import session, stocked

__all__ = ["stocked"]


def test_a_random_sham_shows_what_following_shows(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    wander = lambda time: centres[int(time // 60) % len(centres)]  # noqa: E731
    rules = ChooserSettings(dwell_s=20.0, hold_s=4.0, repeat_s=120.0, repeat_tracks=5)
    runs = {
        policy: session(library, wander, 900, policy=policy, seed=5, settings=rules)  # type: ignore[arg-type]
        for policy in ("follow", "sham")
    }
    shown = {}
    for policy, (dj, player, log) in runs.items():
        choices = [entry for entry in log if isinstance(entry, MusicChoice)]
        assert {entry.policy for entry in choices} == {policy}, "the log is not blinded"
        shown[policy] = {entry.rule for entry in choices} | {s.rule for s in dj.queue()}
        assert not any("sham" in rule or "random" in rule for rule in shown[policy])
        assert all(np.isfinite(entry.score) and entry.segment_s >= 0 for entry in choices)
        assert len(player.heard) > 5
        assert any(entry.action == "change" for entry in choices), "it leaves tracks early too"
    whatever = {"artist spacing", "not again so soon: the nearest was played lately"}
    assert shown["sham"] <= shown["follow"] | whatever, "no reason that following never gives"
    assert runs["sham"][1].heard != runs["follow"][1].heard


def recorded(path: Path, library: Library, tracks: list[int], every_s: float) -> Path:
    """Write the log of a session that played these tracks, as a live session records it."""
    events: list[TimedEvent] = [(0.0, SessionStart())]
    for i, number in enumerate(tracks):
        track, at = library.track(number), 2.0 + i * every_s
        start = TrackStart(track.title, track.artist, number, 0.0)
        choice = MusicChoice(track=number, score=0.8, rule="nearest")
        events += [(at, choice), (at + 0.1, start)]
    events.append((2.0 + len(tracks) * every_s, SessionStop()))
    with XdfWriter(path) as writer:
        stream = writer.add_stream(event_header())
        texts = [(encode(event),) for _, event in events]
        writer.texts(stream, texts, 700.0 + np.array([at for at, _ in events]))
    return path


def test_a_yoked_sham_plays_what_the_other_session_played_when_it_did(
    stocked: tuple[Library, np.ndarray], tmp_path: Path
) -> None:
    library, centres = stocked
    tracks = [t.id for t in library.tracks()][:4]
    other = yoke(recorded(tmp_path / "other.xdf", library, tracks, 50.0), library)
    _, player, log = session(library, lambda _: centres[9], 195, policy="sham", yoke=other)
    assert player.heard == tracks
    starts = [event.time for event in log if isinstance(event, MusicChoice)]
    np.testing.assert_allclose(np.diff(starts), 50.0, atol=0.6)
    assert {event.yoked for event in log} == {"other.xdf"}
    assert {event.rule for event in log} == {"nearest"}, "the reason that the other session had"
    _, longer, _ = session(library, lambda _: centres[9], 600, policy="sham", yoke=other)
    assert len(longer.heard) > 5, "when the other session is over, a random sham goes on"


def test_what_cannot_be_yoked_is_refused_in_one_line(
    stocked: tuple[Library, np.ndarray], tmp_path: Path
) -> None:
    library, _ = stocked
    silent = recorded(tmp_path / "silent.xdf", library, [], 10.0)
    with pytest.raises(BciAffectError, match="No music was played"):
        yoke(silent, library)
    path = recorded(tmp_path / "a.xdf", library, [library.tracks()[0].id], 10.0)
    with Library(tmp_path / "empty.sqlite") as empty, pytest.raises(BciAffectError, match="lacks"):
        yoke(path, empty)
