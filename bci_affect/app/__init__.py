"""Use cases behind the commands: run a session, start, calibrate, report, demonstrate.

This room holds the code that connects sessions, screens, profiles and recordings. It never holds
argument parsing, which is the task of `bci_affect.cli`, or signal processing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
