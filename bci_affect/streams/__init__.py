"""Where EEG comes from and goes to: LSL, XDF recordings, headsets, the simulator.

What lives here: `Source` and those who fulfil it, outlets, the player and recorder of XDF files,
and clocks. What never will: filtering (that is the signal room's), torch, and Qt. Importing the
room loads no LSL: that happens when a live stream is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
