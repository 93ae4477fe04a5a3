"""Affective music brain-computer interface: live EEG to affect estimates and matching music.

    import bci_affect as ba

    with ba.live() as session:
        for estimate in session.estimates(duration_s=60):
            print(estimate)

``docs/python.md`` lists the public names; everything else may change. Names are imported on first
use, so that ``import bci_affect`` takes milliseconds. The package is divided into rooms
(subpackages) on floors; a room imports from lower floors only (see ``docs/architecture.md``).
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__.append("__version__")
