"""Where EEG comes from and goes to: LSL, XDF recordings, headsets, the simulator.

What lives here: `Source` and those who fulfil it, outlets, the player and recorder of XDF files,
and clocks. What never will: filtering (that is the signal room's), torch, and Qt. Importing the
room loads no LSL: that happens when a live stream is first used.
"""

from bci_affect.streams.header import StreamHeader, build_header
from bci_affect.streams.inlet import LslSource
from bci_affect.streams.lsl import FoundStream, find_streams, local_clock
from bci_affect.streams.naming import recording_path
from bci_affect.streams.outlet import EventOutlet, FloatOutlet
from bci_affect.streams.player import Player
from bci_affect.streams.recorder import Recorder, RecorderStatus
from bci_affect.streams.replay import XdfSource
from bci_affect.streams.source import (
    ConnectionState,
    EndOfStream,
    Health,
    Marker,
    Source,
    StreamInfo,
)
from bci_affect.streams.tap import RawTap
from bci_affect.streams.xdf import XdfRecording, XdfWriter, read_xdf

__all__ = [
    "ConnectionState",
    "EndOfStream",
    "EventOutlet",
    "FloatOutlet",
    "FoundStream",
    "Health",
    "LslSource",
    "Marker",
    "Player",
    "RawTap",
    "Recorder",
    "RecorderStatus",
    "Source",
    "StreamHeader",
    "StreamInfo",
    "XdfRecording",
    "XdfSource",
    "XdfWriter",
    "build_header",
    "find_streams",
    "local_clock",
    "read_xdf",
    "recording_path",
]
