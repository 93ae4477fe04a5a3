"""A sound device that is gone is looked for, but not all the time: each look keeps memory."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bci_affect.music.player import speaker
from bci_affect.music.player.output import ClockOutput, DeviceOutput, OutputError
from bci_affect.music.player.speaker import Speaker


class Passing:
    """A clock that is set, and the world that it passes in: no device is ever there."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.looks: list[float] = []
        self.surroundings: object = ("cards", "no server")

    def pass_time(self, speaker: Speaker, seconds: float) -> int:
        """Let time pass by halves of seconds; return how often a device was looked for."""
        before = len(self.looks)
        for _ in range(int(2 * seconds)):
            self.now += 0.5
            speaker.watch()
        return len(self.looks) - before


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Passing:
    world = Passing()

    class NoDevice(DeviceOutput):
        def __init__(self, *_: object, **__: object) -> None:
            raise OutputError("none")

    monkeypatch.setattr(speaker, "time", SimpleNamespace(monotonic=lambda: world.now))
    monkeypatch.setattr(speaker, "look_again", lambda: world.looks.append(world.now))
    monkeypatch.setattr(speaker, "surroundings", lambda: world.surroundings)
    monkeypatch.setattr(speaker, "DeviceOutput", NoDevice)
    return world


@pytest.fixture
def lost(world: Passing) -> Iterator[Speaker]:
    """Return a speaker whose device has just gone."""
    lost = Speaker(lambda: world.now, "")
    lost.start(lambda buffer, time: buffer.fill(0.0))
    lost._output.close()
    change = lost.watch()
    assert change is not None
    assert change.kind == "device_lost"
    yield lost
    lost.close()


def test_a_lost_device_is_looked_for_at_once_and_then_seldom(world: Passing, lost: Speaker) -> None:
    assert world.pass_time(lost, 15) == 7
    assert world.pass_time(lost, 3600) == pytest.approx(60, abs=3)


def test_something_that_comes_is_looked_at_at_once(world: Passing, lost: Speaker) -> None:
    world.pass_time(lost, 100)
    world.surroundings = ("cards", "a server")
    assert world.pass_time(lost, 2) == 1
    assert world.pass_time(lost, 12) == 6  # it may need some seconds until it takes sound
    assert world.pass_time(lost, 30) <= 2


def test_it_is_looked_for_all_the_time_where_nothing_tells(world: Passing, lost: Speaker) -> None:
    world.surroundings = None
    world.pass_time(lost, 100)
    assert world.pass_time(lost, 100) == 50


def test_a_device_that_comes_after_the_start_is_taken(
    world: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Speaker(lambda: world.now, "")
    silent.start(lambda buffer, time: buffer.fill(0.0))
    assert "until there is a device" in silent.message
    assert world.pass_time(silent, 3600) == pytest.approx(60, abs=3), "seldom: it may never come"
    assert silent.alive()

    class Plugged(ClockOutput):
        def __init__(self, device: str, clock: object, rate_hz: int, **_: object) -> None:
            super().__init__(lambda: world.now, rate_hz)
            self.name = "headphones"

    monkeypatch.setattr(speaker, "DeviceOutput", Plugged)
    world.surroundings = ("cards", "headphones")
    world.now += 2.0
    change = silent.watch()
    assert change is not None
    assert (change.kind, silent.name, silent.message) == ("device_found", "headphones", "")
    silent.close()


def test_whoever_wants_no_sound_is_not_looked_for(world: Passing) -> None:
    silent = Speaker(lambda: world.now, "none")
    silent.start(lambda buffer, time: buffer.fill(0.0))
    world.surroundings = ("cards", "headphones")
    assert world.pass_time(silent, 200) == 0
    assert silent.message == ""
    silent.close()
