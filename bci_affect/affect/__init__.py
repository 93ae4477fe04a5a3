"""Chunks to estimates: the path that live use, replay, calibration and training share.

This room holds `AffectPath`, the estimator, fusion with the music, trust in an estimate, the
offline loop, and the estimates' log and CSV format. It never holds Qt, LSL, threads, or music
playback.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
