"""Simulated people, headsets, sessions and music with known ground truth.

This room holds generators of synthetic data for the demonstration, tests, benchmarks and studies.
It never holds Qt or code that a real session depends on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
