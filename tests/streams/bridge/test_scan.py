"""The scan lists headsets by the boards that connect them, and names what it could not search."""

from __future__ import annotations

from bci_affect.streams import BoardSettings, scan_devices
from bci_affect.streams.bridge.surroundings import Advertiser, Bluetooth, SerialPort
from tests.streams.bridge.stand_in import StandInMachine

DONGLE = SerialPort("/dev/ttyUSB0", "FT231X USB UART", 0x0403, 0x6015)
MODEM = SerialPort("/dev/ttyACM0", "Modem", 0x1234, 0x0001)


def test_headsets_are_found_and_other_devices_left_out(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    near = Advertiser("MuseS-12AB", "00:55:DA:B0:12:AB", -50)
    far = Advertiser("Muse-34CD", "00:55:DA:B0:34:CD", -80)
    others = [Advertiser("Kitchen light", "11:22:33:44:55:66", -30), Advertiser("", "x", -20)]
    result = scan_devices(0, StandInMachine(devices=[far, near, *others], ports=[DONGLE, MODEM]))
    assert [d.title for d in result.devices] == [
        "Muse S (MuseS-12AB)",
        "Muse (Muse-34CD)",
        "OpenBCI dongle at /dev/ttyUSB0",
    ]
    muse_s, _, dongle = result.devices
    assert muse_s.settings() == BoardSettings("muse_s", mac_address="00:55:DA:B0:12:AB")
    assert muse_s.settings("muse_s_athena").board == "muse_s_athena"
    assert dongle.settings() == BoardSettings("cyton", serial_port="/dev/ttyUSB0")
    assert result.notes == ()
    monkeypatch.setattr("sys.platform", "darwin")
    assert muse_s.settings() == BoardSettings("muse_s", serial_number="MuseS-12AB")


def test_a_machine_without_bluetooth_gives_one_line_and_its_ports():
    machine = StandInMachine(Bluetooth.ABSENT, ports=[DONGLE], note="No Bluetooth adapter.")
    result = scan_devices(0, machine)
    assert [d.transport for d in result.devices] == ["serial"]
    assert result.notes == ("No Bluetooth adapter.",)


def test_this_machine_can_be_scanned():
    result = scan_devices(0.5)
    assert all(note.endswith(".") and "\n" not in note for note in result.notes)


def test_missing_libraries_are_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bleak", None)
    notes = scan_devices(0.5).notes
    assert any("bci_affect[headset]" in note for note in notes)
