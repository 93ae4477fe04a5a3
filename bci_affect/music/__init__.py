"""Music: decoding, the tagger, the library, retrieval, and playback.

What lives here: everything about audio files and what is in them. What never will: EEG and Qt. The
common space is the model room's: retrieval takes rows that somebody has projected.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
