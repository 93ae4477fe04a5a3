"""What a session was: estimates, events and electrodes, from a running session or its recording.

Intended, predicted and reported affect are kept apart all the way: what the choice of music aimed
at, what music and EEG said (each alone, and both), and what the listener reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.affect import AffectPath, Array, EstimateLog, music_log_odds
from bci_affect.errors import BciAffectError
from bci_affect.session import SessionControl
from bci_affect.streams import EndOfStream, StreamInfo, XdfSource

_NAN = float("nan")
Event = dict[str, object]


@dataclass(frozen=True)
class SessionRecord:
    """A session, or its recording after the live path.

    Attributes
    ----------
    name : str
        Of the recording, or of the stream.
    profile, model : str
    simulated : bool
    channels : tuple of str
    positions : ndarray, shape (n_channels, 3)
    time : ndarray, shape (n,)
        LSL times of the estimates.
    ok : ndarray of bool, shape (n,)
        Which of them are readings.
    eeg, music, fused : ndarray, shape (n, 2)
        Probability of high valence and arousal: EEG alone, music alone, both; NaN where unknown.
    confidence, quality : ndarray, shape (n,)
    attention : ndarray, shape (n_channels,)
        Mean share of each electrode.
    events : tuple of (float, dict)
        LSL time and event, in order.
    source : Path or None
        The recording.
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
    events: tuple[tuple[float, Event], ...]
    source: Path | None = None


def of_session(control: SessionControl) -> SessionRecord:
    """Take down a session, running or ended.

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
        [(time, _event(text)) for time, text in control.events()],
        profile=snapshot.model.profile,
        model=snapshot.model.name,
        source=Path(recording.path) if recording is not None else None,
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
    """Take down a recording: its EEG goes through the live path again, with the music it heard.

    Parameters
    ----------
    path : Path
    make_path : callable
        `bci_affect.session.path_factory`.
    profile, model : str
        What the page says of them.
    stream : str, optional
        EEG stream, where there are several.
    progress : callable
        Takes the share that is done.

    Raises
    ------
    BciAffectError
        If the file cannot be read or is too short for one estimate.
    """
    source = XdfSource(path, stream=stream, speed=float("inf"))
    info = source.open(0.0)
    live = make_path(info)
    estimates = EstimateLog()
    while True:
        try:
            chunk = source.read(1.0)
        except EndOfStream:
            break
        for marker in source.markers():
            _hear(live, _event(marker.text))
        if chunk is not None:
            for _, estimate in live.push(chunk):
                estimates.add(estimate)
            progress(source.position_s / max(source.duration_s, 1e-9))
    events = [(m.time, _event(m.text)) for m in source.recording.markers()]
    source.close()
    if not len(estimates):
        raise BciAffectError(f"{path.name} is too short to hold one window of EEG.")
    return _record(info, estimates, events, profile=profile, model=model, source=path)


def _record(
    info: StreamInfo,
    estimates: EstimateLog,
    events: Iterable[tuple[float, Event]],
    *,
    profile: str,
    model: str,
    source: Path | None,
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
        events=tuple(sorted(((t, e) for t, e in events if e), key=lambda pair: pair[0])),
        source=source,
    )


def _event(text: str) -> Event:
    """Read an event; {} for a marker that is none."""
    try:
        event = json.loads(text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _hear(live: AffectPath, event: Event) -> None:
    """Let the live path know what the playing music predicts, as the session did."""
    if event.get("event") in ("track_start", "clip_start"):
        place = place_of(event, "") if "valence" in event else place_of(event, "intended_")
        live.estimator.set_music(None if np.isnan(place).all() else music_log_odds(*place))
    elif event.get("event") in ("track_stop", "clip_stop", "session_stop"):
        live.estimator.set_music(None)


def place_of(event: Event, prefix: str) -> tuple[float, float]:
    """Valence and arousal that an event names, NaN where it does not."""
    values = (event.get(f"{prefix}valence"), event.get(f"{prefix}arousal"))
    found = [float(v) if isinstance(v, int | float) else _NAN for v in values]
    return found[0], found[1]


@dataclass(frozen=True)
class Heard:
    """One track or clip of a session, with what was intended, predicted and reported of it.

    Attributes
    ----------
    start, stop : float
        LSL times.
    title : str
    policy : str
        How it came to be played.
    intended : (float, float)
        Valence and arousal in [-1, 1] that the choice aimed at; NaN where it aimed at nothing.
    music, eeg, fused : (float, float)
        What the music, the EEG and both predicted: mean probability of high, NaN where unknown.
    reported : (float, float)
        The listener's own word, 1-9; NaN where there was none.
    rule : str
        Why it was chosen.
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
    """List what was played, in order; a report belongs to what began last before it."""
    found: list[tuple[float, Event, dict[str, object]]] = []
    choice: dict[str, object] = {}
    reports: dict[int, tuple[float, float]] = {}
    stops: dict[int, float] = {}
    for time, event in record.events:
        kind = event.get("event")
        if kind == "music_choice":
            choice = event
        elif kind in ("track_start", "clip_start"):
            if found and len(found) - 1 not in stops:
                stops[len(found) - 1] = time
            mine = choice if choice.get("track") == event.get("track_id") else {}
            found.append((time, event, mine))
        elif kind in ("track_stop", "clip_stop") and found:
            stops.setdefault(len(found) - 1, time)
        elif kind == "rating" and found:
            reports[len(found) - 1] = place_of(event, "")
    out = []
    for i, (start, event, mine) in enumerate(found):
        stop = stops.get(i, float(record.time[-1]))
        rows = record.ok & (record.time >= start) & (record.time <= stop)
        intended = place_of(event, "intended_")
        policy = str(
            mine.get("policy", "calibration" if event.get("event") == "clip_start" else "")
        )
        aim = mine.get({"steer": "waypoint", "follow": "mood"}.get(policy, "target"))
        if policy != "sham" and isinstance(aim, list) and len(aim) == 2:
            intended = (float(aim[0] or 0.0), float(aim[1] or 0.0))
        out.append(
            Heard(
                start=start,
                stop=stop,
                title=str(event.get("title") or event.get("track") or "?"),
                policy=policy,
                intended=intended,
                music=_mean(record.music, rows),
                eeg=_mean(record.eeg, rows),
                fused=_mean(record.fused, rows),
                reported=reports.get(i, (_NAN, _NAN)),
                rule=str(mine.get("rule", "")),
            )
        )
    return out


def _mean(values: Array, rows: NDArray[np.bool_]) -> tuple[float, float]:
    picked = values[rows]
    picked = picked[np.isfinite(picked).all(axis=1)]
    if not len(picked):
        return _NAN, _NAN
    return float(picked[:, 0].mean()), float(picked[:, 1].mean())
