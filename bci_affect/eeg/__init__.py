"""The signal: from chunks of raw EEG to windows of band features, causally and exactly.

What lives here: `Chunk` and `Montage`, the ring buffer, causal filters, signal quality, artefacts,
band features, normalisation to the person, and `Pipeline`, the one path that live use, replay and
training share. What never will: torch, LSL, Qt, and files.
"""

from bci_affect.eeg.bands import asymmetry, relative_power
from bci_affect.eeg.caps import CAPS
from bci_affect.eeg.chunk import Chunk
from bci_affect.eeg.export import to_mne
from bci_affect.eeg.montage import (
    Montage,
    make_montage,
    map_electrodes,
    montage_messages,
    unique_names,
)
from bci_affect.eeg.normalise import Normaliser
from bci_affect.eeg.pipeline import Pipeline
from bci_affect.eeg.units import judge_units, units_scale
from bci_affect.eeg.window import FeatureWindow, State

__all__ = [
    "CAPS",
    "Chunk",
    "FeatureWindow",
    "Montage",
    "Normaliser",
    "Pipeline",
    "State",
    "asymmetry",
    "judge_units",
    "make_montage",
    "map_electrodes",
    "montage_messages",
    "relative_power",
    "to_mne",
    "unique_names",
    "units_scale",
]
