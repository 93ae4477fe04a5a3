"""``bci-affect simulate xdf`` and ``simulate stream``: a listener's session with known truth."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bci_affect.cli.output import print_json
from bci_affect.ending import handle_signals
from bci_affect.safe_text import echo

if TYPE_CHECKING:
    from bci_affect.simulation import SessionPlan

Duration = Annotated[float, typer.Option(min=1.0, help="Seconds.")]
Cap = Annotated[
    str, typer.Option(help="muse, cyton, epoc, cap32, or electrodes separated by commas.")
]
Rate = Annotated[float, typer.Option(min=100.0, help="Samples per second.")]
Person = Annotated[int, typer.Option(help="Number of the simulated person.")]
Seed = Annotated[int, typer.Option(help="Number of the session of that person.")]
Effect = Annotated[
    float,
    typer.Option(min=0.0, help="Size of the effect of mood on the EEG: 1 as published, 0 none."),
]
Coupling = Annotated[
    float,
    typer.Option(
        min=0.0, max=10.0, help="Size of the effect of mood on the coupling between regions."
    ),
]
GainDrift = Annotated[
    float,
    typer.Option(
        "--gain-drift-db", min=0.0, max=12.0, help="Drift of each electrode's gain, dB (SD)."
    ),
]
StateS = Annotated[
    float, typer.Option(min=0.0, help="Seconds for which successive clips keep one mood.")
]
Mood = Annotated[str, typer.Option(help="Single mood of all clips: happy, sad, calm or tense.")]
ClipS = Annotated[float, typer.Option(min=2.0, help="Seconds of each piece of music.")]
Offset = Annotated[float, typer.Option(min=0.0, help="Electrode offsets in microvolts (SD).")]
Blinks = Annotated[bool, typer.Option(help="Blinks and jaw clenches.")]
Drop = Annotated[
    list[str] | None, typer.Option(metavar="AT:SECONDS", help="Drop samples; repeatable.")
]
Reset = Annotated[
    list[str] | None, typer.Option(metavar="AT:JUMP", help="Set the clock; repeatable.")
]
Flat = Annotated[
    list[str] | None, typer.Option(metavar="CHANNEL:AT", help="Detach an electrode; repeatable.")
]
Jitter = Annotated[float, typer.Option(min=0.0, help="Mean delay of packets, milliseconds.")]
RateError = Annotated[
    float, typer.Option(help="Deviation from the nominal rate: 0.01 is 1 % faster.")
]


def simulate_xdf(
    out: Annotated[Path, typer.Argument(help="New XDF file.", metavar="OUT.xdf")],
    duration: Duration = 120.0,
    cap: Cap = "cyton",
    rate: Rate = 250.0,
    person: Person = 1,
    seed: Seed = 0,
    effect: Effect = 1.0,
    coupling: Coupling = 0.0,
    clip_s: ClipS = 20.0,
    state_s: StateS = 0.0,
    mood: Mood = "",
    offset_uv: Offset = 0.0,
    gain_drift_db: GainDrift = 0.0,
    blinks: Blinks = True,
    drop: Drop = None,
    clock_reset: Reset = None,
    flat: Flat = None,
    jitter_ms: Jitter = 0.0,
    rate_error: RateError = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a simulated session with EEG, events and ratings, and its ground truth.

    Example: bci-affect simulate xdf s.xdf --duration 300 --drop 30:2 --flat C3:60
    """
    from bci_affect.simulation import simulate_xdf as write

    plan = _plan(**_given(locals()))
    done = write(out, plan)
    if as_json:
        print_json({"path": str(out), **done})
    else:
        echo(
            f"{out}: {done['seconds']:g} s, {done['samples']:,} samples, {done['events']} events, "
            f"{done['bytes']:,} bytes"
        )


def simulate_stream(
    duration: Duration = 3600.0,
    cap: Cap = "cyton",
    rate: Rate = 250.0,
    person: Person = 1,
    seed: Seed = 0,
    effect: Effect = 1.0,
    coupling: Coupling = 0.0,
    clip_s: ClipS = 20.0,
    state_s: StateS = 0.0,
    mood: Mood = "",
    offset_uv: Offset = 0.0,
    gain_drift_db: GainDrift = 0.0,
    blinks: Blinks = True,
    drop: Drop = None,
    clock_reset: Reset = None,
    flat: Flat = None,
    jitter_ms: Jitter = 0.0,
    rate_error: RateError = 0.0,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the EEG stream has a receiver.")
    ] = True,
) -> None:
    """Publish a simulated session over LSL, as a headset would.

    Example: bci-affect simulate stream --cap muse --rate 256 --jitter-ms 20
    """
    from bci_affect.simulation import simulate_stream as publish

    plan = _plan(**_given(locals()))
    publish_until_told(plan, lambda stop: publish(plan, stop, wait=wait))


def publish_until_told(plan: SessionPlan, publish: Callable[[threading.Event], int]) -> None:
    """Publish until the end, Ctrl-C or SIGTERM; print the stream and the number of samples."""
    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()

    handle_signals(end)
    echo(f"Publishing 'Simulated EEG' ({len(plan.channels)} ch, {plan.rate_hz:g} Hz).", err=True)
    sent = publish(stop)
    echo(f"{sent:,} samples sent.", err=True)


_PLAN_ARGUMENTS = (
    *("duration", "cap", "rate", "person", "seed", "effect", "coupling", "clip_s", "state_s"),
    *("mood", "offset_uv", "gain_drift_db", "blinks"),
    *("drop", "clock_reset", "flat", "jitter_ms", "rate_error"),
)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in _PLAN_ARGUMENTS}


def _plan(
    *,
    duration: float,
    cap: str,
    rate: float,
    person: int,
    seed: int,
    effect: float,
    coupling: float,
    clip_s: float,
    state_s: float,
    mood: str,
    offset_uv: float,
    gain_drift_db: float,
    blinks: bool,
    drop: list[str] | None,
    clock_reset: list[str] | None,
    flat: list[str] | None,
    jitter_ms: float,
    rate_error: float,
) -> SessionPlan:
    from bci_affect.simulation import Artifacts, SessionPlan, cap_channels, parse_faults

    return SessionPlan(
        seconds=duration,
        channels=cap_channels(cap),
        rate_hz=rate,
        person=person,
        seed=seed,
        effect=effect,
        coupling=coupling,
        clip_s=clip_s,
        state_s=state_s,
        mood=mood,
        rest_s=min(10.0, duration / 6),
        artifacts=Artifacts(
            blinks=blinks, jaw=blinks, offset_uv=offset_uv, gain_drift_db=gain_drift_db
        ),
        faults=parse_faults(drop or (), clock_reset or (), flat or (), jitter_ms, rate_error),
    )
