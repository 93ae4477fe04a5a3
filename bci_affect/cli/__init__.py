"""Command line: one command per file, each thin: parse, call, print.

This room holds arguments, progress bars, tables and exit codes. It never holds work of its own,
which is the task of the rooms below it.

Command modules import those rooms inside their function, so that ``--help`` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
