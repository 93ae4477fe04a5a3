"""``simulate deap``: people listening to music, in DEAP's layout, with known structure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bci_affect.cli.output import print_json
from bci_affect.safe_text import echo


def simulate_deap(
    out: Annotated[Path, typer.Argument(help="New folder for s01.dat ... and stimuli/.")],
    subjects: Annotated[int, typer.Option(min=1, max=99, help="Number of people.")] = 32,
    trials: Annotated[int, typer.Option(min=2, max=40, help="Music videos per person.")] = 40,
    seconds: Annotated[float, typer.Option(min=8, max=60, help="Length of a video.")] = 60.0,
    effect: Annotated[
        float,
        typer.Option(
            min=0, max=10, help="Size of the EEG's response to the felt mood; 1: 0.3 nats."
        ),
    ] = 1.0,
    coupling: Annotated[
        float,
        typer.Option(
            min=0, max=10, help="Size of the change of coupling between regions with mood."
        ),
    ] = 0.0,
    gain_drift_db: Annotated[
        float,
        typer.Option(
            "--gain-drift-db", min=0, max=12, help="Drift of each electrode's gain, dB (SD)."
        ),
    ] = 0.0,
    state_s: Annotated[
        float, typer.Option(min=0, max=1800, help="Duration of a state in seconds; 0: one video.")
    ] = 0.0,
    one_state_sittings: Annotated[
        bool, typer.Option("--one-state-sittings", help="A session of its own for each state.")
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", help="No effect in the EEG nor in the music's features.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random choices.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write simulated people in the layout of DEAP.

    The shared structure of their EEG and music is known; with --null there is none.

    Example: bci-affect simulate deap /tmp/deap --subjects 8 --trials 16 --seconds 30
    """
    from bci_affect.datasets import SimulationSettings, write_deap

    if state_s and one_state_sittings:
        raise typer.BadParameter("--state-s and --one-state-sittings exclude each other.")
    settings = SimulationSettings(
        subjects=subjects,
        trials=trials,
        seconds=seconds,
        effect=0.0 if null else effect,
        music_effect=0.0 if null else 1.0,
        coupling=0.0 if null else coupling,
        gain_drift_db=gain_drift_db,
        state_s=state_s,
        one_state_sittings=one_state_sittings,
        seed=seed,
    )
    written = write_deap(out, settings)
    if as_json:
        print_json({"files": [str(path) for path in written], "settings": settings.model_dump()})
    else:
        echo(f"Wrote {len(written)} people to {out}; truth.json describes them.")
