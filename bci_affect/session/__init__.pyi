from .build import SessionOptions as SessionOptions
from .build import build_session as build_session
from .build import load_predictor as load_predictor
from .build import model_path as model_path
from .build import path_factory as path_factory
from .control import PINNED as PINNED
from .control import Policy as Policy
from .control import SessionControl as SessionControl
from .engine import LiveSession as LiveSession
from .guided.clips import choose_clips as choose_clips
from .guided.clips import further_clips as further_clips
from .guided.protocol import Clip as Clip
from .guided.protocol import Protocol as Protocol
from .guided.protocol import Rating as Rating
from .guided.protocol import Step as Step
from .guided.protocol import Timing as Timing
from .guided.protocol import View as View
from .snapshot import Message as Message
from .snapshot import RecordingStatus as RecordingStatus
from .snapshot import SessionSnapshot as SessionSnapshot

__all__ = [
    "PINNED",
    "Clip",
    "LiveSession",
    "Message",
    "Policy",
    "Protocol",
    "Rating",
    "RecordingStatus",
    "SessionControl",
    "SessionOptions",
    "SessionSnapshot",
    "Step",
    "Timing",
    "View",
    "build_session",
    "choose_clips",
    "further_clips",
    "load_predictor",
    "model_path",
    "path_factory",
]
