"""Recognition of a lost device among the visible streams, and checks of its format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.numeric_markers import is_marker_stream


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


def accompanies(eeg: FoundStream, seen: FoundStream) -> bool:
    """Return True for a side stream of a device: same source id or host, not EEG, no markers."""
    near = seen.source_id == eeg.source_id != "" or seen.hostname == eeg.hostname
    other_eeg = seen.type.casefold() in ("eeg", eeg.type.casefold())
    markers = is_marker_stream(seen.name, seen.type, seen.format, seen.rate_hz)
    return near and not other_eeg and not markers


def is_named(stream: FoundStream, names: Collection[str]) -> bool:
    """Return True if names include a stream by NAME, TYPE or NAME/TYPE."""
    name, kind = stream.name.casefold(), stream.type.casefold()
    return not {name, kind, f"{name}/{kind}"}.isdisjoint(each.casefold() for each in names)


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
        "it is not used. The session continues once it returns as it was; to use it as it is, "
        "start a new session."
    )


def relabelled(header: StreamHeader, before: StreamHeader) -> str:
    """Return the reason why a stream with other channels cannot continue, or ""."""
    if header.labels == before.labels:
        return ""
    return (
        f"The device came back with other channels ({', '.join(header.labels)}); it is not used. "
        "The session continues once it returns as it was; to use it as it is, start a new session."
    )
