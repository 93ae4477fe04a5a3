"""Recognition of a lost device among the visible streams, and checks of its format."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream


def returned(known: FoundStream, seen: Sequence[FoundStream]) -> tuple[FoundStream, str] | None:
    """Return the visible stream that is the lost one, and the property that identifies it."""
    # A side stream of the same device (PPG, accelerometer, markers) never replaces the EEG.
    others = [
        stream
        for stream in seen
        if stream.uid not in (known.uid, *lsl.own_uids) and _is_kind_of(known, stream)
    ]
    same: Callable[[FoundStream], bool]
    if known.source_id:
        by_id = [stream for stream in others if stream.source_id == known.source_id]
        if by_id:
            return max(by_id, key=lambda stream: _likeness(known, stream)), "same source id"
    for same, how in (
        (
            lambda s: (
                (s.name, s.type, s.n_channels, s.rate_hz)
                == (known.name, known.type, known.n_channels, known.rate_hz)
            ),
            "same name, type, channels and rate",
        ),
        (lambda s: (s.name, s.type) == (known.name, known.type), "same name and type"),
    ):
        matching = [stream for stream in others if same(stream)]
        if len(matching) == 1:
            return matching[0], how
    return None


def _is_kind_of(known: FoundStream, seen: FoundStream) -> bool:
    """Return True for a numeric stream of the same type that is as regular as the lost one."""
    return (
        seen.type.casefold() == known.type.casefold()
        and seen.format != "string"
        and (seen.rate_hz > 0) == (known.rate_hz > 0)
    )


def _likeness(known: FoundStream, seen: FoundStream) -> tuple[bool, bool, bool, float]:
    """Return how much a stream with the same id is like the lost one, to be compared.

    Of two that are alike, the older has just ended and is still visible.
    """
    return (
        (seen.n_channels, seen.rate_hz) == (known.n_channels, known.rate_hz),
        seen.hostname == known.hostname,
        seen.name == known.name,
        seen.created,
    )


def changed(found: FoundStream, before: StreamHeader) -> str:
    """Return the reason why a returned stream cannot continue, or ""."""
    differences = [
        f"{what} {new} instead of {old}"
        for what, new, old in (
            ("a rate of", f"{found.rate_hz:g} Hz", f"{before.rate_hz:g} Hz"),
            ("channels:", found.n_channels, before.n_channels),
            ("samples of type", found.format, before.format),
        )
        if new != old
    ]
    if not differences:
        return ""
    return (
        f"The device came back with {' and '.join(differences)}; "
        "it is not used. End this session and start a new one."
    )


def relabelled(header: StreamHeader, before: StreamHeader) -> str:
    """Return the reason why a stream with other channels cannot continue, or ""."""
    if header.labels == before.labels:
        return ""
    return (
        f"The device came back with other channels ({', '.join(header.labels)}); end this session "
        "and start a new one."
    )
