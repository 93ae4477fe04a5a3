"""Affective music brain-computer interface: live EEG in, affect and fitting music out.

The package is a house of five floors (see ``docs/architecture.md``): ``cli`` on top of ``gui``
and ``training``, these on ``session`` and ``datasets``, these on ``streams``, and all on ``eeg``,
``music`` and ``model``. A room imports from lower floors only.

Nothing is imported here, so that ``bci-affect --help`` and light scripts start at once.
"""

__version__ = "0.1.0"
