"""Affective music brain-computer interface: live EEG to affect estimates and matching music.

The package is divided into rooms (subpackages) on floors; a room imports from lower floors only
(see ``docs/architecture.md``).

This module imports nothing, so that ``bci-affect --help`` and small scripts start quickly.
"""

__version__ = "0.1.0"
