"""The command line: one command per file, each thin: parse, call, print.

What lives here: arguments, progress bars, tables and exit codes. What never will: work of its own.
Command modules import the rooms that they call inside their function, so that ``--help`` is quick.
"""

from bci_affect.cli.app import main

__all__ = ["main"]
