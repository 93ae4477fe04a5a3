"""Stream header: parser and writer of the ``<info>`` XML of LSL and XDF.

LSL sends this XML over the network and XDF stores the same text as its stream header, so a live
stream and its recording share one parser.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bci_affect.eeg import make_montage, unique_names
from bci_affect.errors import BciAffectError
from bci_affect.streams.source import StreamInfo

FORMATS: dict[str, np.dtype[np.generic] | None] = {
    "float32": np.dtype("<f4"),
    "double64": np.dtype("<f8"),
    "int8": np.dtype("i1"),
    "int16": np.dtype("<i2"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "string": None,
}
"""Sample formats of LSL and XDF; None stands for text."""

MAX_CHANNELS = 65_536
"""Most channels of a stream; a header with more is treated as damaged."""


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Parsed stream header.

    Attributes
    ----------
    name, type, source_id : str
        Names given by the stream; "" if missing.
    n_channels : int
        Channels of one sample.
    rate_hz : float
        Nominal rate; 0 for irregular streams.
    format : str
        One of `FORMATS`.
    labels, units, types : tuple of str
        Per channel. Labels are unique and not empty; units and types are "" if missing.
    has_labels : bool
        False if the labels were generated.
    uid : str
        Identity of the outlet; changes when a device restarts.
    simulated : bool
        The stream declares itself simulated.
    xml : str
        Full text as received.
    """

    name: str
    type: str
    source_id: str
    n_channels: int
    rate_hz: float
    format: str
    labels: tuple[str, ...]
    units: tuple[str, ...]
    types: tuple[str, ...]
    has_labels: bool
    uid: str
    simulated: bool
    xml: str

    @property
    def is_text(self) -> bool:
        """True if samples are strings."""
        return self.format == "string"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of one value of a numeric stream."""
        dtype = FORMATS[self.format]
        if dtype is None:
            raise TypeError("a text stream has no numeric type")
        return dtype

    def info(self, picks: Sequence[int] | None = None) -> StreamInfo:
        """Return the description of the stream, for all or picked channels."""
        chosen = range(self.n_channels) if picks is None else picks
        labels = tuple(self.labels[i] for i in chosen)
        return StreamInfo(
            name=self.name,
            type=self.type,
            source_id=self.source_id,
            rate_hz=self.rate_hz,
            labels=labels,
            units=tuple(self.units[i] for i in chosen),
            montage=make_montage(labels, types=[self.types[i] for i in chosen]),
            simulated=self.simulated,
        )


def parse_header(xml: str) -> StreamHeader:
    """Read the ``<info>`` XML of a stream.

    Raises
    ------
    BciAffectError
        If it is not XML, or lacks channel count, format or rate.
    """
    try:
        root = ET.fromstring(xml)
    except ET.ParseError as error:
        raise BciAffectError(f"A stream header is not readable XML ({error}).") from None
    name = _text(root, "name")
    try:
        n_channels = int(_text(root, "channel_count"))
        rate_hz = float(_text(root, "nominal_srate") or 0.0)
    except ValueError:
        raise BciAffectError(
            f"The header of stream '{name}' lacks a readable channel count or rate."
        ) from None
    fmt = _text(root, "channel_format")
    if fmt not in FORMATS or not 1 <= n_channels <= MAX_CHANNELS or not _sane_rate(rate_hz):
        raise BciAffectError(
            f"The header of stream '{name}' is damaged: {n_channels} channels of format "
            f"'{fmt}' at {rate_hz} Hz."
        )
    channels = root.findall("./desc/channels/channel")[:n_channels]
    given = [_text(node, "label") or _text(node, "name") for node in channels]
    units = [_text(node, "unit") or _text(node, "units") for node in channels]
    types = [_text(node, "type") for node in channels]
    missing = n_channels - len(channels)
    given, units, types = given + [""] * missing, units + [""] * missing, types + [""] * missing
    kind = _text(root, "type")
    return StreamHeader(
        name=name,
        type=kind,
        source_id=_text(root, "source_id"),
        n_channels=n_channels,
        rate_hz=rate_hz,
        format=fmt,
        labels=unique_names(_filled(given, kind)),
        units=tuple(units),
        types=tuple(types),
        has_labels=any(given),
        uid=_text(root, "uid"),
        simulated=_text(root, "desc/simulated").lower() == "true",
        xml=xml,
    )


def build_header(
    name: str,
    kind: str,
    labels: Sequence[str],
    *,
    units: Sequence[str] = (),
    types: Sequence[str] = (),
    rate_hz: float = 0.0,
    fmt: str = "float32",
    source_id: str = "",
    simulated: bool = False,
) -> StreamHeader:
    """Return the header of a new stream, with the XML that LSL and XDF use."""
    root = ET.Element("info")
    for tag, value in (
        ("name", name),
        ("type", kind),
        ("channel_count", str(len(labels))),
        ("nominal_srate", repr(float(rate_hz))),
        ("channel_format", fmt),
        ("source_id", source_id),
    ):
        ET.SubElement(root, tag).text = value
    desc = ET.SubElement(root, "desc")
    if simulated:
        ET.SubElement(desc, "simulated").text = "true"
    channels = ET.SubElement(desc, "channels")
    for i, label in enumerate(labels):
        node = ET.SubElement(channels, "channel")
        for tag, values in (("label", labels), ("unit", units), ("type", types)):
            if i < len(values) and values[i]:
                ET.SubElement(node, tag).text = values[i] if tag != "label" else label
    return parse_header(ET.tostring(root, encoding="unicode"))


_PROCESSED = ("desc", "bci_affect", "processed_rate_hz")


def with_processed_rate(header: StreamHeader, rate_hz: float) -> StreamHeader:
    """Return a header with another rate than announced, and a note of it in the XML.

    The announced rate stays in the XML as received. A recording thereby has the rate at which the
    live run processed the stream.
    """
    root = ET.fromstring(header.xml)
    node = root
    for tag in _PROCESSED:
        child = node.find(tag)
        node = ET.SubElement(node, tag) if child is None else child
    node.text = repr(float(rate_hz))
    return replace(header, rate_hz=rate_hz, xml=ET.tostring(root, encoding="unicode"))


def processed_rate(header: StreamHeader) -> float:
    """Return the rate that `with_processed_rate` noted; 0 for none."""
    if _PROCESSED[-1] not in header.xml:
        return 0.0
    try:
        rate_hz = float(_text(ET.fromstring(header.xml), "/".join(_PROCESSED)))
    except ValueError:
        return 0.0
    return rate_hz if _sane_rate(rate_hz) else 0.0


def pick_channels(header: StreamHeader, channels: Sequence[str] | None) -> list[int]:
    """Return indices of the named channels (case is ignored), or of all.

    Raises
    ------
    BciAffectError
        If the stream lacks one of them; the message lists its channels.
    """
    if channels is None:
        return list(range(header.n_channels))
    index = {label.lower(): i for i, label in enumerate(header.labels)}
    unknown = [name for name in channels if name.lower() not in index]
    if unknown or not channels:
        raise BciAffectError(
            f"Stream '{header.name}' has no channel {', '.join(unknown) or '(none named)'}; "
            f"it has {', '.join(header.labels)}."
        )
    picks = [index[name.lower()] for name in channels]
    if len(set(picks)) != len(picks):
        raise BciAffectError("A channel was asked for twice; name each channel once.")
    return picks


def decode_text(raw: bytes) -> str:
    """Decode text of a stream: UTF-8, or else the code page of Windows (CP1252), or Latin-1.

    Examples
    --------
    >>> decode_text("µV".encode("cp1252"))
    'µV'
    """
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _filled(given: Sequence[str], kind: str) -> list[str]:
    """Name channels without a label after the stream's type."""
    prefix = kind if kind else "EEG"
    return [label or f"{prefix} {i + 1:03d}" for i, label in enumerate(given)]


def _sane_rate(rate_hz: float) -> bool:
    return math.isfinite(rate_hz) and 0.0 <= rate_hz <= 1e6


def _text(node: ET.Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
