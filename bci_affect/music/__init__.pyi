from .analysis import analyse as analyse
from .analysis import one_thread as one_thread
from .audio import AV_SUFFIXES as AV_SUFFIXES
from .audio import DecodeError as DecodeError
from .audio import analysis_audio as analysis_audio
from .audio import blocks as blocks
from .audio import decode as decode
from .audio import open_audio as open_audio
from .audio import to_mono as to_mono
from .embed import embed_file as embed_file
from .embed import save_rows as save_rows
from .emotion import LEAST_TRACKS as LEAST_TRACKS
from .emotion import EmotionHead as EmotionHead
from .emotion import fit_head as fit_head
from .emotion import load_head as load_head
from .emotion import measure_cues as measure_cues
from .emotion import own_head as own_head
from .emotion import save_head as save_head
from .encoders import MusicEncoder as MusicEncoder
from .encoders import load_encoder as load_encoder
from .frontend import log_mel as log_mel
from .index import ExactIndex as ExactIndex
from .library import Library as Library
from .loudness import LoudnessMeter as LoudnessMeter
from .loudness import normalised as normalised
from .player.player import AudioPlayer as AudioPlayer
from .player.player import PlayerEvent as PlayerEvent
from .retrieval import Retriever as Retriever
from .scan import ScanReport as ScanReport
from .tagger import TaggerEncoder as TaggerEncoder
from .types import PlayerState as PlayerState
from .types import Suggestion as Suggestion
from .types import Track as Track

__all__ = [
    "AV_SUFFIXES",
    "LEAST_TRACKS",
    "AudioPlayer",
    "DecodeError",
    "EmotionHead",
    "ExactIndex",
    "Library",
    "LoudnessMeter",
    "MusicEncoder",
    "PlayerEvent",
    "PlayerState",
    "Retriever",
    "ScanReport",
    "Suggestion",
    "TaggerEncoder",
    "Track",
    "analyse",
    "analysis_audio",
    "blocks",
    "decode",
    "embed_file",
    "fit_head",
    "load_encoder",
    "load_head",
    "log_mel",
    "measure_cues",
    "normalised",
    "one_thread",
    "open_audio",
    "own_head",
    "save_head",
    "save_rows",
    "to_mono",
]
