from .catalogue import Dataset as Dataset
from .catalogue import DatasetName as DatasetName
from .catalogue import check_dataset_name as check_dataset_name
from .catalogue import open_dataset as open_dataset
from .catalogue import rests_of as rests_of
from .deap import CHANNELS as CHANNELS
from .segments import FileInfo as FileInfo
from .segments import Labels as Labels
from .segments import Segment as Segment
from .segments import find_segments as find_segments
from .segments import format_marker_names as format_marker_names
from .segments import session_of as session_of
from .segments import subject_of as subject_of
from .simulated import SimulationSettings as SimulationSettings
from .simulated import write_deap as write_deap
from .trial import Trial as Trial

__all__ = [
    "CHANNELS",
    "Dataset",
    "DatasetName",
    "FileInfo",
    "Labels",
    "Segment",
    "SimulationSettings",
    "Trial",
    "check_dataset_name",
    "find_segments",
    "format_marker_names",
    "open_dataset",
    "rests_of",
    "session_of",
    "subject_of",
    "write_deap",
]
