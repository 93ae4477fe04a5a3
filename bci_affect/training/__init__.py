"""Offline training: splits that cannot leak, the trainer, metrics, studies, reports, calibration.

What lives here: everything that fits something to data. What never will: Qt and LSL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
