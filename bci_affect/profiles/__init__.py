"""Profiles of listeners: records, personal models, locks, and exchange between machines.

This room holds everything that is stored about a person from session to session. It never holds
Qt, LSL, or signal processing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
