"""Music: decoding, the tagger, the library, retrieval, and playback.

This room holds everything about audio files and their content. It never holds EEG or Qt; the common
space belongs to `bci_affect.model`, and retrieval works on embeddings projected into it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
