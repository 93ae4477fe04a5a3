from .calibration.personal_model import calibrate as calibrate
from .calibration.power import measure_power as measure_power
from .calibration.simulation import EFFECTS as EFFECTS
from .calibration.simulation import SimulatedListener as SimulatedListener
from .calibration.simulation import simulate_clips as simulate_clips
from .calibration.verdict import limit_percent as limit_percent
from .calibration.workflow import calibrate_recordings as calibrate_recordings
from .corpus import Corpus as Corpus
from .corpus import load_corpus as load_corpus
from .estimator import AffectClassifier as AffectClassifier
from .estimator import trial_table as trial_table
from .extract import extract_subject as extract_subject
from .features import FeatureSet as FeatureSet
from .leak_check import LeakReport as LeakReport
from .leak_check import check_split as check_split
from .leak_page import read_split as read_split
from .people.benchmark import benchmark_people as benchmark_people
from .people.page import PEOPLE_FILES as PEOPLE_FILES
from .people.page import people_table as people_table
from .people.page import write_people_page as write_people_page
from .report import interval as interval
from .report import write_report as write_report
from .settings import ObjectiveSettings as ObjectiveSettings
from .settings import TrainSettings as TrainSettings
from .study import prepare_study as prepare_study
from .study import reevaluate as reevaluate
from .study import run_study as run_study
from .study_settings import load_study as load_study
from .svg_figures import GREY as GREY
from .svg_figures import HIGH as HIGH
from .svg_figures import LOW as LOW
from .svg_figures import MAX_POINTS as MAX_POINTS
from .svg_figures import MUSIC as MUSIC
from .svg_figures import break_at_gaps as break_at_gaps
from .svg_figures import new_figure as new_figure
from .svg_figures import quality_figure as quality_figure
from .svg_figures import to_svg as to_svg
from .svg_figures import topography_figure as topography_figure
from .trainer import fit as fit
from .trainer import predict as predict
from .window_transformer import WindowTransformer as WindowTransformer

__all__ = [
    "EFFECTS",
    "GREY",
    "HIGH",
    "LOW",
    "MAX_POINTS",
    "MUSIC",
    "PEOPLE_FILES",
    "AffectClassifier",
    "Corpus",
    "FeatureSet",
    "LeakReport",
    "ObjectiveSettings",
    "SimulatedListener",
    "TrainSettings",
    "WindowTransformer",
    "benchmark_people",
    "break_at_gaps",
    "calibrate",
    "calibrate_recordings",
    "check_split",
    "extract_subject",
    "fit",
    "interval",
    "limit_percent",
    "load_corpus",
    "load_study",
    "measure_power",
    "new_figure",
    "people_table",
    "predict",
    "prepare_study",
    "quality_figure",
    "read_split",
    "reevaluate",
    "run_study",
    "simulate_clips",
    "to_svg",
    "topography_figure",
    "trial_table",
    "write_people_page",
    "write_report",
]
