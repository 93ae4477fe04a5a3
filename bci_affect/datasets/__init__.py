"""Data sets, each read into one `Trial` type: DEAP, DREAMER, BIDS, recorded sessions, simulated.

What lives here: readers that check what they read, and simulated people with known ground truth.
What never will: models, Qt, and LSL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
