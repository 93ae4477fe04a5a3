"""Search for a lost sound device; searches are rare because each one leaks memory."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bci_affect.events import EventKind
from bci_affect.music.player import speaker
from bci_affect.music.player.output import ClockOutput, DeviceOutput, OutputError
from bci_affect.music.player.speaker import Speaker


class FakeSystem:
    """Settable clock on a system without a sound device."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.scans: list[float] = []
        self.fingerprint: object = ("cards", "no server")

    def pass_time(self, speaker: Speaker, seconds: float) -> int:
        """Poll a speaker every 0.5 s; return the number of searches for a device."""
        before = len(self.scans)
        for _ in range(int(2 * seconds)):
            self.now += 0.5
            speaker.poll()
        return len(self.scans) - before


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    system = FakeSystem()

    class NoDevice(DeviceOutput):
        def __init__(self, *_: object, **__: object) -> None:
            raise OutputError("none")

    monkeypatch.setattr(speaker, "time", SimpleNamespace(monotonic=lambda: system.now))
    monkeypatch.setattr(speaker, "rescan_devices", lambda: system.scans.append(system.now))
    monkeypatch.setattr(speaker, "device_fingerprint", lambda: system.fingerprint)
    monkeypatch.setattr(speaker, "DeviceOutput", NoDevice)
    return system


@pytest.fixture
def lost(system: FakeSystem) -> Iterator[Speaker]:
    """Speaker whose device was just disconnected."""
    lost = Speaker(lambda: system.now, "")
    lost.start(lambda buffer, time: buffer.fill(0.0))
    lost._output.close()
    change = lost.poll()
    assert change is not None
    assert change.kind is EventKind.DEVICE_LOST
    yield lost
    lost.close()


def test_a_lost_device_is_searched_often_at_first_and_then_rarely(
    system: FakeSystem, lost: Speaker
) -> None:
    assert system.pass_time(lost, 15) == 7
    assert system.pass_time(lost, 3600) == pytest.approx(60, abs=3)


def test_a_change_of_devices_starts_a_search(system: FakeSystem, lost: Speaker) -> None:
    system.pass_time(lost, 100)
    system.fingerprint = ("cards", "a server")
    assert system.pass_time(lost, 2) == 1
    assert system.pass_time(lost, 12) == 6  # opening may fail for some seconds
    assert system.pass_time(lost, 30) <= 2


def test_searches_stay_frequent_if_changes_are_not_detectable(
    system: FakeSystem, lost: Speaker
) -> None:
    system.fingerprint = None
    system.pass_time(lost, 100)
    assert system.pass_time(lost, 100) == 50


def test_a_device_connected_after_the_start_is_used(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Speaker(lambda: system.now, "")
    silent.start(lambda buffer, time: buffer.fill(0.0))
    assert "until there is a device" in silent.message
    assert system.pass_time(silent, 3600) == pytest.approx(60, abs=3)
    assert silent.alive()

    class Headphones(ClockOutput):
        def __init__(self, device: str, clock: object, rate_hz: int, **_: object) -> None:
            super().__init__(lambda: system.now, rate_hz)
            self.name = "headphones"

    monkeypatch.setattr(speaker, "DeviceOutput", Headphones)
    system.fingerprint = ("cards", "headphones")
    system.now += 2.0
    change = silent.poll()
    assert change is not None
    assert (change.kind, silent.name, silent.message) == ("device_found", "headphones", "")
    silent.close()


def test_no_device_is_searched_if_sound_is_off(system: FakeSystem) -> None:
    silent = Speaker(lambda: system.now, "none")
    silent.start(lambda buffer, time: buffer.fill(0.0))
    system.fingerprint = ("cards", "headphones")
    assert system.pass_time(silent, 200) == 0
    assert silent.message == ""
    silent.close()
