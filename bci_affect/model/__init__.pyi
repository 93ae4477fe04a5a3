from .affect import AffectModel as AffectModel
from .card import ModelCard as ModelCard
from .card import Prediction as Prediction
from .card import RestCalibration as RestCalibration
from .card import RestScore as RestScore
from .card import calibrate as calibrate
from .covariance import FEW_ELECTRODES as FEW_ELECTRODES
from .covariance import N_PERSON as N_PERSON
from .covariance import N_TANGENT as N_TANGENT
from .covariance import CovarianceEncoder as CovarianceEncoder
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
from .onnx_export import export_onnx as export_onnx
from .predictor import Predictor as Predictor
from .registry import ENCODERS as ENCODERS
from .registry import find_encoder as find_encoder
from .registry import register_encoder as register_encoder
from .settings import ModelSettings as ModelSettings
from .streaming import StreamingEncoder as StreamingEncoder

__all__ = [
    "ENCODERS",
    "FEW_ELECTRODES",
    "N_PERSON",
    "N_TANGENT",
    "AffectModel",
    "CovarianceEncoder",
    "Encoder",
    "EncoderOutput",
    "ModelCard",
    "ModelSettings",
    "Prediction",
    "Predictor",
    "RestCalibration",
    "RestScore",
    "StreamingEncoder",
    "calibrate",
    "class_weights",
    "contrastive_loss",
    "contrastive_targets",
    "domain_loss",
    "emotion_loss",
    "export_onnx",
    "find_encoder",
    "load_model",
    "register_encoder",
    "reversal_strength",
    "save_model",
]
