"""``bci-affect simulate listener``: somebody to try a calibration or a closed loop on."""

from __future__ import annotations

import signal
import threading
from typing import Any

import typer

from bci_affect.cli.simulate_streams import Blinks, Cap, Duration, Effect, Person, Rate, Seed


def simulate_listener(
    duration: Duration = 7200.0,
    cap: Cap = "cyton",
    rate: Rate = 250.0,
    person: Person = 1,
    seed: Seed = 0,
    effect: Effect = 1.0,
    blinks: Blinks = True,
) -> None:
    """Publish EEG of a listener who feels what your session plays, over LSL.

    Start it, then 'bci-affect calibrate' or 'bci-affect live' in another terminal: its mood follows
    the clips and tracks that the session announces on its event stream.

    Example: [bold]bci-affect simulate listener --cap epoc --effect 3[/bold]
    """
    from bci_affect.streams import synthetic
    from bci_affect.streams.listener import publish_listener
    from bci_affect.streams.simulator import Artifacts

    plan = synthetic.SessionPlan(
        seconds=duration,
        channels=synthetic.cap(cap),
        rate_hz=rate,
        person=person,
        seed=seed,
        effect=effect,
        artifacts=Artifacts(blinks=blinks, jaw=blinks),
    )
    stop = threading.Event()

    def end(*_: Any) -> None:
        stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    typer.echo(f"Publishing 'Simulated EEG' ({len(plan.channels)} ch, {rate:g} Hz).", err=True)
    sent = publish_listener(plan, stop)
    typer.echo(f"{sent:,} samples sent.", err=True)
