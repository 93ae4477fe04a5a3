from .catalogue import Dataset as Dataset
from .catalogue import DatasetName as DatasetName
from .catalogue import open_dataset as open_dataset
from .deap import CHANNELS as CHANNELS
from .segments import FileNote as FileNote
from .segments import Labels as Labels
from .segments import Segment as Segment
from .segments import find_segments as find_segments
from .segments import marker_names as marker_names
from .segments import session_of as session_of
from .segments import subject_of as subject_of
from .simulated import SimulationSettings as SimulationSettings
from .simulated import write_deap as write_deap
from .trial import Trial as Trial

__all__ = [
    "CHANNELS",
    "Dataset",
    "DatasetName",
    "FileNote",
    "Labels",
    "Segment",
    "SimulationSettings",
    "Trial",
    "find_segments",
    "marker_names",
    "open_dataset",
    "session_of",
    "subject_of",
    "write_deap",
]
