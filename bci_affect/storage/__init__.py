"""SQLite kernel, atomic writing, safe file names, JSON documents, and arrays as plain bytes.

This room holds what other rooms use to keep things on disk. It never holds knowledge of what is
stored.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
