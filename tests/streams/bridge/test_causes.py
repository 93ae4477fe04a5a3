"""Every refusal of a headset is named in words that say what to do."""

from __future__ import annotations

import pytest

from bci_affect.streams.bridge.board import BoardError, BoardSettings, BrainFlowBoard
from bci_affect.streams.bridge.causes import Cause, explain_refusal, explain_silence
from bci_affect.streams.bridge.surroundings import (
    Advertiser,
    Bluetooth,
    SerialPort,
    ThisMachine,
    _unavailable,
)
from tests.streams.bridge.stand_in import StandInMachine

MUSE = BoardSettings("muse_2", mac_address="00:55:DA:B0:00:01")
CYTON = BoardSettings("cyton", serial_port="/dev/ttyUSB0")
PORT = SerialPort("/dev/ttyUSB0", "FT231X USB UART", 0x0403, 0x6015)
HERE = Advertiser("Muse-0001", "00:55:da:b0:00:01", -60)
OTHER = Advertiser("Muse-0002", "00:55:da:b0:00:02", -60)
NOT_READY, NO_PORT = "BOARD_NOT_READY_ERROR", "UNABLE_TO_OPEN_PORT_ERROR"
TIMEOUT = "SYNC_TIMEOUT_ERROR"


@pytest.mark.parametrize(
    ("settings", "code", "machine", "cause", "words"),
    [
        (
            MUSE,
            NO_PORT,
            StandInMachine(Bluetooth.OFF, note="switched off"),
            Cause.BLUETOOTH_OFF,
            "off",
        ),
        (
            MUSE,
            NO_PORT,
            StandInMachine(Bluetooth.ABSENT, note="no adapter"),
            Cause.NO_BLUETOOTH,
            "no",
        ),
        (MUSE, NOT_READY, StandInMachine(devices=[OTHER]), Cause.NOT_SEEN, "phone"),
        (MUSE, NOT_READY, StandInMachine(devices=[HERE]), Cause.REFUSED, "off and on"),
        (MUSE, TIMEOUT, StandInMachine(devices=[HERE]), Cause.TIMEOUT, "within 10 s"),
        (BoardSettings("muse_2"), NOT_READY, StandInMachine(), Cause.NOT_SEEN, "a muse_2"),
        (
            BoardSettings("muse_2"),
            NOT_READY,
            StandInMachine(devices=[OTHER]),
            Cause.REFUSED,
            "'muse_2'",
        ),
        (CYTON, NO_PORT, StandInMachine(), Cause.WRONG_PORT, "no other serial port"),
        (
            BoardSettings("cyton", serial_port="/dev/ttyUSB7"),
            NO_PORT,
            StandInMachine(ports=[PORT]),
            Cause.WRONG_PORT,
            r"found: /dev/ttyUSB0 \(FT231X",
        ),
        (
            CYTON,
            NO_PORT,
            StandInMachine(ports=[PORT], openable=False, group="dialout"),
            Cause.NO_PERMISSION,
            r"usermod -aG dialout \$USER",
        ),
        (CYTON, NO_PORT, StandInMachine(ports=[PORT], group="dialout"), Cause.PORT_BUSY, "in use"),
        (CYTON, NOT_READY, StandInMachine(ports=[PORT]), Cause.NOT_READY, "to PC"),
        (CYTON, TIMEOUT, StandInMachine(ports=[PORT]), Cause.TIMEOUT, "did not answer"),
        (
            BoardSettings("cyton"),
            "INVALID_ARGUMENTS_ERROR",
            StandInMachine(ports=[PORT]),
            Cause.SETTINGS,
            "--serial-port",
        ),
        (BoardSettings("emotibit"), TIMEOUT, StandInMachine(), Cause.TIMEOUT, "did not answer"),
        (
            BoardSettings("galea"),
            "GENERAL_ERROR",
            StandInMachine(),
            Cause.OTHER,
            "check that it is on",
        ),
        (MUSE, "UNSUPPORTED_BOARD_ERROR", StandInMachine(), Cause.SETTINGS, "does not support"),
        (MUSE, "ANOTHER_BOARD_IS_CREATED_ERROR", StandInMachine(), Cause.PORT_BUSY, "already"),
    ],
)
def test_each_cause_in_words(settings, code, machine, cause, words):
    refusal = explain_refusal(BoardError(code), settings, machine)
    assert refusal.cause is cause
    with pytest.raises(type(refusal), match=words):
        raise refusal


def test_silence_names_the_switch_of_each_board():
    assert "OSC" in str(explain_silence(BoardSettings("crown"), 5.0))
    assert "power switch" in str(explain_silence(CYTON, 5.0))
    assert "out of reach" in str(explain_silence(MUSE, 5.0))


class Denied(Exception):
    class reason:
        name = "DENIED_BY_USER"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileNotFoundError(2, "No such file or directory"), Bluetooth.ABSENT),  # no D-Bus
        (RuntimeError("[org.bluez.Error.NotReady] Resource Not Ready"), Bluetooth.OFF),
        (RuntimeError("Bluetooth device is turned off: powered off"), Bluetooth.OFF),
        (Denied("not allowed"), Bluetooth.DENIED),
        (RuntimeError("No Bluetooth adapters found."), Bluetooth.ABSENT),
    ],
)
def test_errors_of_the_bluetooth_service_become_one_line(error, state):
    seen = _unavailable(error)
    assert seen.state is state
    assert seen.note.endswith(".")
    assert "\n" not in seen.note


def test_brainflow_itself_refuses_an_absent_port():
    pytest.importorskip("brainflow", reason="BrainFlow is not installed (extra 'headset')")
    settings = BoardSettings("cyton", serial_port="/dev/ttyUSB99")
    with pytest.raises(BoardError) as caught:
        BrainFlowBoard(settings).prepare()
    refusal = explain_refusal(caught.value, settings, ThisMachine())
    assert refusal.cause is Cause.WRONG_PORT
