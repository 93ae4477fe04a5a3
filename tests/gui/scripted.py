"""Scripted session for layout and widget tests: a stand-in, never shown as a result.

It fulfils `SessionControl` with generated numbers (EEG-like noise with alpha and blinks; estimates
on a slow path through the plane), so that every state of the window can be reached at will. Live
tests use the real session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, ReferenceKind
from bci_affect.affect.estimate_log import EstimateLog
from bci_affect.affect.fusion import PersonalReading
from bci_affect.eeg import CAPS, FeatureWindow, Montage, State, make_montage
from bci_affect.event_log import TimedEvent
from bci_affect.events import (
    Mark,
    MarkRemoved,
    RestStart,
    SelfReport,
    SessionEvent,
    SessionPause,
    SessionResume,
    TrackStart,
)
from bci_affect.music import PlayerState, Suggestion, Track
from bci_affect.session.control import PINNED
from bci_affect.session.snapshot import (
    AffectStatus,
    BaselineStatus,
    Message,
    ModelStatus,
    MusicStatus,
    Policy,
    RecordingStatus,
    SessionClock,
    SessionSnapshot,
    StreamStatus,
)
from bci_affect.streams import ConnectionState, Health, Marker, StreamInfo

NAMES = {len(names): names for names in CAPS.values()}
BANDS = ("delta", "theta", "alpha", "beta", "gamma")


def names_of(n_channels: int) -> tuple[str, ...]:
    """Names of the 10-5 system for any number of electrodes."""
    if n_channels in NAMES:
        return NAMES[n_channels]
    import mne

    have = NAMES[32]
    montage = mne.channels.make_standard_montage("standard_1005")
    more = [n for n in montage.ch_names if n not in have and n[-1] != "h" and n not in ("T3", "T4")]
    return (have + tuple(more))[:n_channels]


def montage_of(names: tuple[str, ...]) -> Montage:
    return make_montage(names)


def tracks(n: int = 12) -> list[Track]:
    rng = np.random.default_rng(5)
    words = ("Slow Tide", "Copper Sun", "Night Bus", "Paper Birds", "North Window", "Quiet Engine")
    tags = (("mellow", 0.61), ("acoustic", 0.44), ("ambient", 0.3), ("piano", 0.22))
    made = []
    for i in range(n):
        v, a = rng.uniform(-0.9, 0.9, 2)
        made.append(
            Track(
                id=i + 1,
                path=f"/music/{i}.flac",
                title=f"{words[i % 6]} {'I' * (1 + i // 6)}",
                artist=("Lumen Quartet", "Ada Field", "The Halyards")[i % 3],
                album="Small Hours",
                duration_s=150.0 + 13 * i,
                valence=float(v),
                arousal=float(a),
                valence_sd=0.25,
                arousal_sd=0.18,
                tags=tags,
                gain_db=-3.2,
            )
        )
    return made


class ScriptedMusic:
    """Music of a scripted session; every command takes effect at once and is noted."""

    def __init__(
        self,
        commands: list[tuple[object, ...]],
        on_start: Callable[[Track], None],
    ) -> None:
        self.commands = commands
        self.on_start = on_start
        self.tracks = tracks()
        self.current = 0
        self.playing = True
        self.position = 0.0
        self.volume = 0.7
        self.pinned: int | None = None
        self.policy: Policy = "follow"
        self.target: tuple[float, float] | None = None

    @property
    def track(self) -> Track:
        return self.tracks[self.current]

    def status(self) -> MusicStatus:
        queue = tuple(
            Suggestion(
                t,
                0.83 - 0.04 * i,
                48.0,
                0.2,
                ("mellow",),
                PINNED if t.id == self.pinned else "nearest",
            )
            for i, t in enumerate(self.tracks[self.current + 1 : self.current + 6])
        )
        return MusicStatus(
            player=PlayerState(
                track_id=self.track.id,
                position_s=min(self.position, self.track.duration_s),
                duration_s=self.track.duration_s,
                playing=self.playing,
                volume=self.volume,
                device="scripted double",
            ),
            track=self.track,
            why=Suggestion(self.track, 0.83, 48.0, 0.2, ("mellow", "acoustic"), "nearest of 412"),
            queue=queue,
            policy=self.policy,
            target=self.target,
        )

    # --- MusicControl ---------------------------------------------------------------------------

    def play(self) -> None:
        self.playing = True
        self.commands.append(("play",))

    def pause(self) -> None:
        self.playing = False
        self.commands.append(("pause",))

    def skip(self) -> None:
        self.choose(self.tracks[(self.current + 1) % len(self.tracks)].id)
        self.commands.append(("skip",))

    def seek(self, position_s: float) -> None:
        self.position = position_s
        self.commands.append(("seek", position_s))

    def set_volume(self, volume: float) -> None:
        self.volume = volume
        self.commands.append(("set_volume", volume))

    def choose(self, track_id: int) -> None:
        self.current = next(i for i, t in enumerate(self.tracks) if t.id == track_id)
        self.position = 0.0
        self.on_start(self.track)
        self.commands.append(("choose", track_id))

    def pin(self, track_id: int, pinned: bool = True) -> None:
        self.pinned = track_id if pinned else None
        self.commands.append(("pin", track_id, pinned))

    def like(self, track_id: int, liked: bool = True) -> None:
        self.tracks = [replace(t, liked=liked) if t.id == track_id else t for t in self.tracks]
        self.commands.append(("like", track_id, liked))

    def ban(self, track_id: int, banned: bool = True) -> None:
        self.tracks = [replace(t, banned=banned) if t.id == track_id else t for t in self.tracks]
        self.commands.append(("ban", track_id, banned))

    def set_policy(self, policy: Policy) -> None:
        self.policy = policy
        self.commands.append(("set_policy", policy))

    def set_target(self, valence: float, arousal: float) -> None:
        self.target = (valence, arousal)
        self.commands.append(("set_target", valence, arousal))


class ScriptedSession:
    """A session whose state a test sets; time passes only in `advance`.

    Parameters
    ----------
    music : bool
        False for a session without music.
    """

    def __init__(
        self, n_channels: int = 8, rate_hz: float = 250.0, seed: int = 1, *, music: bool = True
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.rate_hz = rate_hz
        self.names = names_of(n_channels)
        self.montage = montage_of(self.names)
        self.start = 1000.0
        self.now = self.start
        self.connection = ConnectionState.STREAMING
        self.reason = ""
        self.state = State.OK
        self.reference: ReferenceKind | None = None
        self.reasons: tuple[str, ...] = ()
        self.confidence = 0.55
        self.standing: tuple[str, ...] = ()
        self.calibrated = True
        self.bad: set[str] = set()
        self.electrodes_version = 0
        self.commands: list[tuple[object, ...]] = []
        self.ended = False
        self.simulated = True
        self.recording: RecordingStatus | None = None
        self.messages: tuple[Message, ...] = ()
        self.marks: list[TimedEvent] = []
        self.foreign: list[Marker] = []
        self.estimates: list[AffectEstimate] = []
        self.baseline_left = 0.0
        self.paused = False
        self.record_folder: Path | None = Path("/recordings")
        n = int(60 * rate_hz)
        self._noise = self._eeg(n)
        self._music = ScriptedMusic(self.commands, self._note_track) if music else None
        if self._music is not None:
            self._note_track(self._music.track)

    @property
    def music(self) -> ScriptedMusic | None:
        return self._music

    @property
    def player(self) -> ScriptedMusic:
        """The music of a session that has some."""
        assert self._music is not None
        return self._music

    def _note_track(self, track: Track) -> None:
        self._note(TrackStart(track=track.title, track_id=track.id))

    def _eeg(self, n: int) -> NDArray[np.float32]:
        t = np.arange(n) / self.rate_hz
        white = self.rng.standard_normal((len(self.names), n))
        pink = np.cumsum(white, axis=1)
        pink -= np.apply_along_axis(
            lambda x: np.convolve(x, np.ones(200) / 200, mode="same"), 1, pink
        )
        eeg = 1.1 * pink + 1.5 * white
        envelope = 0.6 + 0.4 * np.sin(2 * np.pi * 0.13 * t)
        for i, place in enumerate(self.montage.positions):
            back = np.clip(0.4 - 6 * place[1], 0.1, 1.2)
            front = np.clip(8 * place[1] - 0.2, 0, 1)
            eeg[i] += 9 * back * envelope * np.sin(2 * np.pi * 10.2 * t + 3 * place[0])
            for at in np.arange(2.7, t[-1], 4.3):
                eeg[i] += 70 * front * np.exp(-(((t - at) / 0.09) ** 2))
        return eeg.astype(np.float32)

    def advance(self, seconds: float) -> None:
        """Let time pass; estimates come eight times a second."""
        until = self.now + seconds
        while self.now + 0.125 <= until + 1e-9:
            self.now += 0.125
            if self.connection is ConnectionState.STREAMING:
                self.estimates.append(self._estimate())
            if self._music is not None and self._music.playing:
                self._music.position += 0.125
            self.baseline_left = max(0.0, self.baseline_left - 0.125)
            if self.recording is not None and self.recording.active:
                r = self.recording
                grown = int(0.125 * self.rate_hz * 4 * len(self.names))
                self.recording = replace(
                    r, seconds=r.seconds + 0.125, size_bytes=r.size_bytes + grown
                )

    def _estimate(self) -> AffectEstimate:
        s = self.now - self.start
        v = 0.45 * np.sin(s / 17) + 0.12 * np.sin(s / 3.1)
        a = 0.4 * np.cos(s / 23) + 0.1 * np.sin(s / 2.3)
        mask = self._mask()
        ch = np.arange(len(self.names))[:, None]
        step = np.arange(12)[None, :]
        weight = np.exp(1.1 * np.sin(ch * 1.7 + s / 9) + 0.8 * np.cos(step / 2.1 - s / 4 + ch / 5))
        weight = np.where(mask[:, None], weight, 0.0)
        ok = self.state is State.OK
        return AffectEstimate(
            time=self.now,
            valence=float(v),
            arousal=float(a),
            valence_prob=float((v + 1) / 2),
            arousal_prob=float((a + 1) / 2),
            confidence=self.confidence if ok else 0.0,
            embedding=np.array([v, a, v * a, 0.1], dtype=np.float32),
            attention=(weight / weight.sum()).astype(np.float32),
            quality=float(mask.mean()),
            state=State.PAUSED if ok and self.paused else self.state,
            reading=self._reading(float(v), float(a)),
            reference=self.reference,
        )

    def _reading(self, v: float, a: float) -> PersonalReading:
        """Make three estimates as the session room would; decisions follow the confidence."""
        eeg = np.array([v + 1, a + 1]) / 2
        music = np.full(2, np.nan)
        if self._music is not None:
            music = np.array([self._music.track.valence + 1, self._music.track.arousal + 1]) / 2
        sure = self.confidence >= 0.2
        return PersonalReading(
            eeg_prob=eeg,
            music_prob=music,
            fused_prob=0.4 * eeg + 0.6 * music,
            eeg_weight=np.full(2, 0.4),
            confidence=np.full(2, self.confidence),
            eeg_confidence=np.full(2, self.confidence),
            decision=("high" if v > 0 else "low", "unsure") if sure else ("unsure", "unsure"),
            novelty=0.4,
            reasons=self.standing,
            calibrated=self.calibrated,
        )

    def _mask(self) -> NDArray[np.bool_]:
        return np.array([name not in self.bad for name in self.names])

    def _note(self, event: SessionEvent) -> None:
        self.marks.append((self.now, event))

    # --- SessionControl -------------------------------------------------------------------------

    def snapshot(self) -> SessionSnapshot:
        mask = self._mask()
        quality = np.where(mask, 0.95 - 0.4 * (np.arange(len(mask)) % 5 == 3), 0.1)
        window = FeatureWindow(
            bands=np.zeros((12, len(mask), 5), np.float32)
            + np.array([4.0, 3.2, 3.6, 1.8, 0.4], np.float32)
            + 0.3 * np.sin(self.now / 7 + np.arange(5), dtype=np.float64).astype(np.float32),
            mask=mask,
            quality=quality.astype(np.float32),
            time=self.now,
            state=self.state,
            index=int((self.now - self.start) * 8),
            electrodes_version=self.electrodes_version,
            reasons=self.reasons + tuple(f"{name}: line noise 50 Hz" for name in sorted(self.bad)),
        )
        elapsed = self.now - self.start
        expected = int(elapsed * self.rate_hz)
        baseline = np.stack(
            [
                np.zeros((len(mask), 5)) + np.array([4.0, 3.2, 3.6, 1.8, 0.4]),
                np.full((len(mask), 5), 0.35),
            ]
        ).astype(np.float32)
        info = StreamInfo(
            name="scripted",
            type="EEG",
            source_id="double",
            rate_hz=self.rate_hz,
            labels=self.names,
            units=("microvolts",) * len(self.names),
            montage=self.montage,
            simulated=self.simulated,
        )
        health = Health(
            state=self.connection,
            reason=self.reason,
            since=self.now - 3,
            nominal_hz=self.rate_hz,
            effective_hz=self.rate_hz - 0.02,
            expected=expected,
            received=expected,
        )
        return SessionSnapshot(
            clock=SessionClock(self.now, elapsed, paused=self.paused, ended=self.ended),
            stream=StreamStatus(info, health),
            model=ModelStatus(
                name="demo",
                summary="trained on simulated EEG, for demonstration until calibrated",
                profile="P01: 12 clips, above chance (p = .02)",
                band_names=BANDS,
                step_s=0.5,
                smoothing_s=4.0,
            ),
            affect=AffectStatus(
                window=window if self.estimates else None,
                estimate=self.estimates[-1] if self.estimates else None,
                latency_p50_ms=2.1,
                latency_p99_ms=7.4,
            ),
            baseline=BaselineStatus(baseline, self.baseline_left),
            music=self._music.status() if self._music is not None else None,
            recording=self.recording,
            messages=self.messages,
        )

    def traces(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        n = min(int(seconds * self.rate_hz), int((self.now - self.start) * self.rate_hz))
        end = int((self.now - self.start) * self.rate_hz)
        at = np.arange(end - n, end)
        return self.start + at / self.rate_hz, self._noise[:, at % self._noise.shape[1]]

    def history(self, seconds: float) -> list[AffectEstimate]:
        return [e for e in self.estimates if e.time >= self.now - seconds]

    def electrode_faults(self) -> dict[str, tuple[str, ...]]:
        return {name: ("line noise 50 Hz",) for name in self.names[3::5]}

    def due_in_s(self) -> float:
        return float("nan")

    def estimate_log(self) -> EstimateLog:
        log = EstimateLog()
        for estimate in self.estimates:
            log.add(estimate)
        return log

    def markers(self, first: int = 0) -> list[Marker]:
        return self.foreign[first:]

    def events(self) -> list[TimedEvent]:
        return list(self.marks)

    def set_paused(self, paused: bool) -> None:
        self.paused = paused
        self._note(SessionPause() if paused else SessionResume())
        self.commands.append(("set_paused", paused))

    def mark(self, note: str = "", time: float | None = None) -> float:
        at = self.now if time is None else time
        self.marks.append((at, Mark(note)))
        self.commands.append(("mark", note))
        return at

    def remove_mark(self, time: float) -> None:
        self._note(MarkRemoved(time))
        self.commands.append(("remove_mark", time))

    def cancel_baseline(self) -> None:
        self.baseline_left = 0.0
        self.commands.append(("cancel_baseline",))

    def rate(self, valence: float, arousal: float, **other: float) -> None:
        self._note(SelfReport(valence, arousal, **other))  # type: ignore[arg-type]
        self.commands.append(("rate", valence, arousal, other))

    def set_bad(self, channel: str, bad: bool = True) -> None:
        (self.bad.add if bad else self.bad.discard)(channel)
        self.electrodes_version += 1
        self.commands.append(("set_bad", channel, bad))

    def baseline(self, seconds: float = 60.0) -> None:
        self.baseline_left = seconds
        self._note(RestStart(seconds=seconds))
        self.commands.append(("baseline", seconds))

    def start_recording(self, folder: Path | None = None) -> None:
        self.record_folder = folder or self.record_folder
        if self.record_folder is None:
            return
        self.recording = RecordingStatus(str(self.record_folder / "sub-P001_eeg.xdf"), 4096, 0.0)
        self.commands.append(("start_recording",))

    def begin(self) -> None:
        self.commands.append(("begin",))

    def stop_recording(self) -> None:
        if self.recording is not None:
            self.recording = replace(self.recording, active=False)
        self.commands.append(("stop_recording",))

    def stop(self) -> None:
        self.stop_recording()
        self.ended = True
        self.commands.append(("stop",))


class WallSession(ScriptedSession):
    """A scripted session whose time passes by itself, at every snapshot."""

    def __init__(self, n_channels: int = 8, rate_hz: float = 250.0, seed: int = 1) -> None:
        super().__init__(n_channels, rate_hz, seed)
        self._wall = time.monotonic()

    def snapshot(self) -> SessionSnapshot:
        now = time.monotonic()
        passed = now - self._wall
        if passed >= 0.125:
            self.advance(passed)
            self._wall = now
        return super().snapshot()
