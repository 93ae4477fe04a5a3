"""Data sets, each read into one `Trial` type: DEAP, DREAMER, BIDS, recorded sessions, simulated.

What lives here: readers that check what they read, and simulated people with known ground truth.
What never will: models, Qt, and LSL.
"""

from bci_affect.datasets.catalogue import Dataset, DatasetName, open_dataset
from bci_affect.datasets.trial import Trial

__all__ = ["Dataset", "DatasetName", "Trial", "open_dataset"]
