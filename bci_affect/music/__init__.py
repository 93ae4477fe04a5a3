"""Music: decoding, the tagger, the library, retrieval, and playback.

What lives here: everything about audio files and what is in them. What never will: EEG and Qt. The
common space is the model room's: retrieval takes rows that somebody has projected.
"""

from bci_affect.music.encoders import MusicEncoder, load_encoder
from bci_affect.music.library import Library
from bci_affect.music.player import Player, PlayerEvent
from bci_affect.music.records import Rows
from bci_affect.music.retrieval import Retriever
from bci_affect.music.scan import ScanProgress, ScanReport
from bci_affect.music.types import PlayerState, Suggestion, Track

__all__ = [
    "Library",
    "MusicEncoder",
    "Player",
    "PlayerEvent",
    "PlayerState",
    "Retriever",
    "Rows",
    "ScanProgress",
    "ScanReport",
    "Suggestion",
    "Track",
    "load_encoder",
]
