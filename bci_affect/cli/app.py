"""Table of commands, and their common errors, exit codes and logging."""

from __future__ import annotations

import logging
import signal
import sys
from collections import namedtuple
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from bci_affect import __version__
from bci_affect.cli.output import TYPER
from bci_affect.ending import handle_signals, stopped_line
from bci_affect.errors import BciAffectError
from bci_affect.safe_text import SafeFormatter, echo

COMMANDS = {
    "benchmark": "Measure the performance of each part on this machine.",
    "bridge": "Publish a headset over LSL through BrainFlow (extra 'headset').",
    "calibrate": "Fit a model to one listener and test whether it beats chance.",
    "demo": "Run a complete session without hardware.",
    "doctor": "Check this machine and suggest fixes.",
    "evaluate": "Recompute the metrics of a run without training.",
    "export-model": "Write the EEG encoder of a model as an ONNX file with its card.",
    "filters": "Show the filter of each band: edges, gain, delay, warm-up.",
    "home": "Open the home page of the window.",
    "inspect": "Show the content of a recording and its defects.",
    "leak-check": "Report the leaks of a split of any program.",
    "live": "Run a live session on an LSL stream of EEG.",
    "music": "Music library: add folders, list, search, like and ban.",
    "play": "Republish a recording over LSL with its original timing.",
    "plugins": "List the plug-ins of other packages and test that each loads.",
    "process": "Write the estimates of a recording, as a live session makes them.",
    "profile": "Profiles of listeners: list, show, export, import, undo, delete.",
    "record": "Record LSL streams to a crash-safe file.",
    "report": "Write a self-contained HTML report of a run or a session.",
    "simulate": "Create synthetic data with known ground truth.",
    "streams": "List the visible LSL streams.",
    "train": "Train and evaluate with a leak-proof protocol.",
}
"""Commands with their first line of help; each is defined in the module of its name.

The modules are imported when a command is called: importing all of them took most of the time of
``--help``.
"""


class _OnDemand(Mapping[str, Any]):
    """Commands of the table, each built on first access."""

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        module = name.replace("-", "_")
        found = getattr(import_module(f"bci_affect.cli.{module}"), module)
        if isinstance(found, typer.Typer):
            command: Any = get_group(found)
        else:
            alone = typer.Typer(add_completion=False, **TYPER)
            alone.command()(found)
            command = get_command(alone)
        command.name = name
        return command


class _Commands(TyperGroup):
    """Group that is listed without building its commands."""

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
    invoke_without_command=True,
    **TYPER,
)


def _version(show: bool) -> None:
    if show:
        echo(f"bci-affect {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Log progress; twice: debug messages."),
    ] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    if context.invoked_subcommand is None:
        _without_command(context)


def _without_command(context: typer.Context) -> None:
    """Open the home page; without a screen, print the help."""
    from bci_affect.gui import has_display

    if not has_display():
        echo(context.get_help())
        raise typer.Exit
    from bci_affect.cli.home import home

    home(desktop_entry=False, theme=None)


TYPER_INTERRUPTED = 130
"""Exit status that typer gives to a `KeyboardInterrupt`."""


def _interrupt_on_signals() -> list[int]:
    """End commands by SIGTERM and SIGHUP as by Ctrl-C; return the list of received signals.

    Each Ctrl-C interrupts; a second one of the others may not interrupt the end.
    """
    received: list[int] = []

    def interrupt(number: int, _: object) -> None:
        received.append(number)
        if len(received) == 1 or number == signal.SIGINT:
            raise KeyboardInterrupt

    handle_signals(interrupt)
    return received


def _end_stopped(number: int) -> NoReturn:
    """End a command that a signal has interrupted: one line, and 128 plus its number."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a further Ctrl-C ends even a slow end
    with suppress(OSError):  # the terminal may be closed
        echo(stopped_line(number), err=True)
    # CPython ends by SIGINT, not with the given status, if the interrupt has left code compiled
    # from text (as in many imports), until such code runs to its end.
    namedtuple("_End", "")
    sys.exit(128 + number)


def main() -> None:
    """Run the command line.

    A `BciAffectError` becomes one line on stderr and exit status 1. A signal that ends a command
    becomes one line and 128 plus its number, unless the command itself ends by signals.
    """
    received: list[int] = []
    try:
        received = _interrupt_on_signals()
        app(prog_name="bci-affect")
    except SystemExit as ending:
        if ending.code != TYPER_INTERRUPTED:
            raise
        _end_stopped(received[0] if received else signal.SIGINT)
    except BciAffectError as error:
        echo(f"bci-affect: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away (`| head`)
        sys.stderr.close()
        sys.exit(1)
    except BaseException:
        if not received:
            raise
        _end_stopped(received[0])  # libraries turn an interrupt into errors of their own
