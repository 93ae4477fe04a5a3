"""The signal: from chunks of raw EEG to windows of band features, causally and exactly.

What lives here: `Chunk` and `Montage`, the ring buffer, causal filters, signal quality, artefacts,
band features, normalisation to the person, and `Pipeline`, the one path that live use, replay and
training share. What never will: torch, LSL, Qt, and files.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
