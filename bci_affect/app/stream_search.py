"""Search for a stream by a part of its name, with what is visible meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from bci_affect.errors import BciAffectError

EVERY_S = 1.0


def find_stream(name: str, type_: str, wait_s: float, show: Callable[[str], None]) -> str:
    """Return the full name of the stream that a part of the name, in any case, belongs to.

    Parameters
    ----------
    name : str
        Name or a part of it; an exact name wins.
    type_ : str
        LSL type of the stream.
    wait_s : float
        Longest search in seconds.
    show : callable
        Called every second with what is searched for and what is visible.

    Raises
    ------
    BciAffectError
        If several streams fit or none appears; the sentence lists what is visible.
    """
    from bci_affect.streams import find_streams

    deadline = time.monotonic() + wait_s
    while True:
        left = deadline - time.monotonic()
        found = find_streams(max(0.2, min(EVERY_S, left)))
        names = sorted({one.name for one in found if one.type.casefold() == type_.casefold()})
        if name in names:
            return name
        fitting = [one for one in names if name.casefold() in one.casefold()]
        if len(fitting) == 1:
            return fitting[0]
        visible = ", ".join(str(one) for one in found) or "no stream"
        if fitting:
            raise BciAffectError(
                f"'{name}' fits several streams: {', '.join(fitting)}; give one in full."
            )
        if time.monotonic() >= deadline:
            raise BciAffectError(
                f"No {type_} stream named '{name}' was found in {wait_s:g} s. Visible: {visible}. "
                "Start the headset's LSL program ('bci-affect streams' lists all streams)."
            )
        show(f"Searching for {type_} stream '{name}'; visible: {visible}")
