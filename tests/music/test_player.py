"""The player's parts without a device: nothing lost in the ring, joins without a seam."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.music import AudioPlayer, PlayerEvent, Track
from bci_affect.music.player.audio_ring import AudioRing
from bci_affect.music.player.frame_time import FrameTime
from bci_affect.music.player.mixer import Mixer
from bci_affect.music.player.track_reader import TrackReader

RATE_HZ = 8_000


def track(number: int, path: Path, seconds: float, gain_db: float = 0.0) -> Track:
    return Track(number, str(path), f"t{number}", "", "", seconds, 0, 0, 0, 0, (), gain_db)


def write(path: Path, audio: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, audio, rate_hz, subtype="FLOAT")
    return path


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    writes=st.lists(st.integers(0, 700), max_size=30),
    reads=st.lists(st.integers(1, 500), max_size=30),
)
def test_the_ring_neither_loses_nor_repeats(writes: list[int], reads: list[int]) -> None:
    ring = AudioRing(0.1, RATE_HZ)
    ring.set_gain(1.0)
    ring.set_playing(True)
    ring._gain = 1.0  # past the ramp
    heard: list[np.ndarray] = []
    sent = 0
    for n_write, n_read in zip(writes, reads, strict=False):
        n = min(n_write, ring.room())
        ring.write(np.repeat(np.arange(sent, sent + n, dtype=np.float32)[:, None], 2, axis=1))
        sent += n
        ready = ring.ready()
        out = np.full((n_read, 2), np.nan, dtype=np.float32)
        ring.fill(out, 0.0)
        taken = min(n_read, ready)
        heard.append(out[:taken, 0])
        assert (out[taken:] == 0).all()
    got = np.concatenate(heard) if heard else np.empty(0)
    np.testing.assert_array_equal(got, np.arange(len(got)))


def test_gain_changes_are_ramps_and_starvation_is_counted() -> None:
    ring = AudioRing(1.0, RATE_HZ)
    ring.set_gain(1.0)
    ring.set_playing(True)
    ring.write(np.ones((4000, 2), np.float32))
    out = np.empty((1000, 2), np.float32)
    ring.fill(out, 0.0)
    steps = np.abs(np.diff(out[:, 0]))
    assert steps.max() <= 1.0 / (0.02 * RATE_HZ) + 1e-5  # no click
    assert out[-1, 0] == 1.0
    ring.set_playing(False)
    ring.fill(out, 0.0)
    assert out[-1, 0] == 0.0
    assert ring.silent
    before = ring.read
    ring.fill(out, 0.0)
    assert ring.read == before  # paused: nothing is used up
    ring.set_playing(True)
    for _ in range(5):
        ring.fill(out, 0.0)
    assert ring.starved == 1  # one hole, however long
    ring.set_draining(True)
    ring.fill(out, 0.0)
    assert ring.starved == 1


def test_marks_are_stamped_with_the_time_of_their_frame() -> None:
    ring = AudioRing(1.0, RATE_HZ)
    ring.set_playing(True)
    ring.marks.extend([0, 1500, 1500])
    ring.write(np.zeros((4000, 2), np.float32))
    out = np.empty((1000, 2), np.float32)
    for number in range(3):
        ring.fill(out, 100.0 + number * 1000 / RATE_HZ)
    stamps = list(ring.stamps)
    assert [frame for frame, _ in stamps] == [0, 1500, 1500]
    assert [at for _, at in stamps] == pytest.approx([100.0, 100.1875, 100.1875])


def test_a_late_callback_is_not_taken_for_late_sound() -> None:
    """What waited for a processor or for Python's lock still knows when its frames sound."""
    now = [50.0]  # the system's clock; ours runs 7 s ahead, PortAudio's is the system's
    known = (lambda: now[0] + 1e9, lambda: now[0])
    frame_time = FrameTime(lambda: now[0] + 7.0, 100, known)
    assert frame_time(50.0, 50.5, 0) == pytest.approx(57.5)
    now[0] = 60.3  # PortAudio looked at 60.0; we are run 0.3 s later
    assert frame_time(60.0, 60.5, 1000) == pytest.approx(67.5)
    unknown = FrameTime(lambda: now[0] + 7.0, 100, known[:1])
    assert unknown(3.0, 3.5, 0) == pytest.approx(67.8)  # a clock of its own: taken as prompt


def test_stamps_are_steadier_than_a_sound_servers_word() -> None:
    now = [0.0]
    frame_time = FrameTime(lambda: now[0], 1000, (lambda: now[0],))
    rng = np.random.default_rng(0)
    errors = []
    for block in range(200):
        now[0] = 100.0 + 0.1 * block
        off = 0.007 * (rng.random() < 0.3)  # its delay is wrong now and then
        lost = 0.25 * (block >= 120)  # a gap that nobody told of moves all that follows
        heard = frame_time(now[0], now[0] + 0.4 + lost + off, 100 * block)
        errors.append(heard - (100.4 + 0.1 * block + lost))
    assert np.abs(errors[10:120]).max() < 1e-6
    assert np.abs(errors[140:]).max() < 1e-6
    frame_time.forget()  # a gap that was told of
    assert frame_time(now[0], now[0] + 0.9, 20_000) == pytest.approx(now[0] + 0.9)


@pytest.mark.parametrize("every", [0.01, 0.125])
def test_a_word_that_moves_is_not_steady(every: float) -> None:
    """A sound server that took its clock for 0.4 % too fast says so for seconds, smoothly."""

    def steady(after_s: float, rise: float) -> bool:
        now = [0.0]
        frame_time = FrameTime(lambda: now[0], 1000, (lambda: now[0],))
        rng = np.random.default_rng(1)
        for block in range(int(after_s / every)):
            now[0] = 100.0 + every * block
            delay = 0.5 + rise * every * block + 0.001 * rng.standard_normal()
            frame_time(now[0], now[0] + delay, round(1000 * every * block))
        return frame_time.steady

    assert not steady(1.3, 0.0)  # too soon to tell
    assert steady(1.8, 0.0)
    assert not steady(1.8, 0.004)


def mixed(sources: list[TrackReader], crossfade_s: float, block: int = 333) -> np.ndarray:
    following = sources[1:]
    mixer = Mixer(
        RATE_HZ,
        crossfade_s,
        started=lambda *_: None,
        ended=lambda *_: None,
        next_source=lambda: following.pop(0) if following else None,
    )
    mixer.change_to(sources[0], 0.0)
    parts = []
    while mixer.playing is not None:
        parts.append(mixer.take(block))
    return np.concatenate(parts)


@pytest.mark.parametrize("block", [97, 800, 50_000])
def test_gapless_means_sample_after_sample(tmp_path: Path, block: int) -> None:
    audio = (0.1 * np.random.default_rng(0).standard_normal((20_000, 2))).astype(np.float32)
    cuts = [0, 7001, 7101, 20_000]  # one part is only a blink
    sources = [
        TrackReader(track(i, write(tmp_path / f"{i}.wav", audio[a:b]), (b - a) / RATE_HZ), RATE_HZ)
        for i, (a, b) in enumerate(itertools.pairwise(cuts))
    ]
    np.testing.assert_allclose(mixed(sources, 0.0, block), audio, atol=1e-6)


def test_a_crossfade_overlaps_and_keeps_the_power(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sources = []
    for i in range(2):
        noise = (0.1 * rng.standard_normal((RATE_HZ * 6, 2))).astype(np.float32)
        sources.append(TrackReader(track(i, write(tmp_path / f"{i}.wav", noise), 6.0), RATE_HZ))
    out = mixed(sources, 2.0)
    assert len(out) == RATE_HZ * 10
    power = np.square(out).mean(axis=1).reshape(20, -1).mean(axis=1)
    assert np.ptp(10 * np.log10(power)) < 1.0


def test_two_loud_tracks_at_once_do_not_clip(tmp_path: Path) -> None:
    t = np.arange(RATE_HZ * 4) / RATE_HZ
    tone = np.repeat(0.85 * np.sin(2 * np.pi * 200 * t)[:, None], 2, axis=1).astype(np.float32)
    path = write(tmp_path / "a.wav", tone)
    out = mixed([TrackReader(track(i, path, 4.0), RATE_HZ) for i in range(2)], 1.5)
    assert np.abs(out).max() < 1.0
    np.testing.assert_allclose(out[:RATE_HZ], tone[:RATE_HZ], atol=1e-6)  # alone: untouched


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 11_025), (6, 8_000)])
def test_any_file_becomes_stereo_at_the_devices_rate(
    tmp_path: Path, channels: int, rate_hz: int
) -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal((rate_hz, channels))
    source = TrackReader(track(1, write(tmp_path / "a.wav", audio, rate_hz), 1.0, -6.0), RATE_HZ)
    out = source.take(RATE_HZ * 2)
    assert out.shape[1] == 2
    assert len(out) == pytest.approx(RATE_HZ, abs=2)
    assert 0.01 < out.std() < 0.08


class Heard:
    """Events of a player, and a wait for them."""

    def __init__(self) -> None:
        self.events: list[PlayerEvent] = []

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def wait(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            time.sleep(0.02)
        assert done(), self.events


def test_commands_without_a_device(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((RATE_HZ * 3, 2))).astype(np.float32)
    a, b = (track(i, write(tmp_path / f"{i}.wav", noise), 3.0) for i in (1, 2))
    broken = track(3, tmp_path / "gone.wav", 3.0)
    heard = Heard()
    with AudioPlayer(device="none", on_event=heard.events.append, crossfade_s=0.5) as player:
        assert player.state().device == "no sound device"
        player.load(a, start_s=1.0)
        heard.wait(lambda: player.state().track_id == 1)
        assert player.state().position_s == pytest.approx(1.0, abs=0.01)
        assert not player.state().playing
        player.resume()
        player.enqueue(b)
        heard.wait(lambda: heard.kinds().count("track_start") == 2)
        player.pause()
        heard.wait(lambda: "paused" in heard.kinds())
        player.seek(0.2)
        heard.wait(lambda: "seek" in heard.kinds())
        assert player.state().position_s == pytest.approx(0.2, abs=0.02)
        player.play(broken)
        heard.wait(lambda: "error" in heard.kinds())
        assert player.failed == {3}
        assert "cannot be played" in player.state().message
        player.set_volume(3.0)
        assert player.state().volume == 1.0
        player.resume()
        player.skip_to(a, fade_s=0.1)
        heard.wait(lambda: player.state().track_id == 1)
        player.stop()
        heard.wait(lambda: player.state().track_id is None)
    starts = [e for e in heard.events if e.kind == "track_start"]
    ends = [e for e in heard.events if e.kind == "track_end"]
    assert [e.track_id for e in starts] == [1, 2, 1]
    assert sorted(e.track_id or 0 for e in ends) == [1, 1, 2]
    assert starts[0].offset_s == pytest.approx(1.0)
    assert starts[1].time - starts[0].time == pytest.approx(1.5, abs=0.3)


def test_a_volume_limit_holds() -> None:
    with AudioPlayer(device="none", max_volume=0.3, volume=0.9) as player:
        assert player.state().volume == 0.3


def test_a_device_that_is_not_there_is_silence_with_a_message() -> None:
    with AudioPlayer(device="no such device anywhere") as player:
        assert "playing silently until there is a device" in player.state().message
