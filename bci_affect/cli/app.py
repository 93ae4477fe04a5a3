"""The table of commands, and what all of them share: errors, exit codes, logging."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from bci_affect import __version__
from bci_affect.cli.benchmark import benchmark
from bci_affect.cli.bridge import bridge
from bci_affect.cli.calibrate import calibrate
from bci_affect.cli.demo import demo
from bci_affect.cli.doctor import doctor
from bci_affect.cli.evaluate import evaluate
from bci_affect.cli.filters import filters
from bci_affect.cli.inspect import inspect
from bci_affect.cli.live import live
from bci_affect.cli.music import music
from bci_affect.cli.play import play
from bci_affect.cli.process import process
from bci_affect.cli.profile import profile
from bci_affect.cli.record import record
from bci_affect.cli.report import report
from bci_affect.cli.simulate import simulate
from bci_affect.cli.streams import streams
from bci_affect.cli.train import train
from bci_affect.errors import BciAffectError

app = typer.Typer(
    name="bci-affect",
    help="Live affective music brain-computer interface: EEG in, emotion estimates and music out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"bci-affect {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log what happens; twice: in detail.")
    ] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


app.command("benchmark")(benchmark)
app.command("bridge")(bridge)
app.command("calibrate")(calibrate)
app.command("demo")(demo)
app.command("doctor")(doctor)
app.command("evaluate")(evaluate)
app.command("filters")(filters)
app.command("inspect")(inspect)
app.command("live")(live)
app.command("play")(play)
app.command("process")(process)
app.command("record")(record)
app.command("report")(report)
app.command("streams")(streams)
app.command("train")(train)
app.add_typer(music, name="music")
app.add_typer(profile, name="profile")
app.add_typer(simulate, name="simulate")


def main() -> None:
    """Run the command line; a `BciAffectError` becomes one line on stderr and exit status 1."""
    try:
        app(prog_name="bci-affect")
    except BciAffectError as error:
        typer.echo(f"bci-affect: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away (`| head`)
        sys.stderr.close()
        sys.exit(1)
