"""Where EEG comes from and goes to: LSL, XDF recordings, headsets, the simulator.

What lives here: `Source` and those who fulfil it, outlets, the player and recorder of XDF files,
and clocks. What never will: filtering (that is the signal room's), torch, and Qt.
"""

from bci_affect.streams.source import (
    ConnectionState,
    EndOfStream,
    Health,
    Marker,
    Source,
    StreamInfo,
)

__all__ = ["ConnectionState", "EndOfStream", "Health", "Marker", "Source", "StreamInfo"]
