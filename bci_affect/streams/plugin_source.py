"""Sources that other packages offer as plug-ins."""

from __future__ import annotations

from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.plugins import find_plugins
from bci_affect.streams.source import Source

_NEEDED = ("info", "health", "open", "read", "markers", "close")


def make_source(name: str, **options: Any) -> Source:
    """Return a source of a plug-in, not opened yet.

    Parameters
    ----------
    name : str
        Name in the entry points ``bci_affect.sources``.
    **options
        Arguments of the plug-in.

    Raises
    ------
    BciAffectError
        If there is no such plug-in, it fails, or it is no source.

    Examples
    --------
    >>> import bci_affect as ba
    >>> ba.make_source("absent")
    Traceback (most recent call last):
        ...
    bci_affect.errors.BciAffectError: There is no source 'absent'; installed plug-ins: none.
    """
    found = find_plugins("sources")
    if name not in found:
        raise BciAffectError(
            f"There is no source '{name}'; installed plug-ins: {', '.join(found) or 'none'}."
        )
    source: Source = found[name].call(**options)
    missing = [part for part in _NEEDED if part not in dir(source)]
    if missing:
        raise found[name].failure("is no source", f"it has no '{missing[0]}'")
    return source
