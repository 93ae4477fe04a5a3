"""``simulate``: group of commands that create synthetic data with known ground truth."""

from __future__ import annotations

import typer

from bci_affect.cli.output import TYPER
from bci_affect.cli.simulate_deap import simulate_deap
from bci_affect.cli.simulate_listener import simulate_listener
from bci_affect.cli.simulate_music import simulate_music
from bci_affect.cli.simulate_streams import simulate_stream, simulate_xdf

simulate = typer.Typer(
    help="Create synthetic data with known ground truth.",
    no_args_is_help=True,
    **TYPER,
)
simulate.command("music")(simulate_music)
simulate.command("deap")(simulate_deap)
simulate.command("xdf")(simulate_xdf)
simulate.command("stream")(simulate_stream)
simulate.command("listener")(simulate_listener)
