"""Feeds of a board: its channels sorted into LSL streams, one for each kind of sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.streams.bridge.board import DEFAULT, BoardSettings
from bci_affect.streams.header import StreamHeader, build_header


@dataclass(frozen=True, slots=True)
class _Kind:
    """Kind of sensor: its rows in BrainFlow's description, and its LSL stream.

    Attributes
    ----------
    rows : str
        Key of the rows.
    type, unit : str
        LSL type and unit.
    labels : tuple of str
        Names of the channels; numbered ones follow if there are more.
    """

    rows: str
    type: str
    unit: str
    labels: tuple[str, ...] = ()


_KINDS = (
    _Kind("accel_channels", "ACC", "g", ("X", "Y", "Z")),
    _Kind("gyro_channels", "GYRO", "degrees/s", ("X", "Y", "Z")),
    _Kind("magnetometer_channels", "MAG", "", ("X", "Y", "Z")),
    _Kind("ppg_channels", "PPG", ""),
    _Kind("optical_channels", "OPTICS", ""),
    _Kind("eda_channels", "EDA", "microsiemens"),
    _Kind("temperature_channels", "Temperature", "degrees Celsius"),
    _Kind("resistance_channels", "Impedance", "ohms"),
    _Kind("battery_channel", "Battery", "percent", ("battery",)),
)
BATTERY = "Battery"


@dataclass(frozen=True, slots=True)
class Feed:
    """LSL stream of a board.

    Attributes
    ----------
    preset : int
        BrainFlow's preset.
    rows : tuple of int
        Rows of its samples.
    time_row, package_row : int
        Rows of the time stamps and of the package counter; -1 if missing.
    header : StreamHeader
        Description on LSL. A battery's stream is irregular.
    """

    preset: int
    rows: tuple[int, ...]
    time_row: int
    package_row: int
    header: StreamHeader

    @property
    def type(self) -> str:
        """LSL type."""
        return self.header.type


def make_feeds(
    settings: BoardSettings,
    described: Mapping[int, Mapping[str, Any]],
    rates_hz: Mapping[int, float],
    *,
    side_streams: bool = True,
) -> tuple[Feed, ...]:
    """Return the streams of a board, EEG first.

    Parameters
    ----------
    settings : BoardSettings
        Names and labels.
    described : mapping
        BrainFlow's description of each preset.
    rates_hz : mapping
        Present rate of each preset; the description's rate by default.
    side_streams : bool
        Add the streams of the other sensors.

    Raises
    ------
    BciAffectError
        If the board has no EEG, or `labels` has another length.
    """
    eeg = _eeg(settings, described, rates_hz)
    if not side_streams:
        return (eeg,)
    taken: set[tuple[int, tuple[int, ...]]] = set()
    feeds = [eeg]
    for kind in _KINDS:
        # A sensor's own preset has its own rate; the default preset only repeats its last value.
        for preset in sorted(described, key=lambda number: number == DEFAULT):
            found = described[preset].get(kind.rows)
            rows = (found,) if isinstance(found, int) else tuple(found or ())
            if rows and (preset, rows) not in taken:
                taken.add((preset, rows))
                feeds.append(_side(settings, kind, preset, rows, described[preset], rates_hz))
                break
    return tuple(feeds)


def board_source_id(settings: BoardSettings) -> str:
    """Return the stable identity of a board's EEG stream.

    Examples
    --------
    >>> board_source_id(BoardSettings("cyton", serial_port="/dev/ttyUSB0"))
    'brainflow-cyton-ttyUSB0'
    """
    port = PurePath(settings.serial_port.replace("\\", "/")).name
    address = f"{settings.ip_address}:{settings.ip_port}" if settings.ip_address else ""
    parts = (settings.board.lower(), settings.serial_number, settings.mac_address, port, address)
    return "brainflow-" + "-".join(part for part in parts if part)


def _eeg(
    settings: BoardSettings,
    described: Mapping[int, Mapping[str, Any]],
    rates_hz: Mapping[int, float],
) -> Feed:
    preset = next((p for p in sorted(described) if described[p].get("eeg_channels")), None)
    if preset is None:
        raise BciAffectError(
            f"The board '{settings.board}' has no EEG channels of its own; name the board that "
            "made the recording with --master."
        )
    of = described[preset]
    rows = tuple(of["eeg_channels"])
    named = [name for name in str(of.get("eeg_names", "")).split(",") if name]
    labels: Sequence[str] = settings.labels or named or [""] * len(rows)
    if len(labels) != len(rows):
        raise BciAffectError(
            f"The board has {len(rows)} EEG channels, but {len(labels)} names are given."
        )
    header = build_header(
        f"BrainFlow {settings.board.lower()}",
        "EEG",
        labels,
        units=["microvolts"] * len(rows),
        types=["EEG"] * len(rows),
        rate_hz=rates_hz.get(preset, float(of["sampling_rate"])),
        source_id=board_source_id(settings),
        simulated=settings.key.startswith("synthetic"),
    )
    return Feed(preset, rows, *_stamps(of), header)


def _side(
    settings: BoardSettings,
    kind: _Kind,
    preset: int,
    rows: tuple[int, ...],
    of: Mapping[str, Any],
    rates_hz: Mapping[int, float],
) -> Feed:
    labels = [
        kind.labels[i] if i < len(kind.labels) else f"{kind.type} {i + 1}" for i in range(len(rows))
    ]
    regular = kind.type != BATTERY
    header = build_header(
        f"BrainFlow {settings.board.lower()} {kind.type}",
        kind.type,
        labels,
        units=[kind.unit] * len(rows),
        types=[kind.type] * len(rows),
        rate_hz=rates_hz.get(preset, float(of["sampling_rate"])) if regular else 0.0,
        source_id=f"{board_source_id(settings)}-{kind.type.lower()}",
        simulated=settings.key.startswith("synthetic"),
    )
    return Feed(preset, rows, *_stamps(of), header)


def _stamps(of: Mapping[str, Any]) -> tuple[int, int]:
    return int(of["timestamp_channel"]), int(of.get("package_num_channel", -1))
