from .affect import AffectModel as AffectModel
from .card import ModelCard as ModelCard
from .card import Prediction as Prediction
from .card import RestScore as RestScore
from .domain import reversal_strength as reversal_strength
from .encoder import Encoder as Encoder
from .encoder import EncoderOutput as EncoderOutput
from .files import load_model as load_model
from .files import save_model as save_model
from .losses import class_weights as class_weights
from .losses import contrastive_loss as contrastive_loss
from .losses import contrastive_targets as contrastive_targets
from .losses import domain_loss as domain_loss
from .losses import emotion_loss as emotion_loss
from .predictor import Predictor as Predictor
from .registry import ENCODERS as ENCODERS
from .registry import register_encoder as register_encoder
from .settings import ModelSettings as ModelSettings
from .streaming import StreamingEncoder as StreamingEncoder

__all__ = [
    "ENCODERS",
    "AffectModel",
    "Encoder",
    "EncoderOutput",
    "ModelCard",
    "ModelSettings",
    "Prediction",
    "Predictor",
    "RestScore",
    "StreamingEncoder",
    "class_weights",
    "contrastive_loss",
    "contrastive_targets",
    "domain_loss",
    "emotion_loss",
    "load_model",
    "register_encoder",
    "reversal_strength",
    "save_model",
]
