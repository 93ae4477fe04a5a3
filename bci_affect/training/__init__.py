"""Offline training: leak-free splits, trainer, metrics, studies, reports and calibration.

This room holds everything that fits a model to data. It never holds Qt or LSL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
