"""Validation of streams from the network: limits, and agreement of both descriptions.

A stream describes itself twice: in the short answer to a search, by which liblsl sizes its
samples, and in the complete description, which names channels and units. A stream whose two
descriptions differ would write beyond the receive buffer and is refused.
"""

from __future__ import annotations

import math

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import FORMATS, StreamHeader
from bci_affect.streams.lsl.discovery import FoundStream

MAX_LIVE_CHANNELS = 4096
"""Most channels of a live stream."""
MAX_LIVE_RATE_HZ = 100_000.0
"""Highest nominal rate of a live stream."""
MAX_BYTES_PER_S = 32e6
"""Most nominal bytes per second of a live stream: liblsl allocates five seconds in advance."""
MAX_STREAMS = 256
"""Most streams that one collector receives at the same time."""
MAX_TEXT_BYTES = 1 << 20
"""Longest text of one sample."""
MAX_TEXT_BYTES_PER_PULL = 16 << 20
"""Most text of one stream in one pull (20 per second)."""
MAX_TEXTS_PER_S = 2000
"""Most texts of one stream in a second; more would delay the EEG."""
BUFFER_S = 360
"""Longest time in seconds that liblsl buffers for a program that does not pull."""
_BUFFER_BYTES = 256e6
_SAMPLE_OVERHEAD = 80  # bytes of liblsl's own for each buffered sample
_TEXT_BYTES = 512  # assumed for one buffered text


def check_limits(found: FoundStream) -> None:
    """Refuse a stream that exceeds a limit, before liblsl allocates memory for it.

    Raises
    ------
    BciAffectError
        With the exceeded limit.
    """
    if found.format not in FORMATS:
        raise _refused(found.name, "announces samples of an unknown format")
    if not 1 <= found.n_channels <= MAX_LIVE_CHANNELS:
        raise _refused(
            found.name,
            f"announces {found.n_channels} channels, and {MAX_LIVE_CHANNELS} is the most",
        )
    if not 0.0 <= found.rate_hz <= MAX_LIVE_RATE_HZ:  # false for NaN too
        raise _refused(
            found.name, f"announces {found.rate_hz:g} Hz, and {MAX_LIVE_RATE_HZ:g} Hz is the most"
        )
    if found.rate_hz * _sample_bytes(found) > MAX_BYTES_PER_S:
        raise _refused(
            found.name,
            f"announces {found.rate_hz * _sample_bytes(found) / 1e6:.0f} MB per second, and "
            f"{MAX_BYTES_PER_S / 1e6:.0f} is the most",
        )


def check_agreement(found: FoundStream, header: StreamHeader) -> None:
    """Refuse a stream whose complete description contradicts its short one.

    Raises
    ------
    BciAffectError
        With the contradictions.
    """
    contradictions = [
        f"{short} and {full}"
        for short, full, same in (
            (
                f"{found.n_channels} channels of {found.format}",
                f"{header.n_channels} of {header.format}",
                (found.n_channels, found.format) == (header.n_channels, header.format),
            ),
            (
                f"{found.rate_hz:g} Hz",
                f"{header.rate_hz:g} Hz",
                math.isclose(found.rate_hz, header.rate_hz, rel_tol=1e-6),
            ),
        )
        if not same
    ]
    if contradictions:
        raise _refused(found.name, f"describes itself in two ways ({'; '.join(contradictions)})")


def buffer_length(found: FoundStream) -> int:
    """Return liblsl's ``max_buflen`` for a stream: seconds, or 100 samples each if irregular."""
    size = _SAMPLE_OVERHEAD + _sample_bytes(found)
    per_unit = size * (found.rate_hz or 100.0)
    return max(1, min(BUFFER_S, int(_BUFFER_BYTES / per_unit)))


def check_texts(name: str, rows: list[list[str]]) -> None:
    """Refuse texts of one pull that exceed a limit.

    Raises
    ------
    BciAffectError
        With the exceeded limit.
    """
    sizes = [len(text) for row in rows for text in row]
    if max(sizes, default=0) > MAX_TEXT_BYTES:
        raise _refused(name, f"sends a text of more than {MAX_TEXT_BYTES >> 20} MB")
    if sum(sizes) > MAX_TEXT_BYTES_PER_PULL:
        raise _refused(name, "sends more text than the computer can process")


class TextRate:
    """Limit of the texts that one stream may send per second."""

    def __init__(self) -> None:
        self._since = math.nan
        self._count = 0

    def push(self, name: str, count: int, now: float) -> None:
        """Add texts of a stream that were received at `now`.

        Raises
        ------
        BciAffectError
            If they exceed the limit.
        """
        if not now - self._since < 1.0:  # also before the first
            self._since, self._count = now, 0
        self._count += count
        if self._count > MAX_TEXTS_PER_S:
            raise _refused(name, f"sends more than {MAX_TEXTS_PER_S:,} texts a second")


def _sample_bytes(found: FoundStream) -> int:
    """Return the bytes of one sample."""
    dtype = FORMATS[found.format]
    return found.n_channels * (dtype.itemsize if dtype is not None else _TEXT_BYTES)


def _refused(name: str, reason: str) -> BciAffectError:
    return BciAffectError(
        f"Stream '{name}' is not used: it {reason}. Update or restart the program that sends it."
    )
