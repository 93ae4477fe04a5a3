"""LSL outlets of the program, with labels and units in their descriptions."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bci_affect.events import SessionEvent, encode
from bci_affect.streams.event_stream import event_header
from bci_affect.streams.header import StreamHeader, build_header
from bci_affect.streams.lsl import discovery as lsl


class RawOutlet:
    """Outlet for a `StreamHeader`, with its full description.

    Parameters
    ----------
    header : StreamHeader
        Name, type, rate, format, channels, and all of ``<desc>``.
    own : bool
        Sources of this process ignore the outlet.
    """

    def __init__(self, header: StreamHeader, *, own: bool = True) -> None:
        pylsl = lsl.load()
        info = pylsl.StreamInfo(
            name=header.name,
            type=header.type,
            channel_count=header.n_channels,
            nominal_srate=header.rate_hz,
            channel_format=getattr(pylsl, f"cf_{header.format}"),
            source_id=header.source_id,
        )
        desc = ET.fromstring(header.xml).find("desc")
        if desc is not None:
            _copy(desc, info.desc())
        self.header = header
        self._outlet: Any = pylsl.StreamOutlet(info)
        if own:
            lsl.own_uids.add(self._outlet.get_info().uid())

    def has_consumers(self) -> bool:
        """Return True if a receiver is connected."""
        return bool(self._outlet.have_consumers())

    def push(self, samples: Any, stamps: NDArray[np.float64]) -> None:
        """Send samples (n, n_channels), or rows of texts, with one stamp each."""
        if len(stamps):
            self._outlet.push_chunk(samples, stamps.tolist())

    def close(self) -> None:
        """Remove the stream from the network; no push may follow."""
        self._outlet = None  # liblsl's handle closes with its last reference


class FloatOutlet:
    """Outlet of rows of numbers, such as estimates, each with its time.

    Parameters
    ----------
    name, type : str
        As receivers search for it.
    labels, units : sequence of str
        One per value; a unit may be "".
    rate : float
        Nominal rate; 0 for irregular.
    source_id : str
        Stable identity, by which receivers find the stream after a restart.
    """

    def __init__(
        self,
        name: str,
        type: str,
        labels: Sequence[str],
        units: Sequence[str] = (),
        rate: float = 0.0,
        source_id: str = "",
    ) -> None:
        self.header = build_header(
            name, type, labels, units=units, rate_hz=rate, source_id=source_id or name
        )
        self._outlet = RawOutlet(self.header)

    def push(self, values: ArrayLike, time: float) -> None:
        """Send one row (n_values,) for LSL time `time`."""
        row = np.asarray(values, np.float32).reshape(1, self.header.n_channels)
        self._outlet.push(row, np.array([time], np.float64))

    def close(self) -> None:
        """Remove the stream from the network."""
        self._outlet.close()


class EventOutlet:
    """Outlet of a session's events.

    Parameters
    ----------
    session_id : str
        Identity of the session, from `new_session_id`.
    """

    def __init__(self, session_id: str) -> None:
        self._outlet = RawOutlet(event_header(session_id))

    def push(self, event: SessionEvent, time: float) -> None:
        """Send one event for LSL time `time`."""
        self._outlet.push([[encode(event)]], np.array([time], np.float64))

    def close(self) -> None:
        """Remove the stream from the network."""
        self._outlet.close()


def _copy(source: ET.Element, target: Any) -> None:
    """Copy a description into LSL's own tree."""
    for child in source:
        if len(child):
            _copy(child, target.append_child(child.tag))
        else:
            target.append_child_value(child.tag, child.text or "")
