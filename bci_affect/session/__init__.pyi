from .build import SessionOptions as SessionOptions
from .build import build_session as build_session
from .build import load_predictor as load_predictor
from .build import model_path as model_path
from .build import path_factory as path_factory
from .control import PINNED as PINNED
from .control import MusicControl as MusicControl
from .control import SessionControl as SessionControl
from .engine import LiveSession as LiveSession
from .guided.calibration import Clip as Clip
from .guided.calibration import GuidedCalibration as GuidedCalibration
from .guided.calibration import Rating as Rating
from .guided.calibration import Step as Step
from .guided.calibration import Timing as Timing
from .guided.calibration import View as View
from .guided.clips import choose_clips as choose_clips
from .guided.clips import further_clips as further_clips
from .snapshot import Level as Level
from .snapshot import Message as Message
from .snapshot import Policy as Policy
from .snapshot import SessionSnapshot as SessionSnapshot

__all__ = [
    "PINNED",
    "Clip",
    "GuidedCalibration",
    "Level",
    "LiveSession",
    "Message",
    "MusicControl",
    "Policy",
    "Rating",
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
