"""Music thread: plays music that fits the EEG, states the reason, and cannot harm the session."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bci_affect.affect.estimate import AffectEstimate
from bci_affect.eeg import State
from bci_affect.events import MusicChoice, SessionEvent, TrackStart
from bci_affect.model import Predictor
from bci_affect.music import AudioPlayer, Library, PlayerEvent, Retriever
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.session.dj.music_thread import MusicParts, MusicThread
from bci_affect.simulation.music import PIECES, write

Events = list[tuple[SessionEvent, float | None]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    write(folder / "pieces", PIECES[:4], file_format="wav")
    with Library(folder / "library.sqlite") as library:
        library.add([folder / "pieces"], workers=1)
    return folder / "library.sqlite"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def events() -> Events:
    return []


def make_thread(
    database: Path, predictor: Predictor, said: list[str], events: Events
) -> MusicThread:
    def prepare(
        on_event: Callable[[PlayerEvent], None],
        log: Callable[[SessionEvent], None],
        ended: Callable[[], bool],
    ) -> MusicParts:
        library = Library(database)
        player = AudioPlayer(clock=time.monotonic, on_event=on_event, device="none")
        retriever = Retriever(library, predictor.project_music)
        return MusicParts(
            library, player, MusicChooser(retriever, player, library, seed=1, log=log)
        )

    return MusicThread(
        prepare,
        lambda level, text: said.append(text),
        lambda fields, at: events.append((fields, at)),
    )


@pytest.fixture
def thread(
    database: Path, predictor: Predictor, said: list[str], events: Events
) -> Iterator[MusicThread]:
    made = make_thread(database, predictor, said, events)
    yield made
    made.close()


def estimate(predictor: Predictor, at: float) -> AffectEstimate:
    embedding = np.zeros(predictor.space, np.float32)
    embedding[0] = 1.0
    none = np.zeros((1, 1), np.float32)
    return AffectEstimate(at, 0.2, 0.1, 0.6, 0.55, 0.5, embedding, none, 1.0, State.OK)


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not true():
        time.sleep(0.05)
    return true()


def test_it_plays_what_fits_and_says_why(
    thread: MusicThread, predictor: Predictor, events: Events
) -> None:
    thread.start()
    assert thread.log_odds() is None
    for second in range(3):
        thread.offer(estimate(predictor, float(second)))
        time.sleep(0.3)
    assert until(lambda: thread.status().why is not None)
    status = thread.status()
    track, why, queue = status.track, status.why, status.queue
    assert track is not None
    assert why is not None
    assert why.track.id == track.id
    assert queue
    assert until(lambda: any(isinstance(event, TrackStart) for event, _ in events))
    started = next(event for event, _ in events if isinstance(event, TrackStart))
    assert started.track == track.title
    assert any(isinstance(event, MusicChoice) for event, _ in events)
    logits = thread.log_odds()
    assert logits is not None
    np.testing.assert_allclose(2 / (1 + np.exp(-logits)) - 1, [track.valence, track.arousal])


def test_why_is_never_said_of_another_track(thread: MusicThread, predictor: Predictor) -> None:
    thread.start()
    thread.offer(estimate(predictor, 0.0))
    seen: set[int] = set()

    def three_tracks() -> bool:
        status = thread.status()
        track, why = status.track, status.why
        if track is not None and why is not None:
            assert why.track.id == track.id
            if track.id not in seen:
                seen.add(track.id)
                thread.skip()
        return len(seen) >= 3

    assert until(three_tracks, 60)


def test_commands_reach_player_and_library(thread: MusicThread, predictor: Predictor) -> None:
    thread.start()
    thread.offer(estimate(predictor, 0.0))
    assert until(lambda: thread.status().track is not None)
    first = thread.status().track
    assert first is not None
    thread.like(first.id, True)
    assert until(lambda: bool(thread.status().track and thread.status().track.liked))  # type: ignore[union-attr]
    thread.pause()
    assert until(lambda: not thread.status().player.playing)
    assert thread.log_odds() is None
    thread.play()
    assert until(lambda: thread.status().player.playing)
    thread.set_volume(0.25)
    assert until(lambda: abs(thread.status().player.volume - 0.25) < 1e-6)
    thread.skip()
    assert until(lambda: thread.status().track is not None and thread.status().track != first)


def test_a_track_that_came_since_is_known_and_whoever_looks_asks_no_disk(
    database: Path, predictor: Predictor, said: list[str], events: Events, tmp_path: Path
) -> None:
    """Invariant 7: `logits` is called on the data path."""
    shutil.copy(database, tmp_path / "library.sqlite")
    thread = make_thread(tmp_path / "library.sqlite", predictor, said, events)
    thread.start()
    thread.offer(estimate(predictor, 0.0))
    assert until(lambda: thread.status().track is not None)
    write(tmp_path / "new", PIECES[4:5], file_format="wav")
    with Library(tmp_path / "library.sqlite") as library:
        library.add([tmp_path / "new"], workers=1)
        (new,) = {track.id for track in library.tracks()} - set(thread._tracks)
    thread.choose(new)
    assert until(lambda: (track := thread.status().track) is not None and track.id == new)
    assert thread.log_odds() is not None
    assert thread._parts is not None
    asking = {thread.name for thread in thread._parts.library.database._connections}
    thread.close()
    assert "bci-music" in asking
    assert threading.current_thread().name not in asking


def test_a_fault_is_said_and_the_thread_goes_on(
    thread: MusicThread, predictor: Predictor, said: list[str]
) -> None:
    thread.start()
    thread.choose(987_654)  # no such track
    assert until(lambda: bool(said))
    thread.offer(estimate(predictor, 0.0))
    assert until(lambda: thread.status().track is not None)


def test_a_library_without_music_is_said(said: list[str], events: Events) -> None:
    thread = MusicThread(
        lambda *_: None,
        lambda level, text: said.append(text),
        lambda fields, at: events.append((fields, at)),
    )
    thread.start()
    assert until(lambda: bool(said))
    assert "music add" in said[0]
    thread.skip()  # does nothing, and harms nothing
    thread.close()


def test_a_sham_shows_as_following(said: list[str], events: Events) -> None:
    thread = MusicThread(
        lambda *_: None,
        lambda level, text: said.append(text),
        lambda fields, at: events.append((fields, at)),
        policy="sham",
        target=(0.5, -0.5),
    )
    thread.set_policy("follow")  # asked for by a window that shows it so: the sham stays
    assert thread.policy == "sham"
    assert thread.status().policy == "follow"
    assert thread.status().target == (0.5, -0.5)
    thread.set_policy("manual")
    assert thread.policy == thread.status().policy == "manual"
    thread.set_target(2.0, -3.0)
    assert thread.status().target == (1.0, -1.0)
