from .affect import AffectEstimate as AffectEstimate
from .app import ProcessedRecording as ProcessedRecording
from .app import calibrate as calibrate
from .app import features as features
from .app import live as live
from .app import load_model as load_model
from .app import process as process
from .datasets import Trial as Trial
from .datasets import open_dataset as open_dataset
from .eeg import Chunk as Chunk
from .eeg import FeatureWindow as FeatureWindow
from .eeg import Montage as Montage
from .eeg import State as State
from .eeg import make_montage as make_montage
from .errors import BciAffectError as BciAffectError
from .errors import StreamTimeout as StreamTimeout
from .model import Predictor as Predictor
from .session import LiveSession as LiveSession
from .streams import LslSource as LslSource
from .streams import XdfSource as XdfSource
from .streams import find_streams as find_streams
from .streams import make_source as make_source
from .streams import read_xdf as read_xdf
from .training import AffectClassifier as AffectClassifier
from .training import Corpus as Corpus
from .training import LeakReport as LeakReport
from .training import WindowTransformer as WindowTransformer
from .training import check_split as check_split
from .training import load_corpus as load_corpus
from .training import trial_table as trial_table

__version__: str

__all__ = [
    "AffectClassifier",
    "AffectEstimate",
    "BciAffectError",
    "Chunk",
    "Corpus",
    "FeatureWindow",
    "LeakReport",
    "LiveSession",
    "LslSource",
    "Montage",
    "Predictor",
    "ProcessedRecording",
    "State",
    "StreamTimeout",
    "Trial",
    "WindowTransformer",
    "XdfSource",
    "__version__",
    "calibrate",
    "check_split",
    "features",
    "find_streams",
    "live",
    "load_corpus",
    "load_model",
    "make_montage",
    "make_source",
    "open_dataset",
    "process",
    "read_xdf",
    "trial_table",
]
