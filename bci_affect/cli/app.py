"""The table of commands, and what all of them share: errors, exit codes, logging."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from bci_affect import __version__
from bci_affect.cli.output import TYPER
from bci_affect.errors import BciAffectError

COMMANDS = {
    "benchmark": "Measure how fast every part is on this machine.",
    "bridge": "Put a headset onto LSL through BrainFlow (extra 'headset').",
    "calibrate": "Fit a model to one listener and say honestly how much it knows.",
    "demo": "Show everything with no hardware.",
    "doctor": "Check this machine, and say how to mend what is missing.",
    "evaluate": "Compute a run's metrics again; nothing is trained.",
    "filters": "Show each band's filter: edges, gain, delay, warm-up.",
    "inspect": "Show what a recording holds, and what is wrong with it.",
    "live": "Run a live session on an LSL stream of EEG.",
    "music": "Your music library: add folders, look, find, like and ban.",
    "play": "Republish a recording over LSL with its original timing.",
    "process": "Write the estimates that a live session would have made.",
    "profile": "Listeners' profiles: list, show, export, import, undo, delete.",
    "record": "Record LSL streams, crash-safe.",
    "report": "Write a run or a session as one page that needs nothing else.",
    "simulate": "Make synthetic data with known ground truth.",
    "streams": "List the LSL streams that can be seen.",
    "train": "Train and evaluate with a protocol that cannot leak.",
}
"""Every command and its first line of help: what it is called in its module of the same name.

The modules are imported when a command is called: building all of them took ``--help`` longer than
everything else.
"""


class _OnDemand(Mapping[str, Any]):
    """The commands of the table, each built when it is asked for."""

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        found = getattr(import_module(f"bci_affect.cli.{name}"), name)
        if isinstance(found, typer.Typer):
            command: Any = get_group(found)
        else:
            alone = typer.Typer(add_completion=False, **TYPER)
            alone.command()(found)
            command = get_command(alone)
        command.name = name
        return command


class _Commands(TyperGroup):
    """A group that is listed without building what is in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _OnDemand()  # type: ignore[assignment]  # nothing is ever added to it

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="bci-affect",
    cls=_Commands,
    help="Live affective music brain-computer interface: EEG in, emotion estimates and music out.",
    no_args_is_help=True,
    **TYPER,
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
