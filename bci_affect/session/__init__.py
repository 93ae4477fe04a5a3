"""The live session: source to pipeline to affect to music, with everything that it publishes.

What lives here: the engine with its threads and bounded queues, the affect estimator, the choice of
music, LSL outlets, the session's recording, protocols and profiles. What never will: Qt. Whoever
shows a session asks for a `SessionSnapshot` and sends commands back.

What needs torch is imported when it is first asked for, so that light commands stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bci_affect.session.control import Policy, SessionControl
from bci_affect.session.estimates import EstimatesFile
from bci_affect.session.types import AffectEstimate, Message, RecordingStatus, SessionSnapshot

if TYPE_CHECKING:
    from bci_affect.session.affect import AffectEstimator, AffectPath
    from bci_affect.session.build import (
        SessionOptions,
        build_session,
        load_predictor,
        model_path,
        path_factory,
    )
    from bci_affect.session.engine import LiveSession
    from bci_affect.session.offline import analyse, features_document

_LATER = {
    "AffectEstimator": "affect",
    "AffectPath": "affect",
    "LiveSession": "engine",
    "SessionOptions": "build",
    "analyse": "offline",
    "build_session": "build",
    "features_document": "offline",
    "load_predictor": "build",
    "model_path": "build",
    "path_factory": "build",
}

__all__ = [
    "AffectEstimate",
    "AffectEstimator",
    "AffectPath",
    "EstimatesFile",
    "LiveSession",
    "Message",
    "Policy",
    "RecordingStatus",
    "SessionControl",
    "SessionOptions",
    "SessionSnapshot",
    "analyse",
    "build_session",
    "features_document",
    "load_predictor",
    "model_path",
    "path_factory",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"bci_affect.session.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
