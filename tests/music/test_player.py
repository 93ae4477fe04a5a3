"""Audio player without a device: ring buffer, frame times, mixer, track reader, and commands."""

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

from bci_affect.events import EventKind
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
def test_the_ring_neither_loses_nor_repeats_frames(writes: list[int], reads: list[int]) -> None:
    ring = AudioRing(0.1, RATE_HZ)
    ring.set_gain(1.0)
    ring.set_playing(True)
    ring._gain = 1.0  # past the ramp
    blocks: list[np.ndarray] = []
    n_written = 0
    for n_write, n_read in zip(writes, reads, strict=False):
        n = min(n_write, ring.free())
        frames = np.arange(n_written, n_written + n, dtype=np.float32)
        ring.write(np.repeat(frames[:, None], 2, axis=1))
        n_written += n
        available = ring.available()
        out = np.full((n_read, 2), np.nan, dtype=np.float32)
        ring.fill(out, 0.0)
        n_played = min(n_read, available)
        blocks.append(out[:n_played, 0])
        assert (out[n_played:] == 0).all()
    played = np.concatenate(blocks) if blocks else np.empty(0)
    np.testing.assert_array_equal(played, np.arange(len(played)))


def test_gain_changes_are_ramped_and_underruns_are_counted() -> None:
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
    assert ring.read == before  # paused: no frame is read
    ring.set_playing(True)
    for _ in range(5):
        ring.fill(out, 0.0)
    assert ring.starved == 1  # one underrun of five blocks
    ring.set_draining(True)
    ring.fill(out, 0.0)
    assert ring.starved == 1


def test_marks_get_the_time_of_their_frame() -> None:
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


def test_a_delayed_callback_does_not_change_frame_times() -> None:
    """A callback may wait for a processor or the GIL after PortAudio read the time."""
    now = [50.0]  # system clock, used by PortAudio; the session clock is 7 s ahead
    known = (lambda: now[0] + 1e9, lambda: now[0])
    frame_time = FrameTime(lambda: now[0] + 7.0, 100, known)
    assert frame_time(50.0, 50.5, 0) == pytest.approx(57.5)
    now[0] = 60.3  # PortAudio read the time at 60.0; the callback runs 0.3 s later
    assert frame_time(60.0, 60.5, 1000) == pytest.approx(67.5)
    unknown = FrameTime(lambda: now[0] + 7.0, 100, known[:1])
    assert unknown(3.0, 3.5, 0) == pytest.approx(67.8)  # unknown clock: assume no delay


def test_frame_times_filter_errors_of_the_reported_delay() -> None:
    now = [0.0]
    frame_time = FrameTime(lambda: now[0], 1000, (lambda: now[0],))
    rng = np.random.default_rng(0)
    errors = []
    for block in range(200):
        now[0] = 100.0 + 0.1 * block
        error = 0.007 * (rng.random() < 0.3)  # occasional error of the reported delay
        gap = 0.25 * (block >= 120)  # an unreported gap delays everything after it
        time = frame_time(now[0], now[0] + 0.4 + gap + error, 100 * block)
        errors.append(time - (100.4 + 0.1 * block + gap))
    assert np.abs(errors[10:120]).max() < 1e-6
    assert np.abs(errors[140:]).max() < 1e-6
    frame_time.reset()  # after a reported gap
    assert frame_time(now[0], now[0] + 0.9, 20_000) == pytest.approx(now[0] + 0.9)


@pytest.mark.parametrize("every", [0.01, 0.125])
def test_a_drifting_delay_is_not_steady(every: float) -> None:
    """A wrong rate estimate of a sound server lets its reported delay drift by 0.4 %."""

    def steady(after_s: float, drift: float) -> bool:
        now = [0.0]
        frame_time = FrameTime(lambda: now[0], 1000, (lambda: now[0],))
        rng = np.random.default_rng(1)
        for block in range(int(after_s / every)):
            now[0] = 100.0 + every * block
            delay = 0.5 + drift * every * block + 0.001 * rng.standard_normal()
            frame_time(now[0], now[0] + delay, round(1000 * every * block))
        return frame_time.steady

    assert not steady(1.3, 0.0)  # too few measurements
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
    mixer.switch_to(sources[0], 0.0)
    parts = []
    while mixer.playing is not None:
        parts.append(mixer.read(block))
    return np.concatenate(parts)


@pytest.mark.parametrize("block", [97, 800, 50_000])
def test_gapless_playback_joins_tracks_sample_by_sample(tmp_path: Path, block: int) -> None:
    audio = (0.1 * np.random.default_rng(0).standard_normal((20_000, 2))).astype(np.float32)
    cuts = [0, 7001, 7101, 20_000]  # one part is shorter than a block
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


def test_a_crossfade_of_two_loud_tracks_does_not_clip(tmp_path: Path) -> None:
    t = np.arange(RATE_HZ * 4) / RATE_HZ
    tone = np.repeat(0.85 * np.sin(2 * np.pi * 200 * t)[:, None], 2, axis=1).astype(np.float32)
    path = write(tmp_path / "a.wav", tone)
    out = mixed([TrackReader(track(i, path, 4.0), RATE_HZ) for i in range(2)], 1.5)
    assert np.abs(out).max() < 1.0
    np.testing.assert_allclose(out[:RATE_HZ], tone[:RATE_HZ], atol=1e-6)  # before the crossfade


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 11_025), (6, 8_000)])
def test_any_file_becomes_stereo_at_the_devices_rate(
    tmp_path: Path, channels: int, rate_hz: int
) -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal((rate_hz, channels))
    source = TrackReader(track(1, write(tmp_path / "a.wav", audio, rate_hz), 1.0, -6.0), RATE_HZ)
    out = source.read(RATE_HZ * 2)
    assert out.shape[1] == 2
    assert len(out) == pytest.approx(RATE_HZ, abs=2)
    assert 0.01 < out.std() < 0.08


class EventLog:
    """Collected events of a player."""

    def __init__(self) -> None:
        self.events: list[PlayerEvent] = []

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def wait(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a condition holds; fail with the events otherwise."""
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            time.sleep(0.02)
        assert done(), self.events


def test_commands_without_a_device(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal((RATE_HZ * 3, 2))).astype(np.float32)
    a, b = (track(i, write(tmp_path / f"{i}.wav", noise), 3.0) for i in (1, 2))
    broken = track(3, tmp_path / "gone.wav", 3.0)
    log = EventLog()
    with AudioPlayer(device="none", on_event=log.events.append, crossfade_s=0.5) as player:
        assert player.state().device == "no sound device"
        player.load(a, start_s=1.0)
        log.wait(lambda: player.state().track_id == 1)
        assert player.state().position_s == pytest.approx(1.0, abs=0.01)
        assert not player.state().playing
        player.resume()
        player.enqueue(b)
        log.wait(lambda: log.kinds().count(EventKind.TRACK_START) == 2)
        player.pause()
        log.wait(lambda: EventKind.PAUSED in log.kinds())
        player.seek(0.2)
        log.wait(lambda: EventKind.SEEK in log.kinds())
        assert player.state().position_s == pytest.approx(0.2, abs=0.02)
        player.play(broken)
        log.wait(lambda: EventKind.ERROR in log.kinds())
        assert player.failed == {3}
        assert "cannot be played" in player.state().message
        player.set_volume(3.0)
        assert player.state().volume == 1.0
        player.resume()
        player.skip_to(a, fade_s=0.1)
        log.wait(lambda: player.state().track_id == 1)
        player.stop()
        log.wait(lambda: player.state().track_id is None)
    starts = [e for e in log.events if e.kind is EventKind.TRACK_START]
    ends = [e for e in log.events if e.kind is EventKind.TRACK_STOP]
    assert [e.track_id for e in starts] == [1, 2, 1]
    assert sorted(e.track_id or 0 for e in ends) == [1, 1, 2]
    assert starts[0].offset_s == pytest.approx(1.0)
    assert starts[1].time - starts[0].time == pytest.approx(1.5, abs=0.3)


def test_the_volume_limit_is_enforced() -> None:
    with AudioPlayer(device="none", max_volume=0.3, volume=0.9) as player:
        assert player.state().volume == 0.3


def test_an_unknown_device_gives_silence_and_a_message() -> None:
    with AudioPlayer(device="no such device anywhere") as player:
        assert "playing silently until there is a device" in player.state().message
