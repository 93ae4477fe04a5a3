"""Surroundings of a board on this machine: Bluetooth and serial ports, and devices in reach.

Bluetooth is reached through bleak and serial ports through pyserial, both of the extra ``headset``.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

SCAN_S = 4.0
MISSING = (
    "the extra 'headset' is not installed completely (pip install --upgrade 'bci_affect[headset]')"
)


class Bluetooth(StrEnum):
    """State of this machine's Bluetooth."""

    ON = "on"
    OFF = "off"
    ABSENT = "absent"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Advertiser:
    """Bluetooth device that advertises itself; a connected one does not."""

    name: str
    address: str
    strength_dbm: int


@dataclass(frozen=True, slots=True)
class SerialPort:
    """Serial port, with the numbers of its USB maker and product (-1 if unknown)."""

    path: str
    description: str = ""
    maker: int = -1
    product: int = -1


@dataclass(frozen=True, slots=True)
class Seen:
    """Result of a Bluetooth search: the state, devices, and one line on why there are none."""

    state: Bluetooth
    devices: tuple[Advertiser, ...] = ()
    note: str = ""


class Surroundings(Protocol):
    """Facts about this machine that explain why a board does not answer."""

    def bluetooth(self, seconds: float = SCAN_S) -> Seen:
        """Search for Bluetooth devices (slow)."""

    def ports(self) -> tuple[SerialPort, ...]:
        """Return the serial ports."""

    def may_open(self, path: str) -> bool:
        """Return True if this user may open the port."""

    def group(self, path: str) -> str:
        """Return the group whose members may open the port; "" if there is none."""


class ThisMachine:
    """`Surroundings` of this machine."""

    def bluetooth(self, seconds: float = SCAN_S) -> Seen:
        """Search for Bluetooth devices (slow)."""
        try:
            bleak: Any = importlib.import_module("bleak")
        except ImportError:
            return Seen(Bluetooth.UNKNOWN, note=f"Bluetooth cannot be searched: {MISSING}.")
        try:
            found = asyncio.run(bleak.BleakScanner.discover(seconds, return_adv=True))
        except Exception as error:  # bleak passes on errors of each system's Bluetooth service
            return _unavailable(error)
        devices = tuple(
            Advertiser(advertised.local_name or device.name or "", device.address, advertised.rssi)
            for device, advertised in found.values()
        )
        return Seen(Bluetooth.ON, devices)

    def ports(self) -> tuple[SerialPort, ...]:
        """Return the serial ports."""
        try:
            tools: Any = importlib.import_module("serial.tools.list_ports")
        except ImportError:
            return ()
        return tuple(
            SerialPort(
                port.device,
                port.description or "",
                -1 if port.vid is None else port.vid,
                -1 if port.pid is None else port.pid,
            )
            for port in tools.comports()
        )

    def may_open(self, path: str) -> bool:
        """Return True if this user may open the port."""
        return sys.platform == "win32" or os.access(path, os.R_OK | os.W_OK)

    def group(self, path: str) -> str:
        """Return the group whose members may open the port."""
        try:
            return Path(path).group()
        except (OSError, KeyError, NotImplementedError):
            return ""


def serial_note() -> str:
    """Return why serial ports cannot be listed, or ""."""
    if importlib.util.find_spec("serial") is None:
        return f"Serial ports cannot be listed: {MISSING}."
    return ""


def same_device(devices: Sequence[Advertiser], address: str, name: str) -> bool:
    """Return True if one of the devices has the address, or the name (as a part, in any case)."""
    return any(
        (address and device.address.casefold() == address.casefold())
        or (name and name.casefold() in device.name.casefold())
        for device in devices
    )


def _unavailable(error: Exception) -> Seen:
    """Return the state of a Bluetooth that cannot be searched."""
    reason = getattr(getattr(error, "reason", None), "name", "")
    text = f"{error} {getattr(error, 'dbus_error', '')}"
    if reason == "POWERED_OFF" or "NotReady" in text or "powered" in text.lower():
        return Seen(Bluetooth.OFF, note="Bluetooth is switched off; switch it on and search again.")
    if reason.startswith("DENIED") or "AccessDenied" in text:
        return Seen(
            Bluetooth.DENIED,
            note="This program may not use Bluetooth; allow it in the settings of the system.",
        )
    return Seen(
        Bluetooth.ABSENT,
        note="This machine has no Bluetooth adapter, or its Bluetooth service does not run.",
    )
