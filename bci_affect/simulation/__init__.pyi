from .listener import publish_listener as publish_listener
from .music import FORMATS as FORMATS
from .music import PIECES as PIECES
from .music import Piece as Piece
from .music import embedded as embedded
from .music import random_pieces as random_pieces
from .music import render as render
from .music import write as write
from .recording import simulate_stream as simulate_stream
from .recording import simulate_xdf as simulate_xdf
from .session import SessionPlan as SessionPlan
from .session import cap_channels as cap_channels
from .session import parse_faults as parse_faults
from .simulator import CLEAN as CLEAN
from .simulator import Artifacts as Artifacts
from .simulator import EegSimulator as EegSimulator
from .simulator import SimulatedPerson as SimulatedPerson

__all__ = [
    "CLEAN",
    "FORMATS",
    "PIECES",
    "Artifacts",
    "EegSimulator",
    "Piece",
    "SessionPlan",
    "SimulatedPerson",
    "cap_channels",
    "embedded",
    "parse_faults",
    "publish_listener",
    "random_pieces",
    "render",
    "simulate_stream",
    "simulate_xdf",
    "write",
]
