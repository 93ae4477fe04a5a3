"""Scan for headsets that BrainFlow connects: over Bluetooth, and at serial ports."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from bci_affect.streams.bridge.board import BoardSettings
from bci_affect.streams.bridge.surroundings import (
    SCAN_S,
    Surroundings,
    ThisMachine,
    serial_note,
)

_NAMES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("muses-", ("muse_s", "muse_s_athena"), "Muse S"),
    ("muse-", ("muse_2", "muse_2016", "muse_s", "muse_s_athena"), "Muse"),
    ("ganglion-", ("ganglion_native",), "OpenBCI Ganglion"),
    ("brainbit", ("brainbit",), "BrainBit"),
    ("brainalive", ("brainalive",), "BrainAlive"),
    ("enophone", ("enophone",), "Enophone"),
    ("explore_", ("explore_8_chan", "explore_4_chan", "explore_plus_8_chan"), "Mentalab Explore"),
)
"""Beginning of a Bluetooth name in lower case, the boards it may be, likeliest first."""

_USB: dict[tuple[int, int], tuple[tuple[str, ...], str]] = {
    (0x0403, 0x6015): (("cyton", "cyton_daisy"), "OpenBCI dongle"),
    (0x2458, 0x0001): (("muse_2_bled", "muse_s_bled", "ganglion"), "BLED112 dongle"),
    (0x0483, 0x5740): (("freeeeg32",), "FreeEEG32"),
}
"""USB maker and product of serial ports, and the boards behind them, likeliest first."""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """Device that can be connected directly.

    Attributes
    ----------
    title : str
        Name for the user.
    boards : tuple of str
        BrainFlow's boards that it may be, likeliest first.
    transport : str
        ``bluetooth`` or ``serial``.
    address : str
        Bluetooth address or path of the port.
    name : str
        Bluetooth name; "" for a port.
    strength_dbm : int
        Strength of the radio signal; 0 for a port.
    """

    title: str
    boards: tuple[str, ...]
    transport: str
    address: str
    name: str = ""
    strength_dbm: int = 0

    def settings(self, board: str = "") -> BoardSettings:
        """Return the settings that connect it, as the likeliest board by default."""
        settings = BoardSettings(board or self.boards[0])
        if self.transport == "serial":
            return replace(settings, serial_port=self.address)
        if sys.platform == "darwin":  # addresses are replaced by identifiers of one program there
            return replace(settings, serial_number=self.name)
        return replace(settings, mac_address=self.address)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Found devices, and one line for each transport that could not be searched."""

    devices: tuple[FoundDevice, ...]
    notes: tuple[str, ...] = ()


def scan_devices(seconds: float = SCAN_S, surroundings: Surroundings | None = None) -> ScanResult:
    """Search for headsets (slow: `seconds`)."""
    around = surroundings or ThisMachine()
    seen = around.bluetooth(seconds)
    found = []
    for advertiser in sorted(seen.devices, key=lambda device: -device.strength_dbm):
        name = advertiser.name.casefold()
        for beginning, boards, title in _NAMES:
            if name.startswith(beginning):
                device = FoundDevice(
                    f"{title} ({advertiser.name})",
                    boards,
                    "bluetooth",
                    advertiser.address,
                    advertiser.name,
                    advertiser.strength_dbm,
                )
                found.append(device)
                break
    for port in around.ports():
        known = _USB.get((port.maker, port.product))
        if known is not None:
            boards, title = known
            found.append(FoundDevice(f"{title} at {port.path}", boards, "serial", port.path))
    notes = (seen.note, serial_note() if surroundings is None else "")
    return ScanResult(tuple(found), tuple(note for note in notes if note))
