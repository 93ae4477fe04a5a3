from .caps import CAPS as CAPS
from .chunk import Chunk as Chunk
from .covariance import ChannelCovariance as ChannelCovariance
from .covariance import log_power as log_power
from .covariance import mean_power as mean_power
from .covariance import spd_exp as spd_exp
from .covariance import spd_log as spd_log
from .doubt import unit_doubt as unit_doubt
from .export import to_mne as to_mne
from .montage import Montage as Montage
from .montage import known_places as known_places
from .montage import make_montage as make_montage
from .montage import map_electrodes as map_electrodes
from .montage import unique_names as unique_names
from .normalise import Normaliser as Normaliser
from .person_reference import PersonFeatures as PersonFeatures
from .person_reference import PersonReference as PersonReference
from .person_reference import PopulationPrior as PopulationPrior
from .pipeline import TRACE_S as TRACE_S
from .pipeline import Pipeline as Pipeline
from .units import UNIT_NAMES as UNIT_NAMES
from .units import eeg_scales as eeg_scales
from .units import with_inferred as with_inferred
from .window import FeatureWindow as FeatureWindow
from .window import State as State

__all__ = [
    "CAPS",
    "TRACE_S",
    "UNIT_NAMES",
    "ChannelCovariance",
    "Chunk",
    "FeatureWindow",
    "Montage",
    "Normaliser",
    "PersonFeatures",
    "PersonReference",
    "Pipeline",
    "PopulationPrior",
    "State",
    "eeg_scales",
    "known_places",
    "log_power",
    "make_montage",
    "map_electrodes",
    "mean_power",
    "spd_exp",
    "spd_log",
    "to_mne",
    "unique_names",
    "unit_doubt",
    "with_inferred",
]
