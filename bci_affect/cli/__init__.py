"""The command line: one command per file, each thin: parse, call, print.

What lives here: arguments, progress bars, tables and exit codes. What never will: work of its own.
Command modules import the rooms that they call inside their function, so that ``--help`` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
