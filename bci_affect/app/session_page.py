"""Report of a session: one HTML page, made from its `SessionRecord`.

The page shows the estimates of EEG and music with their certainty, the played music with reasons,
and the policy: a sham is revealed here and nowhere before.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect import __version__
from bci_affect.affect import DIMENSIONS
from bci_affect.app.session_record import Heard, SessionRecord, heard
from bci_affect.event_log import marks
from bci_affect.events import MusicChoice, MusicCommand, SelfReport, SessionStart
from bci_affect.storage import write_atomically
from bci_affect.training import (
    GREY,
    HIGH,
    LOW,
    MAX_POINTS,
    MUSIC,
    break_at_gaps,
    new_figure,
    quality_figure,
    to_svg,
    topography_figure,
)

MOST_MARKERS = 200
"""Markers of other programs that a page lists; the others are counted."""
POLICIES = {
    "follow": "music that fits the EEG of the moment",
    "steer": "a path from the present mood to a target",
    "music-only": "music by its own likeness or a target; the EEG had no say",
    "manual": "by hand",
    "calibration": "clips of a calibration",
    "by hand": "by hand",
}


def write_session_report(
    path: Path, record: SessionRecord, calibration: Mapping[str, Any] | None = None
) -> None:
    """Write a session's page; an existing file is not overwritten.

    Parameters
    ----------
    path : Path
        New file.
    record : SessionRecord
    calibration : mapping, optional
        Summary of the profile's newest calibration, for the words of its verdict.

    Raises
    ------
    BciAffectError
        If the file exists or cannot be written.
    """
    write_atomically(path, render(record, calibration), overwrite=False)


def render(record: SessionRecord, calibration: Mapping[str, Any] | None = None) -> str:
    """Return the page of a session."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("bci_affect.app", "."),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tracks = heard(record)
    start = float(record.time[0])
    return environment.get_template("session_report.html.j2").render(
        record=record,
        version=__version__,
        made=dt.datetime.fromtimestamp(time.time()).strftime("%Y-%m-%d %H:%M"),
        began=_date(record.began),
        length=minutes(float(record.time[-1]) - start),
        readings=f"{100 * record.ok.mean():.0f} %",
        quality=f"{100 * np.mean(record.quality):.0f} %",
        reveal=reveal(record, tracks),
        verdicts=_verdicts(calibration),
        tracks=[_row(one, start) for one in tracks],
        trajectories=_trajectories(record, tracks),
        agreement=_agreement(tracks),
        reports=_reports(record, start),
        markers=[(minutes(at - start), text) for at, text in record.markers[:MOST_MARKERS]],
        n_markers=len(record.markers),
        has_eeg=bool(np.isfinite(record.eeg[record.ok]).any()),
        has_music=bool(np.isfinite(record.music[record.ok]).any()),
        n_reports=sum(math.isfinite(one.reported[0]) for one in tracks),
        quality_figure=quality_figure(record.time, record.quality),
        topography_figure=topography_figure(record.channels, record.positions, record.attention),
        marks=[(minutes(at - start), event.note) for at, event in marks(record.events)],
    )


def _date(unix_s: float) -> str:
    """Return the local date and time of a Unix time; "" if it is unknown."""
    if not math.isfinite(unix_s):
        return ""
    return dt.datetime.fromtimestamp(unix_s).strftime("%Y-%m-%d %H:%M")


def _reports(record: SessionRecord, start: float) -> list[tuple[str, str, str]]:
    """Return time, valence and arousal of every self-report, with music or without."""
    return [
        (minutes(at - start), f"{event.valence:.1f}", f"{event.arousal:.1f}")
        for at, event in record.events
        if isinstance(event, SelfReport)
    ]


def minutes(seconds: float) -> str:
    """Return seconds as ``m:ss``."""
    whole = round(seconds)
    return f"{'-' if whole < 0 else ''}{abs(whole) // 60}:{abs(whole) % 60:02d}"


def reveal(record: SessionRecord, tracks: Sequence[Heard]) -> list[str]:
    """Return sentences on the choice of music, including facts hidden during the session."""
    said: list[str] = []
    policies: list[str] = []
    for _, event in record.events:
        policy = (
            event.policy if isinstance(event, SessionStart | MusicChoice | MusicCommand) else None
        )
        if policy and (not policies or policies[-1] != policy):
            policies.append(policy)
    for policy in policies:
        if policy == "sham":
            said.append(
                "This was a sham session: the music was chosen without regard to the EEG, and the "
                "screen looked as if it followed it."
            )
            choices = [event for _, event in record.events if isinstance(event, MusicChoice)]
            yoked = next((choice.yoked for choice in choices if choice.yoked), None)
            said.append(
                f"It played the choices of another session again ({yoked})."
                if yoked
                else "Choices were drawn at random, by the rules that following has."
            )
        else:
            said.append(f"How music was chosen: {policy} ({POLICIES.get(policy, 'unknown')}).")
    if not said:
        clips = any(one.policy == "calibration" for one in tracks)
        said.append(
            "The music was the clips of a calibration."
            if clips
            else "There was no music, or the recording does not state how it was chosen."
        )
    return said


def _verdicts(calibration: Mapping[str, Any] | None) -> list[str]:
    """Return the calibration's verdict on this person's EEG, in its own words."""
    if calibration is None:
        return [
            "The session had no calibrated profile: the relation of this EEG to mood is unknown."
        ]
    return [
        str(found.get("verdict") or f"{name.capitalize()}: not calibrated. {found.get('refused')}")
        for name, found in calibration.get("dimensions", {}).items()
    ]


def _row(one: Heard, start: float) -> dict[str, str]:
    """Row of the table of tracks; probabilities of high in percent."""

    def places(values: tuple[float, float], form: str) -> str:
        if not math.isfinite(values[0]):
            return ""
        return " / ".join(form.format(value) for value in values)

    return {
        "at": minutes(one.start - start),
        "seconds": f"{one.stop - one.start:.0f}",
        "title": one.title,
        "policy": one.policy,
        "rule": one.rule,
        "intended": places(one.intended, "{:+.2f}"),
        "music": places(one.music, "{:.0%}"),
        "eeg": places(one.eeg, "{:.0%}"),
        "fused": places(one.fused, "{:.0%}"),
        "reported": places(one.reported, "{:.1f}"),
    }


def _trajectories(record: SessionRecord, tracks: Sequence[Heard]) -> str:
    """Probability of high over the session: EEG, music, both; tracks shaded, reports as dots."""
    figure, panels = new_figure(9.0, 5.2, 3)
    for axes in panels[1:]:
        axes.sharex(panels[0])
    start = float(record.time[0])
    rows = np.flatnonzero(record.ok)[:: max(1, int(record.ok.sum()) // MAX_POINTS)]
    x = (record.time[rows] - start) / 60
    for j, (axes, name) in enumerate(zip(panels[:2], DIMENSIONS, strict=True)):
        for i, one in enumerate(tracks):
            edges = ((one.start - start) / 60, (one.stop - start) / 60)
            axes.axvspan(*edges, color=GREY, alpha=0.06 + 0.08 * (i % 2), linewidth=0)
        for values, colour, width, word in (
            (
                record.music,
                MUSIC,
                3.5,
                "music",
            ),  # below the fused line, which often equals it
            (record.fused, HIGH, 1.4, "both"),
            (record.eeg, "black", 1.0, "EEG"),
        ):
            if len(rows) and np.isfinite(values[rows, j]).any():
                line = break_at_gaps(x, values[rows, j])
                axes.plot(*line, color=colour, linewidth=width, label=word)
        for at, event in record.events:
            if isinstance(event, SelfReport):
                report = (event.valence, event.arousal)[j]
                colour = GREY if report == 5 else (LOW, HIGH)[report > 5]
                place = ((at - start) / 60, (report - 1) / 8)
                axes.plot(*place, "o", color=colour, markersize=6, zorder=4)
        lines = [at for at, _ in marks(record.events)] + [at for at, _ in record.markers]
        for at in lines[:MOST_MARKERS]:
            axes.axvline((at - start) / 60, color=GREY, linewidth=0.7, linestyle="--")
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.set(ylim=(-0.03, 1.03), ylabel=f"P(high {name})")
        axes.tick_params(labelbottom=False)  # minutes are below the lowest one
    if len(rows):
        panels[0].legend(
            frameon=False, fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1, 1)
        )
        panels[2].plot(*break_at_gaps(x, record.confidence[rows]), color=LOW, linewidth=1)
    panels[2].set(ylim=(0, 1), ylabel="confidence", xlabel="minutes")
    return to_svg(figure)


def _agreement(tracks: Sequence[Heard]) -> str:
    """Prediction against report of each reported track; "" without reports."""
    known = [one for one in tracks if math.isfinite(one.reported[0])]
    if not known:
        return ""
    figure, panels = new_figure(5.6, 5.6, 2)
    for j, (axes, name) in enumerate(zip(panels, DIMENSIONS, strict=True)):
        said = np.array([one.reported[j] for one in known])
        for values, colour, marker, word in (
            ([one.eeg[j] for one in known], "black", "o", "EEG"),
            ([one.music[j] for one in known], MUSIC, "s", "music"),
            ([one.fused[j] for one in known], HIGH, "|", "both"),
        ):
            axes.scatter(said, values, color=colour, marker=marker, label=word, alpha=0.8)
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.axvline(5, color=GREY, linewidth=0.8)
        axes.set(xlim=(0.5, 9.5), ylim=(-0.03, 1.03), ylabel=f"P(high {name})")
    panels[1].set_xlabel("your report, 1 to 9")
    panels[0].legend(frameon=False, fontsize=8, ncols=3)
    return to_svg(figure)
