"""Interface of EEG sources: LSL inlets, recordings, and simulators."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from bci_affect.eeg import Chunk, Montage
from bci_affect.errors import StreamTimeout
from bci_affect.events import SessionEvent

if TYPE_CHECKING:
    from bci_affect.streams.tap import RawTap


class ConnectionState(StrEnum):
    """State of a source's connection; `Health` adds a reason and the time of the change."""

    SEARCHING = "searching"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    STALLED = "stalled"
    LOST = "lost"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Description of a stream.

    Attributes
    ----------
    name, type, source_id : str
        As on LSL or in the recording.
    rate_hz : float
        Nominal rate; 0 for an irregular stream.
    labels : tuple of str
        Channel labels, unique and not empty.
    units : tuple of str
        Unit of each channel as named by the stream; "" if missing.
    montage : Montage
        Positions of the channels, and which of them are EEG.
    simulated : bool
        True for the simulator and the demonstration: the screen shows a badge.
    """

    name: str
    type: str
    source_id: str
    rate_hz: float
    labels: tuple[str, ...]
    units: tuple[str, ...]
    montage: Montage
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Marker:
    """Marker: sample of a text stream or numeric marker stream, or change of a trigger column.

    Attributes
    ----------
    time : float
        LSL time.
    text : str
        Text as received; a number without needless digits (``7``), several separated by tabs.
    stream : str
        Name of the stream, with the label of a trigger column.
    event : SessionEvent or None
        Event of a session's own stream; None for a marker of any other program.
    """

    time: float
    text: str
    stream: str = ""
    event: SessionEvent | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Consistent snapshot of a source's state, rates and losses.

    Attributes
    ----------
    state : ConnectionState
        State of the connection.
    reason : str
        One sentence for the user; "" without a problem.
    since : float
        LSL time at which `state` began.
    nominal_hz, effective_hz : float
        Nominal rate, and the measured one (NaN until it is known).
    expected, received, lost, late : int
        Samples: due by the stamps, arrived, missing, and arrived after their time.
    clock_offset_s : float
        Offset from the sender's clock to this machine's.
    """

    state: ConnectionState
    reason: str
    since: float
    nominal_hz: float
    effective_hz: float
    expected: int = 0
    received: int = 0
    lost: int = 0
    late: int = 0
    clock_offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SideStream:
    """Stream that is received next to the EEG.

    Attributes
    ----------
    name, type : str
        As on LSL.
    n_channels : int
        Channels of one sample.
    nominal_hz, effective_hz : float
        Announced rate (0 for none), and samples per second so far (NaN before the second one).
    received : int
        Samples so far.
    age_s : float
        Age of the newest sample; NaN before the first.
    """

    name: str
    type: str
    n_channels: int
    nominal_hz: float
    effective_hz: float
    received: int
    age_s: float


class Source(Protocol):
    """Source of EEG chunks. One thread calls `read`; any thread may call `health`.

    Attributes
    ----------
    tap : RawTap or None
        Receives all raw data; may be set at any time.
    awaited : float
        Time of the sample that completes the reader's next result, NaN for none; set by the
        reader, so that a live source is awake when the sample arrives.
    due : float
        Expected arrival of that sample on this machine's LSL clock; NaN if unknown. It stays until
        the next `read`, so that other threads can avoid the time at which the reader computes.
    """

    tap: RawTap | None
    awaited: float
    due: float

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; raises `RuntimeError` before `open`."""

    @property
    def health(self) -> Health:
        """Present state, rates and losses."""

    def open(self, timeout_s: float) -> StreamInfo:
        """Connect, waiting at most `timeout_s`; raises `BciAffectError` if no stream is found."""

    def read(self, timeout_s: float) -> Chunk | None:
        """Return the next chunk, or None when none arrived in `timeout_s`.

        Raises `EndOfStream` when a finite source is at its end.
        """

    def markers(self) -> list[Marker]:
        """Return events that arrived since the last call."""

    def side_streams(self) -> list[SideStream]:
        """Return the other streams that are received now; a recording has none."""

    def close(self) -> None:
        """Release everything; safe to call twice and from any thread."""


class EndOfStream(Exception):
    """End of a recording."""


def read_to_end(source: Source, timeout_s: float | None = None) -> Iterator[Chunk]:
    """Yield all chunks of a source until it ends or is closed.

    Parameters
    ----------
    source : Source
        Opened source.
    timeout_s : float, optional
        Longest wait for a chunk; by default without limit.

    Raises
    ------
    StreamTimeout
        If no chunk arrived within `timeout_s`.
    """
    arrived = time.monotonic()
    while True:
        try:
            chunk = source.read(1.0 if timeout_s is None else min(timeout_s, 1.0))
        except EndOfStream:
            return
        if chunk is not None:
            yield chunk
            arrived = time.monotonic()
        elif source.health.state is ConnectionState.STOPPED:
            return
        elif timeout_s is not None and time.monotonic() - arrived >= timeout_s:
            raise StreamTimeout(
                f"No EEG arrived within {timeout_s:g} s; the stream is {source.health.state}"
                f"{f' ({source.health.reason})' if source.health.reason else ''}."
            )


class ManagedSource(Source, Protocol):
    """Context manager and iteration over chunks, common to the sources.

    ``with`` opens the source on entry and closes it on exit.
    """

    wait_s: float
    """Seconds to wait for the stream on entry."""

    def __enter__(self) -> Self:
        self.open(self.wait_s)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def chunks(self, timeout_s: float | None = None) -> Iterator[Chunk]:
        """Yield chunks until the source ends or is closed.

        Parameters
        ----------
        timeout_s : float, optional
            Longest wait for a chunk; by default without limit.

        Raises
        ------
        StreamTimeout
            If no chunk arrived within `timeout_s`.
        """
        return read_to_end(self, timeout_s)
