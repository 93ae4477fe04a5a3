from .analysis import analyse as analyse
from .analysis import single_threaded_torch as single_threaded_torch
from .audio import AV_SUFFIXES as AV_SUFFIXES
from .audio import DecodeError as DecodeError
from .audio import analysis_audio as analysis_audio
from .audio import decode as decode
from .audio import open_audio as open_audio
from .audio import read_blocks as read_blocks
from .audio import to_mono as to_mono
from .embed import embed_file as embed_file
from .embed import save_embeddings as save_embeddings
from .emotion import MIN_TRACKS as MIN_TRACKS
from .emotion import EmotionHead as EmotionHead
from .emotion import fit_emotion_head as fit_emotion_head
from .emotion import load_emotion_head as load_emotion_head
from .emotion import measure_cues as measure_cues
from .emotion import save_emotion_head as save_emotion_head
from .emotion import user_head_path as user_head_path
from .encoders import MusicEncoder as MusicEncoder
from .encoders import load_encoder as load_encoder
from .frontend import log_mel as log_mel
from .index import ExactIndex as ExactIndex
from .library import Library as Library
from .loudness import LoudnessMeter as LoudnessMeter
from .loudness import normalise_loudness as normalise_loudness
from .player.player import AudioPlayer as AudioPlayer
from .player.player import PlayerEvent as PlayerEvent
from .retrieval import Retriever as Retriever
from .scan import ScanProgress as ScanProgress
from .scan import ScanReport as ScanReport
from .scan import find_audio_files as find_audio_files
from .tagger import TaggerEncoder as TaggerEncoder
from .types import PlayerState as PlayerState
from .types import Suggestion as Suggestion
from .types import Track as Track

__all__ = [
    "AV_SUFFIXES",
    "MIN_TRACKS",
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
    "ScanProgress",
    "ScanReport",
    "Suggestion",
    "TaggerEncoder",
    "Track",
    "analyse",
    "analysis_audio",
    "decode",
    "embed_file",
    "find_audio_files",
    "fit_emotion_head",
    "load_emotion_head",
    "load_encoder",
    "log_mel",
    "measure_cues",
    "normalise_loudness",
    "open_audio",
    "read_blocks",
    "save_embeddings",
    "save_emotion_head",
    "single_threaded_torch",
    "to_mono",
    "user_head_path",
]
