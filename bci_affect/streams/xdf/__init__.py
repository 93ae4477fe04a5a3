"""XDF files: a reader that reports damage, a crash-safe writer, a recorder, and a player.

This folder holds everything that knows the XDF format: `read_xdf` returns every stream of a
recording with its raw stamps, clock offsets and a damage report, and `XdfWriter` writes files that
any XDF reader opens. It never holds corrections of clocks, which are tasks of
`bci_affect.streams.clock`.
"""

from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfRecording, XdfStream
from bci_affect.streams.xdf.scan import Damage
from bci_affect.streams.xdf.writer import XdfWriter

__all__ = ["Damage", "XdfRecording", "XdfStream", "XdfWriter", "read_xdf"]
