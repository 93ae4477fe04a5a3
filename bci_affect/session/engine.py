"""The live session: its threads, its queues, and the handle that a window holds on it.

Three threads, each with one duty, so that the data path never waits for disk, network, music or
screen (invariant 7 of the design):

- ``bci-eeg`` reads chunks and makes estimates. It hands them on and never waits for anybody.
- ``bci-out`` (`writer`) writes estimates to the CSV file, the recording and the LSL outlets.
- ``bci-music`` (`music_desk`) chooses and plays; the newest estimate wins.

Whoever draws asks for a snapshot when it likes.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectEstimate, AffectPath, EstimateCsv, EstimateLog
from bci_affect.eeg import FeatureWindow
from bci_affect.errors import BciAffectError
from bci_affect.session.commands import SessionCommands
from bci_affect.session.control import Policy
from bci_affect.session.history import EstimateHistory
from bci_affect.session.parts import Music, NormaliserStore, Notify, OnEvent, Publishing, Recording
from bci_affect.session.realtime import RealtimeMode
from bci_affect.session.result_writer import ResultWriter
from bci_affect.session.snapshot import Message, SessionSnapshot
from bci_affect.streams import (
    ConnectionState,
    EndOfStream,
    Marker,
    Source,
    StreamInfo,
    XdfSource,
    local_clock,
)

_LOG = logging.getLogger(__name__)
_READ_S = 0.2


class LiveSession(SessionCommands):
    """A running session; fulfils `bci_affect.session.control.SessionControl`.

    Parameters
    ----------
    source : Source
        Where the EEG comes from; opened by `start`.
    make_path : callable
        Builds the `AffectPath` once the stream's rate and channels are known.
    model_name, model_summary, profile : str
        What the snapshot says of them.
    make_music : callable, optional
        Builds the music; gets a function that reports a sentence and one that takes events.
    publisher : Publishing, optional
        LSL outlets of the results.
    estimates : EstimateCsv, optional
        CSV file of the results; closed at the end.
    recording : Recording, optional
        Recorder of the session, idle until `start_recording`.
    normalisers : NormaliserStore, optional
        Saves the normaliser for the person's next session, once a minute and at the end, and gives
        the event that records the session's initial normalisation.
    policy : str
        How music is chosen at the start.
    target : (float, float), optional
        Target of steering.
    """

    def __init__(
        self,
        source: Source,
        make_path: Callable[[StreamInfo], AffectPath],
        *,
        model_name: str,
        model_summary: str,
        profile: str = "",
        make_music: Callable[[Notify, OnEvent], Music] | None = None,
        publisher: Publishing | None = None,
        estimates: EstimateCsv | None = None,
        recording: Recording | None = None,
        normalisers: NormaliserStore | None = None,
        policy: Policy = "follow",
        target: tuple[float, float] | None = None,
    ) -> None:
        self._source = source
        self._make_path = make_path
        self._model_name = model_name
        self._model_summary = model_summary
        self._profile = profile
        self._recording = recording
        self._normalisers = normalisers
        self._policy = policy
        self._target = target
        self._path: AffectPath | None = None
        self._info: StreamInfo | None = None
        self._lock = threading.Lock()
        self._history = EstimateHistory()
        self._messages: deque[Message] = deque(maxlen=50)
        self._events: list[tuple[float, str]] = []
        self._commands: deque[Callable[[AffectPath], None]] = deque()
        self._writer = ResultWriter(
            estimates,
            publisher,
            recording,
            playing=self._playing,
            notify=lambda text: self._say("error", text),
            chore=self._save_normaliser,
        )
        self._told = 0  # messages of the pipeline that were handed on
        self._baseline_end: float | None = None
        self._baseline: NDArray[np.float32] | None = None
        self._paused = False
        self._played = False  # whether music played when the break began
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._realtime = RealtimeMode()
        self._started = float("nan")
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        self._replayed = isinstance(source, XdfSource)
        self._behind = 0.0  # this machine's clock minus the recording's, where one is replayed
        self._music = make_music(self.warn, self._heard) if make_music else None

    # ---- life ---------------------------------------------------------------------------------

    def start(self, timeout_s: float, *, record: bool = False) -> StreamInfo:
        """Open the source, waiting at most `timeout_s`, and begin.

        With `record`, the recording has every sample from the first on, so that it gives the very
        windows of the live run when it is processed.

        Raises
        ------
        BciAffectError
            If no stream is found, or the model cannot use it; nothing has been started then.
        """
        if record and self._recording:
            self._recording.start(self._source)
        self._realtime.enable()
        try:
            info = self._source.open(timeout_s)
            self._path = self._make_path(info)
        except BaseException:
            self._realtime.disable()
            self._source.close()
            if self._recording:
                self._recording.discard()
            raise
        # The electrode map of the settings may know places that the stream does not.
        self._info = replace(info, montage=self._path.pipeline.montage)
        self._started = local_clock()
        self._record_normalisation()
        self._writer.start()
        self._thread = threading.Thread(target=self._run_eeg, name="bci-eeg", daemon=True)
        self._thread.start()
        if self._music:
            self._music.start()
        begin: dict[str, object] = {"event": "session_start", "model": self._model_name}
        begin |= {"profile": self._profile} if self._profile else {}
        begin |= {"policy": self._policy} if self._music else {}
        self._event(begin)
        return self._info

    def stop(self) -> None:
        """End the session: finish recording and files, silence the music, release the stream."""
        if self._stop.is_set():
            self._ended.wait(10)
            return
        self._event({"event": "session_stop"})
        self._stop.set()
        if self._music:
            self._music.close()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._source.close()
        self._writer.close()
        self._realtime.disable()
        self._ended.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source is at its end or the session has stopped; tell whether it has."""
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
                # What does not need the next samples is done before they come.
                for marker in self._source.markers():
                    self._writer.put(marker)
                if self._music:
                    path.estimator.set_music(self._music.logits())
                chunk = self._source.read(_READ_S)
                if chunk is None:
                    state = self._source.health.state
                    if streaming and state not in (
                        ConnectionState.STREAMING,
                        ConnectionState.CONNECTING,
                    ):
                        streaming = False
                        self._lose()
                    continue
                streaming = True
                if self._replayed:
                    self._behind = local_clock() - float(chunk.times[-1])
                results = path.push(chunk)
                self._source.awaited = float(chunk.times[-1]) + path.pipeline.due_s
                done = self._now()
                for window, estimate in results:
                    self._take(window, estimate, done, done - float(chunk.times[-1]))
                if results:
                    self._watch(path, results[-1][0].time)
        except EndOfStream:
            self.tell("The recording is at its end.")
        except BciAffectError as error:
            self.failure = error
            self._say("error", str(error))
        except Exception as error:
            self.failure = error
            _LOG.exception("the data path failed")
            self._say("error", f"The data path failed: {error}. Please report this.")

    def _take(
        self, window: FeatureWindow, estimate: AffectEstimate, done: float, latency_s: float
    ) -> None:
        self._history.add(window, estimate, done, latency_s)
        if self._music and not self._paused:
            self._music.offer(estimate)
        self._writer.put(estimate)

    def _watch(self, path: AffectPath, time: float) -> None:
        """Hand on what the pipeline found, and end a baseline whose time has come."""
        messages = path.pipeline.messages
        for text in messages[self._told :]:
            self.warn(text)
        self._told = len(messages)
        if self._baseline_end is not None and time >= self._baseline_end:
            self._baseline_end = None
            normaliser = path.estimator.normaliser
            self._baseline = np.stack((normaliser.mean, normaliser.sd)).astype(np.float32)
            self._event({"event": "rest_stop"}, time)
            self.tell("The baseline is measured.")
        if path.estimator.personal.wants_baseline:
            self.warn("The EEG has drifted from the calibration: measure a new 60 s baseline.")

    def _lose(self) -> None:
        """Say that the stream is gone: the last reading stays, marked as no reading."""
        lost = self._history.mark_lost()
        if lost is None:
            return
        if self._music:
            self._music.offer(lost)
        self._writer.put(lost)

    def _save_normaliser(self) -> None:
        """Save the person's normalisation.

        The EEG thread runs meanwhile: means and spreads may be one hop apart, of minutes.
        """
        if self._normalisers and self._path and self._info:
            self._normalisers.save(self._info.labels, self._path.estimator.normaliser)

    def _record_normalisation(self) -> None:
        """Record the state from which the normalisation starts, as an event."""
        if self._normalisers and self._path and self._info:
            self._event(
                self._normalisers.start_event(self._info.labels, self._path.estimator.normaliser)
            )

    def _playing(self) -> str:
        if not self._music:
            return ""
        player, *_ = self._music.state()
        return "" if player.track_id is None else str(player.track_id)

    # ---- what is said -------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        """Show the user a sentence."""
        self._say("info", text)

    def warn(self, text: str) -> None:
        """Show the user a warning."""
        self._say("warning", text)

    def _say(self, level: str, text: str) -> None:
        with self._lock:
            if not self._messages or self._messages[-1].text != text:
                self._messages.append(Message(self._now(), level, text))

    def _now(self) -> float:
        """Return the time on the clock of the EEG: the recording's, where one is replayed."""
        return local_clock() - self._behind

    def _heard(self, fields: dict[str, object], time: float | None) -> None:
        """Take an event of the music, which knows this machine's clock only."""
        self._event(fields, None if time is None else time - self._behind)

    def _event(self, fields: dict[str, object], time: float | None = None) -> None:
        """Keep an event, publish it, and record it: one JSON object."""
        at = self._now() if time is None else time
        text = json.dumps(fields, ensure_ascii=False)
        with self._lock:
            self._events.append((at, text))
        self._writer.put(Marker(at, text))

    # ---- SessionControl: look -----------------------------------------------------------------

    def snapshot(self) -> SessionSnapshot:
        """Return everything that is shown, of one moment."""
        now = self._now()
        health = self._source.health if self._info else None
        music = self._music.state() if self._music else (None, None, None, ())
        path = self._path
        window, estimate = self._history.newest()
        p50, p99 = self._history.latency_ms()
        with self._lock:
            return SessionSnapshot(
                time=now,
                info=self._info,
                health=health,
                model_name=self._model_name,
                model_summary=self._model_summary,
                profile=self._profile,
                policy="follow" if self._policy == "sham" else self._policy,  # blinded
                target=self._target,
                window=window,
                estimate=estimate,
                latency_p50_ms=p50,
                latency_p99_ms=p99,
                player=music[0],
                track=music[1],
                why=music[2],
                queue=music[3],
                recording=self._recording.status() if self._recording else None,
                messages=tuple(self._messages),
                elapsed_s=local_clock() - self._started,
                ended=self._ended.is_set() or bool(self._thread and not self._thread.is_alive()),
                band_names=tuple(path.settings.bands) if path else (),
                step_s=path.settings.window.step_s if path else math.nan,
                smoothing_s=path.smoothing_s if path else math.nan,
                baseline=self._baseline,
                baseline_left_s=max(0.0, (self._baseline_end or now) - now),
                paused=self._paused,
            )

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

    def estimate_log(self) -> EstimateLog:
        """Return all estimates of the session in short."""
        return self._history.estimate_log()

    def events(self) -> list[tuple[float, str]]:
        """Return everything marked so far."""
        with self._lock:
            return list(self._events)
