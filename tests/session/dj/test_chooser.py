"""The choice of music keeps its rules, explains itself, and is the same from the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.eeg import State
from bci_affect.errors import BciAffectError
from bci_affect.events import EventKind, decode, encode
from bci_affect.music import AudioPlayer, Library, PlayerState, Retriever, Track
from bci_affect.session.control import PINNED, Policy
from bci_affect.session.dj.candidates import ChooserSettings
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.simulation import music as studio
from tests.music.fake_library import fill


class TapePlayer:
    """Player like the real one, whose time is advanced by the test."""

    def __init__(self) -> None:
        self.now: Track | None = None
        self.following: Track | None = None
        self.position = 0.0
        self.failed: frozenset[int] = frozenset()
        self.heard: list[int] = []

    def state(self) -> PlayerState:
        if self.now is None:
            return PlayerState(None, 0.0, 0.0, False, 0.5, "tape")
        return PlayerState(self.now.id, self.position, self.now.duration_s, True, 0.5, "tape")

    def play(self, track: Track, start_s: float = 0.0) -> None:
        self.now, self.position = track, start_s
        self.heard.append(track.id)

    def skip_to(self, track: Track, fade_s: float | None = None) -> None:
        self.play(track)

    def enqueue(self, track: Track | None) -> None:
        self.following = track

    def run(self, seconds: float) -> None:
        if self.now is None:
            return
        self.position += seconds
        if self.position >= self.now.duration_s:
            following, self.following, self.now = self.following, None, None
            if following is not None:
                self.play(following)


@pytest.fixture
def stocked(tmp_path: Path) -> tuple[Library, np.ndarray]:
    library = Library(tmp_path / "music.sqlite")
    return library, fill(library, tmp_path / "files", 30)


def session(
    library: Library,
    where: Any,
    seconds: float,
    *,
    policy: Policy = "follow",
    seed: int = 1,
    commands: dict[float, Any] | None = None,
    mood: tuple[float, float] = (0.1, 0.2),
    state: State = State.OK,
    **options: Any,
) -> tuple[MusicChooser, TapePlayer, list[dict[str, Any]]]:
    """Run a session in which the EEG lies at ``where(time)``; commands act at their second."""
    player, log = TapePlayer(), []
    dj = MusicChooser(
        Retriever(library, project=lambda rows: rows),
        player,
        library,
        policy=policy,
        seed=seed,
        log=log.append,
        **options,
    )
    for tick in range(int(seconds * 2)):
        time = tick / 2
        if commands and time in commands:
            commands[time](dj)
        dj.update(where(time), *mood, 0.6, time, state)
        player.run(0.5)
    return dj, player, log


def test_follow_plays_what_lies_nearest(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    dj, player, log = session(
        library, lambda _: centres[4], 30, settings=ChooserSettings(variety=1)
    )
    assert player.heard == [5]
    why = dj.why()
    assert why is not None
    assert why.track.id == 5
    assert why.rule == "nearest"
    assert why.score > 0.8
    assert np.isfinite(why.distance)
    assert len(dj.queue()) == 5
    assert log[0].action == "start"


def test_same_seed_same_session_and_the_log_can_be_written(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    drift = lambda t: centres[3] + 0.02 * t * centres[8]  # noqa: E731
    runs = [session(library, drift, 400, seed=s)[2] for s in (7, 7, 8)]
    assert runs[0] == runs[1]
    assert [e.track for e in runs[0]] != [e.track for e in runs[2]]
    assert [decode(encode(event)) for event in runs[0]] == runs[0]
    first = runs[0][0]
    assert None not in (first.score, first.candidates, first.query, first.mood, first.seed)
    assert first.rule


def test_no_repeats_and_artists_are_spaced(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    _, player, _ = session(library, lambda _: centres[4], 15 * 60)
    assert len(player.heard) >= 15
    assert len(set(player.heard)) == len(player.heard)
    artists = [library.track(i).artist for i in player.heard]
    assert all(len(set(artists[i : i + 3])) == 3 for i in range(len(artists) - 2))


def test_a_small_library_goes_round_instead_of_falling_silent(tmp_path: Path) -> None:
    library = Library(tmp_path / "music.sqlite")
    centres = fill(library, tmp_path / "files", 3, n_artists=1)
    dj, player, _ = session(library, lambda _: centres[0], 7 * 60)
    assert len(player.heard) >= 7
    assert player.heard[1:4] == player.heard[4:7]
    why = dj.why()
    assert why is not None
    assert "longest ago" in why.rule


def test_follow_dwells_and_leaves_only_for_a_clear_and_lasting_gain(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    rules = ChooserSettings(variety=1, dwell_s=20, smoothing_s=2)
    blip = lambda t: centres[9] if 22 <= t < 25 else centres[4]  # noqa: E731
    _, player, _ = session(library, blip, 45, settings=rules)
    assert player.heard == [5]
    change = lambda t: centres[9] if t >= 5 else centres[4]  # noqa: E731
    _, player, log = session(library, change, 45, settings=rules)
    assert player.heard[:2] == [5, 10]
    (entry,) = [e for e in log if getattr(e, "action", "") == "change"]
    assert entry.time >= 20 + rules.hold_s


def test_steer_starts_at_the_mood_and_goes_to_the_target_in_steps(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    mood, target = (-0.5, -0.6), (0.6, 0.7)
    _, _, log = session(
        library, lambda _: centres[0], 600, policy="steer", mood=mood, target=target
    )
    path = np.array([e.waypoint for e in log])
    np.testing.assert_allclose(path[0], mood, atol=1e-3)
    np.testing.assert_allclose(path[-1], target, atol=1e-3)
    steps = np.hypot(*np.diff(path, axis=0).T)
    assert steps.max() <= 0.35 + 1e-3
    places = [library.track(e.track) for e in log]
    away = [np.hypot(t.valence - target[0], t.arousal - target[1]) for t in places]
    assert np.mean(away[-3:]) < away[0]


def test_sham_does_not_listen_to_the_eeg(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    heard = [
        session(library, lambda _, c=c: centres[c], 300, policy="sham", seed=3)[1].heard
        for c in (2, 20)
    ]
    assert heard[0] == heard[1]
    other = session(library, lambda _: centres[2], 300, policy="sham", seed=4)[1].heard
    assert other != heard[0]


def test_music_only_does_not_listen_to_the_eeg_either(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    heard = [
        session(library, lambda _, c=c: centres[c], 200, policy="music-only", seed=3)[1].heard
        for c in (2, 20)
    ]
    assert heard[0] == heard[1]


def test_manual_plays_what_is_chosen_and_nothing_else(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    dj, player, _ = session(
        library,
        lambda _: centres[2],
        100,
        policy="manual",
        commands={10.0: lambda dj: dj.choose(7)},
    )
    assert player.heard == [7]
    assert player.now is None
    assert dj.queue() == ()


def test_a_choice_by_hand_wins_over_every_rule(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    dj, player, _ = session(
        library, lambda _: centres[2], 20, commands={10.0: lambda dj: dj.choose(20)}
    )
    assert player.now is not None
    assert player.now.id == 20
    why = dj.why()
    assert why is not None
    assert why.rule == "chosen by you"


def test_a_pinned_track_comes_next_whatever_the_policy_and_the_skips(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    dj, player, log = session(
        library,
        lambda _: centres[4],
        40,
        settings=ChooserSettings(variety=1),
        commands={
            5.0: lambda dj: dj.pin(20),
            10.0: lambda dj: dj.set_policy("music-only"),
            15.0: lambda dj: dj.choose(12),
            25.0: lambda dj: dj.skip(),
        },
    )
    assert player.heard == [5, 12, 20]
    why = dj.why()
    assert why is not None
    assert why.rule == PINNED
    assert [decode(encode(event)) for event in log] == log
    assert 20 not in [s.track.id for s in dj.queue()], "a pin counts once"


def test_a_pin_is_taken_back(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    seen: list[list[int]] = []
    _, player, _ = session(
        library,
        lambda _: centres[4],
        30,
        settings=ChooserSettings(variety=1),
        commands={
            5.0: lambda dj: dj.pin(12),
            10.0: lambda dj: seen.append([s.track.id for s in dj.queue()]),
            15.0: lambda dj: dj.pin(12, False),
            25.0: lambda dj: dj.skip(),
        },
    )
    assert seen[0][0] == 12
    assert 12 not in player.heard


def test_a_banned_track_is_skipped_and_never_comes_again(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    _, player, _ = session(
        library,
        lambda _: centres[4],
        12 * 60,
        settings=ChooserSettings(variety=1, repeat_s=60, repeat_tracks=1, artist_gap=0),
        commands={5.0: lambda dj: dj.ban(5)},
    )
    assert player.heard[0] == 5
    assert 5 not in player.heard[1:]
    assert player.heard[1] != 5


def test_likes_lift_a_track(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    rules = ChooserSettings(variety=1, liked_bonus=2.0)
    dj, player, _ = session(
        library, lambda _: centres[4], 30, settings=rules, commands={0.0: lambda dj: dj.like(9)}
    )
    assert player.heard == [9]
    why = dj.why()
    assert why is not None
    assert why.rule == "liked"


def test_readings_that_are_none_do_not_move_the_query(
    stocked: tuple[Library, np.ndarray],
) -> None:
    library, centres = stocked
    _, player, log = session(library, lambda _: centres[4], 20, state=State.ARTIFACT)
    assert log[0].query is None
    assert "no estimate yet" in log[0].rule or log[0].draw
    assert player.heard


def test_a_skip_moves_on_under_every_policy(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    policies: tuple[Policy, ...] = ("follow", "steer", "sham", "music-only", "manual")
    for policy in policies:
        _, player, _ = session(
            library, lambda _: centres[2], 20, policy=policy, commands={10.0: lambda d: d.skip()}
        )
        assert len(player.heard) == (1 if policy == "manual" else 2), policy


def test_tracks_that_cannot_be_played_are_left_out(stocked: tuple[Library, np.ndarray]) -> None:
    library, centres = stocked
    player = TapePlayer()
    player.failed = frozenset({5})
    dj = MusicChooser(
        Retriever(library, project=lambda rows: rows),
        player,
        library,
        settings=ChooserSettings(variety=1),
    )
    dj.update(centres[4], 0.0, 0.0, 0.5, 0.0)
    assert player.heard
    assert player.heard != [5]


def test_an_empty_library_and_a_wrong_target_are_no_crash(tmp_path: Path) -> None:
    library = Library(tmp_path / "music.sqlite")
    dj, player, _ = session(library, lambda _: np.ones(16), 10)
    assert player.heard == []
    assert dj.why() is None
    with pytest.raises(BciAffectError, match="outside of -1 to 1"):
        dj.set_target(2.0, 0.0)
    with pytest.raises(BciAffectError, match="No track 99"):
        dj.choose(99)


def test_with_the_real_player_and_real_music(tmp_path: Path) -> None:
    """Two short pieces from a real library through the real player, on the clock."""
    import time

    studio.write(tmp_path / "m", studio.random_pieces(2, seed=1, seconds=4.0))
    with Library(tmp_path / "music.sqlite") as library:
        library.add([tmp_path / "m"], workers=1)
        events: list[tuple[EventKind, int | None]] = []
        with AudioPlayer(
            device="none",
            crossfade_s=1.0,
            on_event=lambda e: events.append((e.kind, e.track_id)),
        ) as player:
            dj = MusicChooser(Retriever(library), player, library, policy="sham")
            until = time.monotonic() + 30
            while time.monotonic() < until:
                dj.update(None, 0.0, 0.0, 0.5, time.monotonic())
                if sum(kind is EventKind.TRACK_START for kind, _ in events) >= 2:
                    break
                time.sleep(0.1)
        started = [track for kind, track in events if kind is EventKind.TRACK_START]
        assert sorted(started[:2]) == [1, 2]
