"""Sources and sinks of EEG and markers: LSL, XDF recordings, headsets.

This room holds `Source` and its implementations, outlets, clocks, and the player and recorder of
XDF files. It never holds filters, which are tasks of `bci_affect.eeg`, torch, or Qt.

Importing the room does not load LSL: the first use of a live stream does.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
