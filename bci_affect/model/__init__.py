"""The bimodal model: EEG encoder, music projection, common space, heads, losses, model files.

What lives here: torch modules, each in a file, and `Predictor`, which takes and gives NumPy arrays
so that other rooms need no torch. What never will: EEG files, LSL, and Qt.

Importing this room does not import torch; the first use of a name that needs it does.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
