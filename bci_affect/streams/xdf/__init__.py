"""XDF files: a reader that reports damage instead of passing it on, and a writer that survives.

Both stand alone (NumPy only): ``read_xdf`` gives every stream of a recording with its raw stamps,
clock offsets and a damage report; ``XdfWriter`` writes files that any XDF reader opens.
"""

from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfRecording, XdfStream
from bci_affect.streams.xdf.scan import Damage
from bci_affect.streams.xdf.writer import XdfWriter

__all__ = ["Damage", "XdfRecording", "XdfStream", "XdfWriter", "read_xdf"]
