"""Live session: its threads, its queues, and the handle that a window holds on it.

Three threads, each with one duty, so that the data path never waits for disk, network, music or
screen (invariant 7 of the design):

- ``bci-eeg`` reads chunks, makes estimates, and passes them on without waiting.
- ``bci-out`` (`result_writer`) writes estimates to the CSV file, the recording and the LSL outlets.
- ``bci-music`` (`dj.music_thread`) chooses and plays; the newest estimate wins.

A window polls snapshots at its own pace.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import (
    AffectEstimate,
    AffectPath,
    AffectStep,
    BreakHold,
    EstimateCsv,
    EstimateLog,
    Personalisation,
    PersonalModel,
    ReferenceKind,
    RestNormaliser,
)
from bci_affect.eeg import FeatureWindow, State
from bci_affect.errors import BciAffectError
from bci_affect.event_log import REST_KINDS, Breaks, PlayedMusic, TimedEvent
from bci_affect.events import (
    ChannelUse,
    Mark,
    MarkRemoved,
    MusicPaused,
    RecordingStart,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    SessionPause,
    SessionResume,
    SessionStart,
    SessionStop,
    TrackStart,
)
from bci_affect.session.history import EstimateHistory
from bci_affect.session.parts import (
    NormaliserStore,
    Notify,
    OnEvent,
    Publishing,
    Recording,
    SessionMusic,
)
from bci_affect.session.realtime import RealtimeMode
from bci_affect.session.result_feed import ResultFeed
from bci_affect.session.result_writer import ResultWriter
from bci_affect.session.snapshot import (
    AffectStatus,
    BaselineStatus,
    Level,
    Message,
    ModelStatus,
    SessionClock,
    SessionSnapshot,
    StreamStatus,
)
from bci_affect.streams import (
    ConnectionState,
    EndOfStream,
    Marker,
    Source,
    StreamInfo,
    XdfSource,
    local_clock,
)

logger = logging.getLogger(__name__)
_READ_S = 0.2
_SHOWN_MARKERS = 2000
_START_S = 2.0  # a reading may come this much later than the warm-up takes


class MissingReading(NamedTuple):
    """Reason for a session without any reading.

    Attributes
    ----------
    text : str
        Sentence for the user.
    too_short : bool
        True if the session was shorter than the first reading takes.
    """

    text: str
    too_short: bool


class LiveSession:
    """A running session; fulfils `bci_affect.session.control.SessionControl`.

    Commands return at once: what concerns the data path is queued for its thread.

    Parameters
    ----------
    source : Source
        Where the EEG comes from; opened by `start`.
    make_path : callable
        Builds the `AffectPath` once the stream's rate and channels are known.
    model_name, model_summary, profile : str
        As the snapshot shows them.
    make_music : callable, optional
        Builds the music from `notify` and a callback for events.
    publisher : Publishing, optional
        LSL outlets of the results.
    estimates : EstimateCsv, optional
        CSV file of the results; closed at the end.
    recording : Recording, optional
        Recorder of the session, idle until `start_recording`.
    normalisers : NormaliserStore, optional
        Saves the normaliser for the person's next session, once a minute and at the end, and gives
        the event that records the session's initial normalisation.
    realtime : bool
        Change the process for low latency while the session runs; see `RealtimeMode`.

    Examples
    --------
    >>> import bci_affect as ba
    >>> from bci_affect.resources import shipped
    >>> with ba.live(ba.XdfSource(shipped("recordings/demo.xdf"), speed=50.0)) as session:
    ...     _ = session.mark("a note")
    ...     estimate = next(session.estimates(timeout_s=10.0))
    >>> session.snapshot().clock.ended
    True
    """

    def __init__(
        self,
        source: Source,
        make_path: Callable[[StreamInfo], AffectPath],
        *,
        model_name: str,
        model_summary: str,
        profile: str = "",
        make_music: Callable[[Notify, OnEvent], SessionMusic] | None = None,
        publisher: Publishing | None = None,
        estimates: EstimateCsv | None = None,
        recording: Recording | None = None,
        normalisers: NormaliserStore | None = None,
        realtime: bool = True,
    ) -> None:
        self._source = source
        self._make_path = make_path
        self._model = ModelStatus(model_name, model_summary, profile)
        self._recording = recording
        self._normalisers = normalisers
        self._path: AffectPath | None = None
        self._info: StreamInfo | None = None
        self._lock = threading.Lock()
        self._history = EstimateHistory()
        self._messages: deque[Message] = deque(maxlen=50)
        self._events: list[TimedEvent] = []
        self._breaks = Breaks()
        self._markers: list[Marker] = []
        self._hold = BreakHold(self._breaks)
        self._commands: deque[Callable[[AffectPath], None]] = deque()
        self._writer = ResultWriter(
            estimates,
            publisher,
            recording,
            playing=self._playing,
            notify=self.notify,
            chore=self._save_normaliser,
        )
        self._n_notified = 0  # messages of the pipeline that were passed on
        self._remark = ""  # of the source, the last one that was passed on
        self._last_reason = ""  # of an interruption at the end
        self._lasted_s = 0.0
        self._baseline_end: float | None = None
        self._baseline: NDArray[np.float32] | None = None
        self._paused = False
        self._plays_after_baseline = False
        self._played = False  # whether music played when the break began
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._realtime = RealtimeMode() if realtime else None
        feed = (self._describe_stream, self.raise_failure)
        self._estimates: ResultFeed[AffectEstimate] = ResultFeed(*feed)
        self._windows: ResultFeed[FeatureWindow] = ResultFeed(*feed)
        self._started = float("nan")  # time of `begin`
        self._counts_from = math.inf  # time of the first estimate that counts
        self._stopped_at = float("nan")  # this machine's clock
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        self._replayed = isinstance(source, XdfSource)
        self._behind = 0.0  # this machine's clock minus the recording's, where one is replayed
        self._music = make_music(self.notify, self._music_event) if make_music else None

    def __repr__(self) -> str:
        name = self._info.name if self._info else "not started"
        state = "ended" if self._ended.is_set() else self._source.health.state
        return f"LiveSession({name!r}, model={self._model.name!r}, {state})"

    # ---- life ---------------------------------------------------------------------------------

    def start(self, timeout_s: float, *, record: bool = False, begin: bool = True) -> StreamInfo:
        """Open the source, waiting at most `timeout_s`, and begin.

        With `record`, the recording has every sample from the first on, so that
        processing it yields the windows of the live run.

        Without `begin`, the EEG is read for a check of the contact only: clock, music, estimates
        and events of the session follow when `begin` is called.

        Raises
        ------
        BciAffectError
            If no stream is found, or the model cannot use it; nothing has been started then.
        """
        if record and self._recording:
            self._recording.start(self._source)
        if self._realtime:
            self._realtime.enable()
        try:
            info = self._source.open(timeout_s)
            self._path = self._make_path(info)
        except BaseException:
            if self._realtime:
                self._realtime.disable()
            self._source.close()
            if self._recording:
                self._recording.discard()
            raise
        # The electrode map of the settings may have positions that the stream lacks.
        self._info = replace(info, montage=self._path.pipeline.montage)
        self._model = replace(
            self._model,
            band_names=tuple(self._path.settings.bands),
            step_s=self._path.settings.window.step_s,
            smoothing_s=self._path.smoothing_s,
        )
        self._record_normalisation()
        self._writer.start()
        self._thread = threading.Thread(target=self._run_eeg, name="bci-eeg", daemon=True)
        if begin:
            self.begin()
        self._thread.start()
        return self._info

    def begin(self) -> None:
        """Begin the session proper, after a check of the contact; safe to call twice."""
        checked = self._thread is not None and self._thread.is_alive()
        start = self._now()
        with self._lock:
            if self._begun:
                return
            self._started = local_clock()
            self._counts_from = start if checked else -math.inf
        if self._music:
            self._music.start()
        self.emit_event(
            SessionStart(
                model=self._model.name,
                profile=self._model.profile or None,
                policy=self._music.policy if self._music else None,
            ),
            start,
        )

    @property
    def _begun(self) -> bool:
        return not math.isnan(self._started)

    def stop(self) -> None:
        """End the session: finish recording and files, silence the music, release the stream."""
        if self._stop.is_set():
            self._ended.wait(10)
            return
        self.emit_event(SessionStop())
        self._stop_clock()
        self._lasted_s = self._stopped_at - self._started if self._begun else 0.0
        if self._source.health.state not in (ConnectionState.STREAMING, ConnectionState.STOPPED):
            self._last_reason = self._source.health.reason
        self._stop.set()
        if self._music:
            self._music.close()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._source.close()
        self._writer.close()
        if self._recording and not self._begun:
            self._recording.discard()
        if self._realtime:
            self._realtime.disable()
        self._close_feeds()
        self._ended.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended or the session was stopped; return whether it has."""
        if self._thread:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    # ---- threads ------------------------------------------------------------------------------

    def _run_eeg(self) -> None:
        path = self._path
        assert path is not None
        streaming = True
        try:
            while not self._stop.is_set():
                while self._commands:
                    self._commands.popleft()(path)
                # Work that does not need the next samples is done before they arrive.
                self._keep_markers(self._source.markers())
                if self._music:
                    path.estimator.set_music(self._music.log_odds())
                chunk = self._source.read(_READ_S)
                if chunk is None:
                    state = self._source.health.state
                    if streaming and state not in (
                        ConnectionState.STREAMING,
                        ConnectionState.CONNECTING,
                    ):
                        streaming = False
                        self._emit_lost()
                    continue
                streaming = True
                if self._replayed:
                    self._behind = local_clock() - float(chunk.times[-1])
                steps = path.push(chunk)
                self._source.awaited = float(chunk.times[-1]) + path.pipeline.due_s
                done = self._now()
                for step in steps:
                    self._emit(step, done, done - float(chunk.times[-1]))
                if steps:
                    self._poll_pipeline(path, steps[-1].window.time)
        except EndOfStream:
            self.notify("info", "The recording is at its end.")
        except BciAffectError as error:
            self.failure = error
            self.notify("error", str(error))
        except Exception as error:
            self.failure = error
            logger.exception("the data path failed")
            self.notify("error", f"The data path failed: {error}. Please report this.")
        finally:
            self._stop_clock()
            self._close_feeds()

    def _emit(self, step: AffectStep, done: float, latency_s: float) -> None:
        """Pass a step on to snapshots, music and writer."""
        step = self._hold.apply(step)
        begun = self._begun and step.estimate.time >= self._counts_from
        self._history.add(step.window, step.estimate, done, latency_s, logged=begun)
        if not begun:
            return
        if self._music and not self._paused:
            self._music.offer(step.estimate)
        self._writer.put(step.estimate)
        self._estimates.push(step.estimate)
        self._windows.push(step.window)

    def _poll_pipeline(self, path: AffectPath, time: float) -> None:
        """Pass on the pipeline's messages, and end a baseline that is due."""
        messages = path.pipeline.messages
        for text in messages[self._n_notified :]:
            self.notify("warning", text)
        self._n_notified = len(messages)
        health = self._source.health
        if health.state is ConnectionState.STREAMING and health.reason != self._remark:
            self._remark = health.reason
            if self._remark:
                self.notify("warning", self._remark)
        if self._baseline_end is not None and time >= self._baseline_end:
            self._baseline_end = None
            self._show_baseline(path)
            self.emit_event(RestStop(), time)
            self.notify("info", "The baseline is measured.")
            self._play_after_baseline()
        if path.estimator.personal.wants_baseline:
            self.notify(
                "warning", "The EEG has drifted from the calibration: measure a new 60 s baseline."
            )

    def _keep_markers(self, markers: list[Marker]) -> None:
        """Keep the markers of other programs for the window; the recording has all of them."""
        for marker in markers:
            if marker.event is not None or len(self._markers) >= _SHOWN_MARKERS:
                continue
            if self._replayed and marker in self._markers:
                continue  # a replay has moved back
            self._markers.append(marker)
            if len(self._markers) == _SHOWN_MARKERS:
                self.notify(
                    "warning",
                    f"More than {_SHOWN_MARKERS:,} markers were received, the last from "
                    f"'{marker.stream}'; further ones are recorded, and not shown.",
                )

    def _show_baseline(self, path: AffectPath) -> None:
        """Make the bands' mean and spread at rest part of the snapshot."""
        normaliser = path.estimator.normaliser
        self._baseline = np.stack((normaliser.mean, normaliser.sd)).astype(np.float32)

    def _emit_lost(self) -> None:
        """Emit the last estimate again, marked as lost, because the stream is gone."""
        begun = self._begun
        lost = self._history.mark_lost(logged=begun)
        if lost is None or not begun:
            return
        if self._music:
            self._music.offer(lost)
        self._writer.put(lost)
        self._estimates.push(lost)

    def _save_normaliser(self) -> None:
        """Save the person's normalisation.

        The EEG thread runs meanwhile: means and spreads may be one hop apart, of minutes.
        """
        if self._normalisers and self._path and self._info:
            self._normalisers.save(self._info.labels, self._path.estimator.normaliser)

    def _record_normalisation(self) -> None:
        """Record the state from which the normalisation starts, as an event."""
        normaliser = self._path.estimator.normaliser if self._path else None
        stored = isinstance(normaliser, RestNormaliser) and normaliser.kind is ReferenceKind.STORED
        if self._path and stored:
            self._show_baseline(self._path)
        if self._normalisers and self._path and self._info:
            self.emit_event(
                self._normalisers.start_event(self._info.labels, self._path.estimator.normaliser)
            )

    def _playing(self) -> str:
        if not self._music:
            return ""
        player = self._music.status().player
        return "" if player.track_id is None else str(player.track_id)

    # ---- messages and events ------------------------------------------------------------------

    def notify(self, level: Level, text: str) -> None:
        """Show the user a sentence; a repetition of the last one is dropped."""
        with self._lock:
            if not self._messages or self._messages[-1].text != text:
                self._messages.append(Message(self._now(), level, text))

    def _now(self) -> float:
        """Return the time on the clock of the EEG: the recording's, where one is replayed."""
        return self._wall() - self._behind

    def _elapsed_s(self) -> float:
        """Return the length of the session so far; the place in the file where one is replayed."""
        if not self._begun:
            return 0.0
        if isinstance(self._source, XdfSource) and math.isinf(self._counts_from):
            return self._source.position_s
        return max(0.0, self._wall() - self._started)

    def _stop_clock(self) -> None:
        if math.isnan(self._stopped_at):
            self._stopped_at = local_clock()

    def _wall(self) -> float:
        """Return the time on this machine's clock, which stops at the end of the session."""
        return local_clock() if math.isnan(self._stopped_at) else self._stopped_at

    def _music_event(self, event: SessionEvent, time: float | None) -> None:
        """Emit an event of the music, whose times are on this machine's clock."""
        self.emit_event(event, None if time is None else time - self._behind)

    def emit_event(self, event: SessionEvent, time: float | None = None) -> None:
        """Store, publish and record an event.

        Parameters
        ----------
        event : SessionEvent
        time : float, optional
            LSL time; now where None.
        """
        timed = (self._now() if time is None else time, event)
        with self._lock:
            self._events.append(timed)
            self._breaks.push(*timed)
        self._writer.put(timed)

    # ---- SessionControl: state ----------------------------------------------------------------

    @property
    def music(self) -> SessionMusic | None:
        """Commands to the music; None for a session without music."""
        return self._music

    def snapshot(self) -> SessionSnapshot:
        """Return the session's state at this moment."""
        now = self._now()
        info = self._info
        stream = (
            StreamStatus(info, self._source.health, tuple(self._source.side_streams()))
            if info
            else None
        )
        music = self._music.status() if self._music else None
        affect = AffectStatus(*self._history.newest(), *self._history.latency_ms())
        over = bool(self._thread and self._thread.ident and not self._thread.is_alive())
        with self._lock:
            return SessionSnapshot(
                clock=SessionClock(
                    time=now,
                    elapsed_s=self._elapsed_s(),
                    paused=self._paused,
                    ended=self._ended.is_set() or over,
                ),
                stream=stream,
                model=self._model,
                affect=affect,
                baseline=BaselineStatus(
                    self._baseline, max(0.0, (self._baseline_end or now) - now)
                ),
                music=music,
                recording=self._recording.status() if self._recording else None,
                messages=tuple(self._messages),
            )

    def missing_reading(self) -> MissingReading | None:
        """Return the reason why the session has no reading so far; None if it has one.

        An estimate in a break that would be a reading elsewhere counts as one.
        """
        log = self._history.estimate_log()
        paused = any(e.state is State.PAUSED for e in self._history.history(math.inf))
        if self._path is None or paused or log.ok.any():
            return None
        needed_s = self._path.pipeline.warm_up_s + _START_S
        eeg_s = float(np.ptp(log.time)) if len(log) else 0.0
        faults = [f"{n}: {', '.join(f)}" for n, f in self._path.pipeline.quality_reasons.items()]
        reasons = "; ".join(dict.fromkeys(filter(None, (self._remark, self._last_reason, *faults))))
        if max(eeg_s, self._lasted_s) < needed_s and not self._last_reason:
            reasons = f"the first one takes {needed_s:.0f} s"
            return MissingReading(f"The session ended without a reading ({reasons}).", True)
        reasons = reasons or "no EEG arrived"
        return MissingReading(
            f"The session gave no reading in {len(log)} estimates ({reasons.rstrip('.')}).", False
        )

    def electrode_faults(self) -> dict[str, tuple[str, ...]]:
        """Return electrodes with faults, used or not, and the faults in words."""
        return self._path.pipeline.quality_reasons if self._path else {}

    def due_in_s(self) -> float:
        """Return in how many seconds the EEG is expected that the next estimate needs."""
        return self._source.due - local_clock()

    def latencies_ms(self) -> NDArray[np.float64]:
        """Return the last minute's moments of estimates and their latencies, shape (2, n)."""
        return self._history.latencies_ms()

    def traces(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the newest filtered EEG: times (n,) and microvolts (n_channels, n)."""
        if self._path is None:
            return np.empty(0), np.empty((0, 0), np.float32)
        return self._path.pipeline.traces(seconds)

    def history(self, seconds: float) -> list[AffectEstimate]:
        """Return the newest estimates, oldest first."""
        return self._history.history(seconds)

    def estimates(
        self, timeout_s: float | None = 10.0, duration_s: float | None = None
    ) -> Iterator[AffectEstimate]:
        """Return an iterator over the estimates from now on, which ends with the session.

        Parameters
        ----------
        timeout_s : float, optional
            Longest wait for an estimate; None waits without limit.
        duration_s : float, optional
            Seconds after which the iteration ends.

        Raises
        ------
        StreamTimeout
            If no estimate arrived within `timeout_s`.
        BciAffectError
            At the end, if the session failed.
        """
        return self._estimates.results(timeout_s, duration_s)

    def windows(
        self, timeout_s: float | None = 10.0, duration_s: float | None = None
    ) -> Iterator[FeatureWindow]:
        """Return an iterator over the feature windows from now on; see `estimates`."""
        return self._windows.results(timeout_s, duration_s)

    def _close_feeds(self) -> None:
        self._estimates.close()
        self._windows.close()

    def _describe_stream(self) -> str:
        health = self._source.health
        return f"the stream is {health.state}{f' ({health.reason})' if health.reason else ''}"

    def raise_failure(self) -> None:
        """Raise the error that ended the session, if one did, as `BciAffectError`."""
        if isinstance(self.failure, BciAffectError):
            raise self.failure
        if self.failure is not None:
            raise BciAffectError(f"The session ended early: {self.failure}.") from self.failure

    def estimate_log(self) -> EstimateLog:
        """Return a compact log of all estimates of the session."""
        return self._history.estimate_log()

    def events(self) -> list[TimedEvent]:
        """Return all events so far."""
        with self._lock:
            return list(self._events)

    def markers(self, first: int = 0) -> list[Marker]:
        """Return the markers of other programs from number `first` on, the first 2,000 at most."""
        return self._markers[first:]

    # ---- SessionControl: commands -------------------------------------------------------------

    def mark(self, note: str = "", time: float | None = None) -> float:
        """Put a mark with a note at an LSL time, now where None; return its time."""
        at = self._now() if time is None else time
        self.emit_event(Mark(note), at)
        return at

    def remove_mark(self, time: float) -> None:
        """Remove the mark of this LSL time; the recording keeps both events."""
        self.emit_event(MarkRemoved(time))

    def rate(self, valence: float, arousal: float, **other: float) -> None:
        """Store a self-report on 1-9."""
        if unknown := set(other) - {"dominance", "familiarity", "liking"}:
            raise BciAffectError(
                f"A self-report has no scale '{min(unknown)}'; it may have dominance, familiarity "
                "and liking."
            )
        values: dict[str, Any] = {"valence": valence, "arousal": arousal, **other}
        wrong = [name for name, value in values.items() if not 1 <= value <= 9]
        if wrong:
            self.notify(
                "warning",
                f"A self-report goes from 1 to 9; {', '.join(wrong)} does not and is not kept.",
            )
            return
        self.emit_event(SelfReport(**values))

    def emit_calibration_event(self, event: SessionEvent) -> None:
        """Store, publish and record an event of a guided calibration.

        Its rests with open eyes become the reference of models that need the person's rest.
        """
        time = self._now()
        if isinstance(event, RestStart) and event.kind in REST_KINDS:
            self._commands.append(lambda path: path.begin_rest(time))
        elif isinstance(event, RestStop) and event.kind in REST_KINDS:
            self._commands.append(lambda path: path.end_rest(time))
        self.emit_event(event, time)

    def set_bad(self, channel: str, bad: bool = True) -> None:
        """Exclude a channel by hand, or return it to automatic quality control."""
        self._commands.append(lambda path: path.pipeline.set_bad(channel, bad))
        self.emit_event(ChannelUse(channel, bad))

    def personalise(self, personal: PersonalModel) -> None:
        """Use another personal model from the next estimate on."""
        if self._path is None:
            return
        predictor = self._path.tuned(personal)  # here, as it is too slow for the data path
        self._commands.append(lambda path: path.personalise(Personalisation(personal), predictor))

    def baseline(self, seconds: float = 60.0) -> None:
        """Measure a rest baseline from now on, without music, and normalise by it."""
        start = self._now()
        if self._music and self._music.status().player.playing:
            self._music.pause()
            self._plays_after_baseline = True
        self._commands.append(lambda path: path.baseline(start, start + seconds))
        self._baseline_end = start + seconds
        self.emit_event(RestStart(seconds=seconds), start)
        self.notify("info", f"Baseline: sit still with open eyes for {seconds:.0f} s.")

    def cancel_baseline(self) -> None:
        """Discard the baseline that is being measured; the earlier normalisation continues."""
        if self._baseline_end is None:
            return
        self._baseline_end = None
        self._commands.append(lambda path: path.cancel_baseline())
        self.emit_event(RestStop(complete=False))
        self.notify("info", "The baseline was cancelled; the earlier one is used.")
        self._play_after_baseline()

    def _play_after_baseline(self) -> None:
        if self._plays_after_baseline and self._music and not self._paused:
            self._music.play()
        self._plays_after_baseline = False

    def set_paused(self, paused: bool) -> None:
        """Pause or resume the session; EEG and recording continue in any case."""
        with self._lock:
            if paused is self._paused:
                return
            self._paused = paused
        self.emit_event(SessionPause() if paused else SessionResume())
        if self._music:
            if paused:
                self._played = self._music.status().player.playing
                self._music.offer(None)
                self._music.pause()
            elif self._played:
                self._music.play()

    @property
    def record_folder(self) -> Path | None:
        """Folder of the recordings; None until one is given."""
        return self._recording.folder if self._recording is not None else None

    def start_recording(self, folder: Path | None = None) -> None:
        """Begin a new recording file, in a folder that is used from now on where it is given."""
        if self._recording is not None and folder is not None:
            self._recording.folder = folder
        if self._recording is None or self._info is None or self._recording.folder is None:
            self.notify(
                "warning", "This session has no folder to record to; start it with --record DIR."
            )
            return
        try:
            self._recording.start(self._source)
            self.emit_event(RecordingStart(self._model.name))
            self._record_normalisation()
            self._record_state()
        except BciAffectError as error:
            self.notify("error", str(error))

    def _record_state(self) -> None:
        """Write into a new recording which track plays, and whether the session is paused."""
        now, events = self._now(), self.events()
        state: list[SessionEvent] = []
        span = PlayedMusic(events).track
        if span is not None and isinstance(span.music, TrackStart):
            player = self._music.status().player if self._music else None
            known = player is not None and player.track_id == span.music.track_id
            offset = player.position_s if player is not None and known else None
            state.append(replace(span.music, earlier=True, offset=offset))
            if span.pauses and math.isinf(span.pauses[-1][1]):
                one = span.music
                state.append(MusicPaused(one.track, one.artist, one.track_id, offset))
        if Breaks(events).covers(now):
            state.append(SessionPause())
        for event in state:
            if self._recording:
                self._recording.event(event, now)

    def stop_recording(self) -> None:
        """Finish the recording's file, with all events so far in it."""
        self._writer.finish_recording()
