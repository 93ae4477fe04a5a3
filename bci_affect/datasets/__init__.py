"""Data sets read into a common `Trial` type: DEAP, DREAMER, BIDS, recorded and simulated sessions.

This room holds readers that validate their input, and simulated subjects with known ground truth.
It never holds models, Qt or LSL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
