from .calibration.personal import calibrate as calibrate
from .calibration.power import measure as measure
from .calibration.simulation import EFFECTS as EFFECTS
from .calibration.simulation import SimulatedListener as SimulatedListener
from .calibration.simulation import simulate as simulate
from .calibration.store import calibrate_recordings as calibrate_recordings
from .calibration.verdict import limit_percent as limit_percent
from .drawing import GREY as GREY
from .drawing import HIGH as HIGH
from .drawing import LOW as LOW
from .drawing import MAX_POINTS as MAX_POINTS
from .drawing import MUSIC as MUSIC
from .drawing import broken as broken
from .drawing import new_figure as new_figure
from .drawing import quality_over_time as quality_over_time
from .drawing import svg as svg
from .drawing import topography as topography
from .extract import extract_subject as extract_subject
from .features import FeatureSet as FeatureSet
from .report import interval as interval
from .report import write_report as write_report
from .settings import ObjectiveSettings as ObjectiveSettings
from .settings import TrainSettings as TrainSettings
from .study import evaluate_again as evaluate_again
from .study import prepare_study as prepare_study
from .study import run_study as run_study
from .study_settings import load_study as load_study
from .trainer import fit as fit
from .trainer import predict as predict

__all__ = [
    "EFFECTS",
    "GREY",
    "HIGH",
    "LOW",
    "MAX_POINTS",
    "MUSIC",
    "FeatureSet",
    "ObjectiveSettings",
    "SimulatedListener",
    "TrainSettings",
    "broken",
    "calibrate",
    "calibrate_recordings",
    "evaluate_again",
    "extract_subject",
    "fit",
    "interval",
    "limit_percent",
    "load_study",
    "measure",
    "new_figure",
    "predict",
    "prepare_study",
    "quality_over_time",
    "run_study",
    "simulate",
    "svg",
    "topography",
    "write_report",
]
