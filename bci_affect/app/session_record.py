"""Record of a session: estimates, events and electrodes, from a running session or its recording.

Intended, predicted and reported affect are kept separate: the aim of the choice of music, the
predictions of music and EEG (each alone, and fused), and the listener's reports.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import time as unix_time

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectPath, Array, BreakHold, EstimateLog, music_log_odds
from bci_affect.eeg import Chunk
from bci_affect.errors import BciAffectError
from bci_affect.event_log import Breaks, MusicSpan, PlayedMusic, TimedEvent, uninterrupted
from bci_affect.events import ClipStart, MusicChoice, SelfReport, SessionStart, TrackStart
from bci_affect.session import SessionControl
from bci_affect.streams import StreamInfo, XdfSource, read_to_end

_NAN = float("nan")


@dataclass(frozen=True)
class SessionRecord:
    """A session, or its recording after the live path.

    Attributes
    ----------
    name : str
        Name of the recording, or of the stream.
    profile, model : str
    simulated : bool
    channels : tuple of str
    positions : ndarray, shape (n_channels, 3)
    time : ndarray, shape (n,)
        LSL times of the estimates.
    ok : ndarray of bool, shape (n,)
        True for readings.
    eeg, music, fused : ndarray, shape (n, 2)
        Probability of high valence and arousal: EEG alone, music alone, both; NaN where unknown.
    confidence, quality : ndarray, shape (n,)
    attention : ndarray, shape (n_channels,)
        Mean share of each electrode.
    events : tuple of (float, SessionEvent)
        LSL time and event, in order.
    source : Path or None
        The recording.
    markers : tuple of (float, str)
        LSL time and text of the markers of other programs, in order.
    began : float
        Unix time of the session; NaN where it is unknown.
    """

    name: str
    profile: str
    model: str
    simulated: bool
    channels: tuple[str, ...]
    positions: NDArray[np.float32]
    time: Array
    ok: NDArray[np.bool_]
    eeg: Array
    music: Array
    fused: Array
    confidence: Array
    quality: Array
    attention: Array
    events: tuple[TimedEvent, ...]
    source: Path | None = None
    markers: tuple[tuple[float, str], ...] = ()
    began: float = _NAN


def of_session(control: SessionControl) -> SessionRecord:
    """Return the record of a session, running or ended.

    Raises
    ------
    BciAffectError
        If it has no estimate yet.
    """
    snapshot = control.snapshot()
    estimates = control.estimate_log()
    if snapshot.stream is None or not len(estimates):
        raise BciAffectError("There is nothing to report yet: the session has no estimate.")
    recording = snapshot.recording
    return _record(
        snapshot.stream.info,
        estimates,
        control.events(),
        profile=snapshot.model.profile,
        model=snapshot.model.name,
        source=Path(recording.path) if recording is not None else None,
        markers=[(marker.time, marker.text) for marker in control.markers()],
        began=unix_time() - (snapshot.clock.time - float(estimates.time[0])),
    )


def of_recording(
    path: Path,
    make_path: Callable[[StreamInfo], AffectPath],
    *,
    profile: str,
    model: str,
    stream: str | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> SessionRecord:
    """Return the record of a recording: runs the live path again, with the played music.

    Parameters
    ----------
    path : Path
    make_path : callable
        `bci_affect.session.path_factory`.
    profile, model : str
        Names for the page.
    stream : str, optional
        EEG stream, if there are several.
    progress : callable
        Called with the completed share.

    Raises
    ------
    BciAffectError
        If the file cannot be read or is too short for one estimate.
    """
    source = XdfSource(path, stream=stream, offline=True)
    info = source.open(0.0)
    live = make_path(info)
    events = source.recording.events()
    hold = BreakHold(Breaks(events))
    begin = next((at for at, event in events if isinstance(event, SessionStart)), -math.inf)
    music = PlayedMusic()
    estimates = EstimateLog()
    markers: list[tuple[float, str]] = []
    for chunk in read_to_end(source):
        arrived = source.markers()
        markers += [(m.time, m.text) for m in arrived if m.event is None]
        timed = [(m.time, m.event) for m in arrived if m.event is not None]
        for piece, now in _pieces(chunk, timed):
            for time, event in now:
                music.push(time, event)
            live.estimator.set_music(_log_odds(music.audible))
            for step in live.push(piece):
                if step.estimate.time >= begin:  # before it the contact was checked
                    estimates.add(hold.apply(step).estimate)
        progress(source.position_s / max(source.duration_s, 1e-9))
    source.close()
    if not len(estimates):
        raise BciAffectError(f"{path.name} is too short to hold one window of EEG.")
    return _record(
        info,
        estimates,
        events,
        profile=profile,
        model=model,
        source=path,
        markers=markers,
        began=file_date(source.recording.file_header),
    )


def _record(
    info: StreamInfo,
    estimates: EstimateLog,
    events: Iterable[TimedEvent],
    *,
    profile: str,
    model: str,
    source: Path | None,
    markers: Iterable[tuple[float, str]] = (),
    began: float = _NAN,
) -> SessionRecord:
    return SessionRecord(
        name=source.name if source else info.name,
        profile=profile,
        model=model,
        simulated=info.simulated,
        channels=info.labels,
        positions=info.montage.positions,
        time=estimates.time,
        ok=estimates.ok,
        eeg=estimates.eeg,
        music=estimates.music,
        fused=estimates.fused,
        confidence=estimates.confidence,
        quality=estimates.quality,
        attention=estimates.attention,
        events=tuple(sorted(events, key=lambda pair: pair[0])),
        source=source,
        markers=tuple(sorted(markers)),
        began=began,
    )


def file_date(header: str) -> float:
    """Return the Unix time in an XDF file's header; NaN if it has none that can be read.

    Examples
    --------
    >>> file_date("<info><datetime>1970-01-02T00:00:00+0000</datetime></info>")
    86400.0
    """
    found = re.search(r"<datetime>\s*([^<]{1,40}?)\s*</datetime>", header)
    try:
        return dt.datetime.fromisoformat(found[1]).timestamp() if found else _NAN
    except ValueError:
        return _NAN


def _pieces(chunk: Chunk, events: Sequence[TimedEvent]) -> Iterator[tuple[Chunk, list[TimedEvent]]]:
    """Cut a chunk at events; yield each piece with the events that take effect before it."""
    start, waiting = 0, list(events)
    while start < len(chunk.times):
        now = [one for one in waiting if one[0] <= chunk.times[start]]
        waiting = waiting[len(now) :]
        stop = np.searchsorted(chunk.times, waiting[0][0]) if waiting else len(chunk.times)
        piece = slice(start, max(int(stop), start + 1))
        gap = chunk.gap_before if start == 0 else 0.0
        samples, times = chunk.samples[:, piece], chunk.times[piece]
        yield replace(chunk, samples=samples, times=times, gap_before=gap), now
        start = piece.stop


def _log_odds(music: TrackStart | ClipStart | None) -> Array | None:
    """Return the music's prediction, log-odds (2,); None if unknown or without music."""
    valence, arousal = _place(music)
    return None if np.isnan([valence, arousal]).all() else music_log_odds(valence, arousal)


def _place(music: TrackStart | ClipStart | None) -> tuple[float, float]:
    """Return valence and arousal of music, NaN if unknown."""
    mood = (None, None) if music is None else music.mood
    valence, arousal = (_NAN if value is None else value for value in mood)
    return valence, arousal


@dataclass(frozen=True)
class Heard:
    """Track or clip of a session, with intended, predicted and reported affect.

    Attributes
    ----------
    start, stop : float
        LSL times.
    title : str
    policy : str
        Policy that chose it.
    intended : (float, float)
        Valence and arousal in [-1, 1] at which the choice aimed; NaN without an aim.
    music, eeg, fused : (float, float)
        Predictions of the music, the EEG, and both: mean probability of high, NaN if unknown.
    reported : (float, float)
        The listener's report, 1-9; NaN without one.
    rule : str
        Reason of the choice.
    """

    start: float
    stop: float
    title: str
    policy: str
    intended: tuple[float, float]
    music: tuple[float, float]
    eeg: tuple[float, float]
    fused: tuple[float, float]
    reported: tuple[float, float]
    rule: str


def heard(record: SessionRecord) -> list[Heard]:
    """Return the played tracks in order; a report belongs to the last track that began before."""
    played = PlayedMusic(record.events).played
    choices, reports = _choices_and_reports(record.events)
    return [_heard(record, one, choices[i], reports.get(i)) for i, one in enumerate(played)]


def _choices_and_reports(
    events: Iterable[TimedEvent],
) -> tuple[list[MusicChoice | None], dict[int, SelfReport]]:
    """Return the choice behind each piece of music, and the last report of some."""
    choices: list[MusicChoice | None] = []
    reports: dict[int, SelfReport] = {}
    newest: MusicChoice | None = None
    for _, event in events:
        if isinstance(event, MusicChoice):
            newest = event
        elif isinstance(event, TrackStart | ClipStart):
            mine = isinstance(event, TrackStart) and newest and newest.track == event.track_id
            choices.append(newest if mine else None)
        elif isinstance(event, SelfReport) and choices:
            reports[len(choices) - 1] = event
    return choices, reports


def _heard(
    record: SessionRecord, one: MusicSpan, choice: MusicChoice | None, report: SelfReport | None
) -> Heard:
    stop = min(one.stop, float(record.time[-1]))
    rows = np.zeros(len(record.time), np.bool_)
    for begin, end in uninterrupted(one.start, stop, one.pauses):
        rows |= record.ok & (record.time >= begin) & (record.time <= end)
    clip = isinstance(one.music, ClipStart)
    policy = choice.policy if choice else "calibration" if clip else ""
    return Heard(
        start=one.start,
        stop=stop,
        title=one.music.title or one.music.track or "?",
        policy=policy,
        intended=(_aim(choice) if choice else None) or _place(one.music if clip else None),
        music=_mean(record.music, rows),
        eeg=_mean(record.eeg, rows),
        fused=_mean(record.fused, rows),
        reported=(report.valence, report.arousal) if report else (_NAN, _NAN),
        rule=choice.rule if choice else "",
    )


def _aim(choice: MusicChoice) -> tuple[float, float] | None:
    """Return the valence and arousal at which a choice aimed; None for a sham."""
    if choice.policy == "sham":
        return None
    aims = {"steer": choice.waypoint, "follow": choice.mood}
    aim = aims.get(choice.policy, choice.target)
    return None if aim is None else (aim[0] or 0.0, aim[1] or 0.0)


def _mean(values: Array, rows: NDArray[np.bool_]) -> tuple[float, float]:
    picked = values[rows]
    picked = picked[np.isfinite(picked).all(axis=1)]
    if not len(picked):
        return _NAN, _NAN
    return float(picked[:, 0].mean()), float(picked[:, 1].mean())
