"""Discovery of LSL streams, and lazy loading of liblsl."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError

SETTLE_S = 0.5
"""Time to wait for further streams after the first one answered."""

_quiet = False
_lock = threading.Lock()
_clock: Callable[[], float] | None = None
_resolvers: dict[str, Any] = {}

own_uids: set[str] = set()
"""Outlets of this process, which its own sources ignore."""


@dataclass(frozen=True, slots=True)
class FoundStream:
    """Stream that answered a search."""

    name: str
    type: str
    source_id: str
    n_channels: int
    rate_hz: float
    format: str
    hostname: str
    uid: str
    created: float

    def __str__(self) -> str:
        return (
            f"'{self.name}' ({self.type or 'no type'}, {self.n_channels} ch, {self.rate_hz:g} Hz, "
            f"source id '{self.source_id}', on {self.hostname})"
        )


def load() -> Any:
    """Return the pylsl module.

    Raises
    ------
    BciAffectError
        If pylsl is not installed, or finds no liblsl that loads on this machine.
    """
    try:
        pylsl = importlib.import_module("pylsl")
        _keep_quiet(pylsl)
        return pylsl
    except ImportError:
        reason = "pylsl is not installed (pip install pylsl)"
    except (OSError, RuntimeError, AttributeError) as error:
        line = str(error).strip().splitlines()
        reason = f"its library liblsl does not load ({line[0] if line else type(error).__name__})"
    raise BciAffectError(
        f"Live streams need LSL, but {reason}; recordings can be used without it. See "
        "https://github.com/sccn/liblsl/releases for liblsl, or set PYLSL_LIB to its path."
    )


def _keep_quiet(pylsl: Any) -> None:
    """Stop liblsl from printing on stderr, unless the user has a configuration of their own."""
    global _quiet
    if _quiet:
        return
    _quiet = True
    name = Path("lsl_api", "lsl_api.cfg")
    own = (Path("lsl_api.cfg"), Path.home() / name, Path("/etc") / name)
    if "LSLAPICFG" not in os.environ and not any(path.exists() for path in own):
        pylsl.set_config_content("[log]\nlevel = -3\n")


def local_clock() -> float:
    """Return now on the LSL clock of this machine, in seconds."""
    global _clock
    if _clock is None:
        _clock = load().local_clock
    return float(_clock())


def describe(info: Any) -> FoundStream:
    """Convert a pylsl description."""
    formats = ("undefined", "float32", "double64", "string", "int32", "int16", "int8", "int64")
    number = info.channel_format()
    return FoundStream(
        name=info.name(),
        type=info.type(),
        source_id=info.source_id(),
        n_channels=info.channel_count(),
        rate_hz=info.nominal_srate(),
        format=formats[number] if 0 < number < len(formats) else formats[0],
        hostname=info.hostname(),
        uid=info.uid(),
        created=info.created_at(),
    )


def find_streams(
    timeout_s: float = 1.0, accept: Callable[[FoundStream], bool] = lambda _: True
) -> list[FoundStream]:
    """Return the visible streams in order of name, after a search of `timeout_s`.

    With `accept`, the search ends half a second after the first accepted stream.

    Examples
    --------
    >>> import bci_affect as ba
    >>> [stream.name for stream in ba.find_streams(timeout_s=0.1)]  # doctest: +SKIP
    ['Muse S']
    """
    return [describe(info) for info in search(timeout_s, accept, settle_s=timeout_s)]


def visible(predicate: str = "") -> list[Any]:
    """Return pylsl descriptions of all streams that answered in the last five seconds.

    The first call starts a search that continues in the background of liblsl for the life of the
    process; all searches share it, so that a stream that returns is found at once.
    """
    with _lock:
        if predicate not in _resolvers:
            pylsl = load()
            _resolvers[predicate] = pylsl.ContinuousResolver(pred=predicate or None)
        return list(_resolvers[predicate].results())


def search(
    timeout_s: float,
    accept: Callable[[FoundStream], bool],
    *,
    predicate: str = "",
    settle_s: float = SETTLE_S,
    stop: Callable[[], bool] = lambda: False,
) -> list[Any]:
    """Return pylsl descriptions of accepted streams.

    Searches until a stream is found and `settle_s` more has passed (several may match, and the
    second answers later than the first), at most `timeout_s`. A sender that ended remains visible
    for some seconds; if it disappears and no other stream is found, the search continues.
    """
    load()
    deadline = time.monotonic() + timeout_s
    settled = None
    while True:
        found = {info.uid(): info for info in visible(predicate) if accept(describe(info))}
        now = time.monotonic()
        if not found:
            settled = None
        elif settled is None:
            settled = min(now + settle_s, deadline)
        if now >= (deadline if settled is None else settled) or stop():
            return sorted(found.values(), key=lambda i: (i.name(), i.source_id(), i.uid()))
        time.sleep(0.05)
