"""What the program publishes over LSL, with labels and units that any receiver can read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bci_affect.streams.header import StreamHeader, build_header
from bci_affect.streams.lsl import discovery as lsl


class RawOutlet:
    """An outlet that sends what a `StreamHeader` describes, its whole description included.

    Parameters
    ----------
    header : StreamHeader
        Name, type, rate, format, channels, and everything below ``<desc>``.
    own : bool
        Whether sources of this process shall not listen to it.
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
        """Whether anybody listens."""
        return bool(self._outlet.have_consumers())

    def push(self, samples: Any, stamps: NDArray[np.float64]) -> None:
        """Send samples (n, n_channels), or rows of texts, with one stamp each."""
        if len(stamps):
            self._outlet.push_chunk(samples, stamps.tolist())

    def close(self) -> None:
        """Take the stream off the network; nothing may be pushed after."""
        self._outlet = None  # liblsl's handle closes when nobody holds it


class FloatOutlet:
    """Publishes rows of numbers, such as estimates, each with the time it speaks of.

    Parameters
    ----------
    name, type : str
        As receivers search for it.
    labels, units : sequence of str
        One per value; a unit may be "".
    rate : float
        Nominal rate; 0 for irregular.
    source_id : str
        Stable identity, by which receivers find the stream again after a restart.
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
        """Send one row (n_values,) that speaks of LSL time `time`."""
        row = np.asarray(values, np.float32).reshape(1, self.header.n_channels)
        self._outlet.push(row, np.array([time], np.float64))

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet.close()


class EventOutlet:
    """Publishes events as text, one JSON object each by the house's custom."""

    def __init__(self, name: str, source_id: str = "") -> None:
        self.header = build_header(
            name, "Markers", ["event"], fmt="string", source_id=source_id or name
        )
        self._outlet = RawOutlet(self.header)

    def push(self, text: str, time: float) -> None:
        """Send one event of LSL time `time`."""
        self._outlet.push([[text]], np.array([time], np.float64))

    def close(self) -> None:
        """Take the stream off the network."""
        self._outlet.close()


def _copy(source: ET.Element, target: Any) -> None:
    """Copy a description into LSL's own tree."""
    for child in source:
        if len(child):
            _copy(child, target.append_child(child.tag))
        else:
            target.append_child_value(child.tag, child.text or "")
