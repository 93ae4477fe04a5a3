"""Data sets, each read into one `Trial` type: DEAP, DREAMER, BIDS, recorded sessions, simulated.

What lives here: readers that check what they read, and simulated people with known ground truth.
What never will: models, Qt, and LSL.
"""

from bci_affect.datasets.catalogue import Dataset, DatasetName, open_dataset
from bci_affect.datasets.segments import (
    FileNote,
    Labels,
    Segment,
    find_segments,
    marker_names,
    session_of,
    subject_of,
)
from bci_affect.datasets.trial import Trial

__all__ = [
    "Dataset",
    "DatasetName",
    "FileNote",
    "Labels",
    "Segment",
    "Trial",
    "find_segments",
    "marker_names",
    "open_dataset",
    "session_of",
    "subject_of",
]
