"""Terminal dashboard of a session: a live display, or plain lines through a pipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bci_affect.affect import DIMENSIONS
from bci_affect.app.keys import mark_on_key, reading_keys
from bci_affect.safe_text import make_console

if TYPE_CHECKING:
    from bci_affect.affect import PersonalReading
    from bci_affect.session import LiveSession, SessionSnapshot

_PERIOD_S = 0.25
_LINE_EVERY_S = 5.0
_STATE_STYLE = {
    "ok": "green",
    "warming": "yellow",
    "artifact": "yellow",
    "gap": "red",
    "lost": "red",
    "paused": "yellow",
}


def show(
    session: LiveSession,
    duration_s: float | None,
    console: Console | None = None,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Show a session until it ends, `duration_s` has passed, or Ctrl-C.

    In a terminal, M sets a mark, and a digit one with its meaning in `marks`.
    """
    with reading_keys(partial(mark_on_key, session, marks or {})):
        _show(session, duration_s, console or make_console())


def _show(session: LiveSession, duration_s: float | None, console: Console) -> None:
    until = time.monotonic() + (duration_s if duration_s is not None else float("inf"))
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8, transient=False) as live:
            while not _over(session, until):
                live.update(render(session.snapshot()))
            live.update(render(session.snapshot()))
    else:
        next_line = 0.0
        while not _over(session, until):
            if time.monotonic() >= next_line:
                console.print(line(session.snapshot()), soft_wrap=True, highlight=False)
                next_line = time.monotonic() + _LINE_EVERY_S
        console.print(line(session.snapshot()), soft_wrap=True, highlight=False)


def _over(session: LiveSession, until: float) -> bool:
    left = until - time.monotonic()
    return left <= 0 or session.wait(min(_PERIOD_S, left))


def line(snapshot: SessionSnapshot) -> str:
    """Return the state of the session as one line."""
    parts = [f"{snapshot.clock.elapsed_s:6.1f} s"]
    if snapshot.stream:
        health = snapshot.stream.health
        parts.append(f"{health.state.value}, {health.received} samples, {health.lost} lost")
        if health.reason:
            parts.append(health.reason)
    estimate = snapshot.affect.estimate
    if estimate is None:
        parts.append("no estimate yet")
    else:
        parts.append(
            f"[{estimate.state.value}] valence {estimate.valence:+.2f} arousal "
            f"{estimate.arousal:+.2f} confidence {estimate.confidence:.2f} quality "
            f"{estimate.quality:.2f}"
        )
        window = snapshot.affect.window
        if window is not None and estimate.state.value != "ok" and window.reasons:
            parts.append("; ".join(window.reasons))
        if estimate.reading is not None and estimate.state.value == "ok":
            parts += [": ".join(words) for words in three_estimates(estimate.reading)]
            parts += estimate.reading.reasons
    if snapshot.music and snapshot.music.track:
        parts.append(f"plays {snapshot.music.track.title}")
    if snapshot.messages and snapshot.messages[-1].text not in parts:
        parts.append(snapshot.messages[-1].text)
    return " | ".join(parts)


def three_estimates(reading: PersonalReading) -> list[tuple[str, str, str]]:
    """Return a line per dimension with the estimates of EEG, music and both, and the decision.

    Probabilities are of high; ``unsure`` is a decision.
    """
    said = []
    for j, name in enumerate(DIMENSIONS):
        music = reading.music_prob[j]
        alone = f"EEG {reading.eeg_prob[j]:.0%}, "
        alone += f"music {music:.0%}, " if music == music else "no music, "
        alone += f"both {reading.fused_prob[j]:.0%}"
        decided = f"{reading.decision[j]}; the EEG's share is {reading.eeg_weight[j]:.0%}"
        said.append((name, alone, decided))
    return said


def render(snapshot: SessionSnapshot) -> RenderableType:
    """Render a snapshot."""
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="bold", width=11)
    rows.add_column(width=40)
    rows.add_column()
    estimate = snapshot.affect.estimate
    reading = estimate is not None and estimate.state.value == "ok"
    for name, value in (
        ("valence", estimate.valence if estimate else float("nan")),
        ("arousal", estimate.arousal if estimate else float("nan")),
    ):
        color = "cyan" if reading else "bright_black"
        known = value == value
        bar = Bar(2.0, 1.0 + min(value, 0.0), 1.0 + max(value, 0.0), width=40, color=color)
        rows.add_row(name, bar if known else "", f"{value:+.2f}" if known else "no reading yet")
    if estimate is not None and estimate.reading is not None:
        style = "" if reading else "bright_black"
        for name, alone, decided in three_estimates(estimate.reading):
            rows.add_row(f"P({name})", Text(alone, style), Text(decided, style))
    if estimate is not None:
        rows.add_row(
            "confidence",
            Bar(1.0, 0.0, estimate.confidence, width=40, color="magenta"),
            f"{estimate.confidence:.2f}",
        )
        for reason in estimate.reading.reasons if estimate.reading is not None else ():
            rows.add_row("", Text(reason, "yellow"))
        state = estimate.state.value
        reasons = "; ".join(snapshot.affect.window.reasons) if snapshot.affect.window else ""
        rows.add_row("state", Text(state, _STATE_STYLE[state]), reasons)
        rows.add_row("attention", _attention(snapshot), "share of the encoder's weight")
    if music := snapshot.music:
        title = music.track.title if music.track else "-"
        player = music.player
        rows.add_row(
            "music",
            title,
            f"{player.position_s:.0f}/{player.duration_s:.0f} s "
            + (player.device or player.message or "no sound device: silent"),
        )
        if music.why:
            rows.add_row("why", music.why.rule, f"similarity {music.why.score:.2f}")
    shown = snapshot.stream.health.reason if snapshot.stream else ""
    messages = [Text(m.text, "yellow") for m in snapshot.messages[-3:] if m.text != shown]
    return Panel(Group(_head(snapshot), "", rows, *messages), title="bci_affect")


def _head(snapshot: SessionSnapshot) -> Text:
    text = Text()
    if snapshot.stream:
        info, health, affect = snapshot.stream.info, snapshot.stream.health, snapshot.affect
        badge = " SIMULATED " if info.simulated else ""
        text.append(badge, "reverse yellow")
        text.append(
            f"{info.name}  {health.state.value}  {health.nominal_hz:g} Hz nominal  "
            f"lost {health.lost} of {health.expected}  latency {affect.latency_p50_ms:.1f}/"
            f"{affect.latency_p99_ms:.1f} ms  {snapshot.clock.elapsed_s:.0f} s"
        )
        if health.reason:
            text.append(f"\n{health.reason}", "yellow")
    text.append(f"\n{snapshot.model.name}: {snapshot.model.summary}", "dim")
    return text


def _attention(snapshot: SessionSnapshot) -> str:
    estimate, stream = snapshot.affect.estimate, snapshot.stream
    if estimate is None or stream is None:
        return ""
    share = estimate.attention.sum(axis=1)
    best = np.argsort(share)[::-1][:4]
    return "  ".join(f"{stream.info.labels[index]} {share[index]:.0%}" for index in best)
