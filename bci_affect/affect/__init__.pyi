from .estimate import ESTIMATE_VALUES as ESTIMATE_VALUES
from .estimate import AffectEstimate as AffectEstimate
from .estimate_csv import EstimateCsv as EstimateCsv
from .estimate_log import EstimateLog as EstimateLog
from .fusion import DIMENSIONS as DIMENSIONS
from .fusion import MAX_LOGIT as MAX_LOGIT
from .fusion import Array as Array
from .fusion import DimensionModel as DimensionModel
from .fusion import Personalisation as Personalisation
from .fusion import PersonalModel as PersonalModel
from .fusion import PersonalReading as PersonalReading
from .fusion import decide as decide
from .fusion import fuse as fuse
from .fusion import music_log_odds as music_log_odds
from .fusion import personal_logits as personal_logits
from .offline import analyse as analyse
from .offline import features_document as features_document
from .path import AffectPath as AffectPath
from .path import model_signal as model_signal
from .rest import ReferenceKind as ReferenceKind
from .rest import RestNormaliser as RestNormaliser
from .step import AffectStep as AffectStep
from .step import BreakHold as BreakHold

__all__ = [
    "DIMENSIONS",
    "ESTIMATE_VALUES",
    "MAX_LOGIT",
    "AffectEstimate",
    "AffectPath",
    "AffectStep",
    "Array",
    "BreakHold",
    "DimensionModel",
    "EstimateCsv",
    "EstimateLog",
    "PersonalModel",
    "PersonalReading",
    "Personalisation",
    "ReferenceKind",
    "RestNormaliser",
    "analyse",
    "decide",
    "features_document",
    "fuse",
    "model_signal",
    "music_log_odds",
    "personal_logits",
]
