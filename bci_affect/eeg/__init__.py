"""EEG signal path: chunks of raw EEG to windows of band features, causally and exactly.

This room holds `Chunk` and `Montage`, the ring buffer, causal filters, signal quality, artifacts,
band features, normalisation to the person, and `Pipeline`, the one path that live use, replay and
training share. It never holds torch, LSL, Qt, or files.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
