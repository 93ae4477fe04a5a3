"""``bci-affect simulate listener``: a simulated listener for calibration and closed loops."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.simulate_streams import (
    Blinks,
    Cap,
    Coupling,
    Duration,
    Effect,
    GainDrift,
    Person,
    Rate,
    Seed,
    publish_until_told,
)


def simulate_listener(
    duration: Duration = 7200.0,
    cap: Cap = "cyton",
    rate: Rate = 250.0,
    person: Person = 1,
    seed: Seed = 0,
    effect: Effect = 1.0,
    coupling: Coupling = 0.0,
    gain_drift_db: GainDrift = 0.0,
    blinks: Blinks = True,
    truth: Annotated[
        Path | None, typer.Option(help="New file for the ground truth, JSON lines.")
    ] = None,
) -> None:
    """Publish EEG of a simulated listener who responds to the music of a session.

    Start it, then 'bci-affect calibrate' or 'bci-affect live' in another terminal. The listener's
    mood follows the clips and tracks in the session's event stream.

    Example: bci-affect simulate listener --cap epoc --effect 3
    """
    from bci_affect.simulation import Artifacts, SessionPlan, cap_channels, publish_listener

    plan = SessionPlan(
        seconds=duration,
        channels=cap_channels(cap),
        rate_hz=rate,
        person=person,
        seed=seed,
        effect=effect,
        coupling=coupling,
        artifacts=Artifacts(blinks=blinks, jaw=blinks, gain_drift_db=gain_drift_db),
    )
    publish_until_told(plan, lambda stop: publish_listener(plan, stop, truth=truth))
