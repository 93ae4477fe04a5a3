"""The guided calibration loses nothing, however it ends, and plays a balanced choice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import (
    ClipStart,
    ClipStop,
    ContactSkipped,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
)
from bci_affect.music import Track
from bci_affect.session.guided.calibration import GuidedCalibration, Rating, Step, Timing
from bci_affect.session.guided.clips import Clip, choose_clips, further_clips


def library(n: int, seed: int = 0, together: float = 0.0) -> list[Track]:
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, (n, 2))
    place[:, 1] = together * place[:, 0] + (1 - together) * place[:, 1]
    return [
        Track(
            id=i,
            path=f"/music/{i}.flac",
            title=f"t{i}",
            artist="a",
            album="",
            duration_s=float(rng.uniform(40, 300)),
            valence=float(place[i, 0]),
            arousal=float(place[i, 1]),
            valence_sd=0.1,
            arousal_sd=0.1,
            tags=(),
            gain_db=0.0,
        )
        for i in range(n)
    ]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    n=st.integers(4, 60),
    seed=st.integers(0, 1000),
    together=st.floats(0, 1),
    rounds=st.integers(2, 6),
)
def test_choice_is_balanced_and_inside_the_tracks(
    n: int, seed: int, together: float, rounds: int
) -> None:
    tracks = library(n, seed, together)
    clips = choose_clips(tracks, 4 * rounds, seed=seed)
    assert len(clips) == 4 * rounds
    assert Counter(clip.block for clip in clips) == dict.fromkeys(range(rounds), 4)
    for clip in clips:
        track = tracks[clip.track]
        assert 0 <= clip.start_s <= track.duration_s - clip.seconds + 1e-6
    heard = {(clip.track, clip.start_s) for clip in clips}
    if n >= 40 and together == 0:
        assert len({c.track for c in clips}) == len(clips)
    assert len(heard) > len(clips) / 2


def test_a_wide_library_gives_every_quadrant_in_every_round() -> None:
    clips = choose_clips(library(80), 24, seed=3)
    for block in range(6):
        sides = {(c.valence > 0, c.arousal > 0) for c in clips if c.block == block}
        assert len(sides) == 4
    assert clips == choose_clips(library(80), 24, seed=3)
    assert clips != choose_clips(library(80), 24, seed=4)


@pytest.mark.parametrize(
    ("n_tracks", "n_clips", "seconds", "named"),
    [(3, 8, 30, "4 are needed"), (20, 10, 30, "8, 12, 16"), (20, 8, 90, "20 to 60")],
)
def test_what_cannot_be_chosen_is_refused(
    n_tracks: int, n_clips: int, seconds: float, named: str
) -> None:
    with pytest.raises(BciAffectError, match=named):
        choose_clips(library(n_tracks), n_clips, seed=0, seconds=seconds)


T = TypeVar("T", bound=SessionEvent)


class Host:
    """Listener and player that record their calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[TimedEvent] = []
        self.playing: Clip | None = None
        self.now = 100.0

    def _wires(self) -> dict[str, object]:
        return {
            "emit": lambda event: self.events.append((self.now, event)),
            "play": lambda clip: setattr(self, "playing", clip),
            "silence": lambda: setattr(self, "playing", None),
        }

    def begin(self, timing: Timing | None = None) -> GuidedCalibration:
        clips = choose_clips(library(30), 8, seed=1, seconds=20)
        return GuidedCalibration.begin(
            self.path, "Ada", clips, seed=1, timing=timing, **self._wires()
        )  # type: ignore[arg-type]

    def resume(self) -> GuidedCalibration:
        return GuidedCalibration.resume(self.path, **self._wires())  # type: ignore[arg-type]

    def run(self, guided: GuidedCalibration, seconds: float, rate: bool = True) -> None:
        end = self.now + seconds
        while self.now < end and guided.step is not Step.DONE:
            self.now += 0.25
            guided.tick(self.now, quality=1.0)
            if rate and guided.step is Step.RATING:
                guided.rate(self.now, Rating(7, 3, familiarity=2))

    def of(self, kind: type[T]) -> list[tuple[float, T]]:
        """Return the events of a kind with their times."""
        return [(at, event) for at, event in self.events if isinstance(event, kind)]


def test_a_whole_calibration(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin()
    guided.start(host.now)
    host.run(guided, 600)
    assert guided.step is Step.DONE
    assert len(guided.ratings) == 8
    assert {len(host.of(kind)) for kind in (ClipStart, ClipStop, SelfReport)} == {8}
    rests = host.of(RestStart)
    assert [rest.kind for _, rest in rests] == ["open", "closed", "blinks"]
    lengths = [b - a for (a, _), (b, _) in zip(rests, host.of(RestStop), strict=True)]
    np.testing.assert_allclose(lengths, [60, 30, 15], atol=0.3)
    assert [clip.track for _, clip in host.of(ClipStart)] == [clip.path for clip in guided.clips]
    assert host.playing is None
    guided.discard()
    assert not host.path.exists()


def test_stopped_in_a_clip_and_resumed_in_another_process(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin()
    guided.start(host.now)
    while len(guided.ratings) < 3 or guided.step is not Step.CLIP:
        host.run(guided, 0.25)
    interrupted = guided.view().playing
    guided.stop(host.now)
    assert guided.step is Step.STOPPED
    assert host.playing is None, "stopping silences"
    host.events.clear()

    again = host.resume()
    assert len(again.ratings) == 3
    again.start(host.now)
    host.run(again, 600)
    assert again.step is Step.DONE
    assert not host.of(RestStart), "a rest that was done is not repeated"
    starts = [clip for _, clip in host.of(ClipStart)]
    assert interrupted is not None
    assert len(starts) == 5
    assert starts[0].track == interrupted.path, "the interrupted clip is heard again, whole"


def test_killed_without_stop_loses_nothing_rated(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin(Timing(0, 0, 0, 2))
    guided.start(host.now)
    while len(guided.ratings) < 4:
        host.run(guided, 0.25)
    del guided
    assert host.resume().ratings.keys() == {0, 1, 2, 3}


def test_bad_contact_waits_until_told_to_go_on(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin(Timing(0, 0, 0, 2))
    guided.start(host.now)
    for _ in range(400):
        host.now += 0.25
        guided.tick(host.now, quality=0.3)
    assert guided.step is Step.CONTACT
    assert not guided.view().contact_ok
    guided.go_on(host.now)
    assert guided.step is Step.SILENCE
    assert host.of(ContactSkipped)


def test_an_unfinished_calibration_is_not_overwritten(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    host.begin()
    with pytest.raises(BciAffectError, match="resume"):
        host.begin()


def test_ratings_out_of_range_or_out_of_place_are_refused(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin(Timing(0, 0, 0, 2))
    guided.start(host.now)
    with pytest.raises(BciAffectError, match="No clip"):
        guided.rate(host.now, Rating(5, 5))
    host.run(guided, 60, rate=False)
    assert guided.step is Step.RATING
    assert np.isnan(guided.view().seconds_left), "a rating has no deadline"
    with pytest.raises(BciAffectError, match="arousal must be 1 to 9"):
        guided.rate(host.now, Rating(5, 0))
    assert guided.step is Step.RATING


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x"}', '{"format": null'])
def test_damaged_progress_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(BciAffectError) as caught:
        Host(path).resume()
    assert "\n" not in str(caught.value)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(n=st.integers(4, 40), seed=st.integers(0, 100), sides=st.sampled_from(("all", "happy")))
def test_a_refused_calibration_gets_a_round_of_what_was_missing(
    n: int, seed: int, sides: str
) -> None:
    tracks = library(n, seed)
    clips = choose_clips(tracks, 8, seed=seed, seconds=20)
    felt = {
        i: Rating(8, 8) if sides == "happy" else Rating(2 + 6 * (i % 2), 2 + 6 * (i // 2 % 2))
        for i in range(8)
    }
    more = further_clips(tracks, clips, felt, seed=seed)
    assert len(more) == 4
    assert {clip.block for clip in more} == {2}
    if n >= 16:
        assert len({clip.track for clip in more}) == 4
    for clip in more:
        assert 0 <= clip.start_s <= tracks[clip.track].duration_s - clip.seconds + 1e-6
    if sides == "happy" and n >= 20:
        mean = [np.mean([(c.valence, c.arousal) for c in part], axis=0) for part in (clips, more)]
        assert (mean[1] < mean[0]).all(), "everything felt happy: sad music is what is missing"


def test_resume_after_all_was_rated_plays_what_was_added(tmp_path: Path) -> None:
    host = Host(tmp_path / "p.json")
    guided = host.begin(Timing(0, 0, 0, 2))
    guided.start(host.now)
    host.run(guided, 600)
    assert guided.step is Step.DONE
    again = host.resume()
    again.extend(further_clips(library(30), again.clips, again.ratings, seed=1))
    assert len(host.resume().clips) == 12, "what was added is on disk"
    again.start(host.now)
    host.run(again, 600)
    assert again.step is Step.DONE
    assert len(again.ratings) == 12
