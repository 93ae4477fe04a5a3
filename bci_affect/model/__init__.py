"""Bimodal model: EEG encoder, music projection, common space, heads, losses and model files.

This room holds the torch modules, one per file, and `Predictor`, the NumPy interface that keeps
torch out of other rooms. It never holds EEG files, LSL or Qt.

Importing this room does not import torch; the first use of a name that needs it does.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
