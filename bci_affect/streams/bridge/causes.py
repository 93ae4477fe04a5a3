"""Causes for which a board does not connect or send, with advice for the user."""

from __future__ import annotations

from enum import StrEnum

from bci_affect.errors import BciAffectError
from bci_affect.streams.bridge.board import BoardError, BoardSettings
from bci_affect.streams.bridge.surroundings import (
    Bluetooth,
    SerialPort,
    Surroundings,
    same_device,
)

_RADIO = (
    *("muse_2016", "muse_2", "muse_s", "muse_s_athena", "ganglion_native", "brainbit"),
    *("brainalive", "enophone", "unicorn", "callibri_eeg", "callibri_emg", "callibri_ecg"),
    *("explore_4_chan", "explore_8_chan", "explore_plus_8_chan", "explore_plus_32_chan"),
    *("gforce_pro", "gforce_dual", "aavaa_v3", "ob5000_8_channels", "ob3000_24_channels"),
    *("synchroni_trio_3_channels", "synchroni_octo_8_channels"),
    *("synchroni_pento_8_channels", "synchroni_uno_1_channels"),
)
_SERIAL = (
    *("cyton", "cyton_daisy", "ganglion", "muse_2_bled", "muse_s_bled", "muse_2016_bled"),
    *("brainbit_bled", "freeeeg32", "freeeeg128", "neuropawn_knight", "neuropawn_knight_imu"),
    *("shimmer3",),
)
MAY_MATCH = {
    "muse_2": "muse",
    "muse_2016": "muse",
    "muse_s": "muse",
    "muse_s_athena": "muse",
    "ganglion_native": "ganglion",
    "brainbit": "brainbit",
    "brainalive": "brainalive",
    "enophone": "enophone",
    "unicorn": "un-",
    "explore_4_chan": "explore",
    "explore_8_chan": "explore",
    "explore_plus_8_chan": "explore",
    "explore_plus_32_chan": "explore",
}
"""Part of the Bluetooth name of each board's devices."""


class Cause(StrEnum):
    """Cause for which a board does not connect or send."""

    NONE = ""
    LIBRARY = "library missing"
    SETTINGS = "settings"
    NO_BLUETOOTH = "no Bluetooth"
    BLUETOOTH_OFF = "Bluetooth off"
    BLUETOOTH_DENIED = "Bluetooth denied"
    NOT_SEEN = "not seen"
    REFUSED = "refused"
    WRONG_PORT = "wrong port"
    NO_PERMISSION = "no permission"
    PORT_BUSY = "port in use"
    NOT_READY = "board not ready"
    TIMEOUT = "timeout"
    SILENT = "silent"
    READ = "read error"
    CHANGED = "changed"
    OTHER = "other"

    @property
    def passes(self) -> bool:
        """False if waiting cannot help."""
        return self not in (Cause.LIBRARY, Cause.SETTINGS)


class BoardRefusal(BciAffectError):
    """Refusal of a board, with its cause and the advice for the user as text."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause


def explain_refusal(
    error: BoardError, settings: BoardSettings, surroundings: Surroundings
) -> BoardRefusal:
    """Return the cause of a failed connection; may search for Bluetooth devices (slow)."""
    board = f"board '{settings.board}'"
    if error.code == "UNSUPPORTED_BOARD_ERROR":
        return BoardRefusal(
            Cause.SETTINGS, f"BrainFlow does not support the {board} on this system."
        )
    if error.code in ("ANOTHER_BOARD_IS_CREATED_ERROR", "STREAM_ALREADY_RUN_ERROR"):
        return BoardRefusal(
            Cause.PORT_BUSY, f"The {board} is already connected; end the other bridge."
        )
    if settings.key in _SERIAL or settings.serial_port:
        return _serial(error, settings, surroundings)
    if error.code == "INVALID_ARGUMENTS_ERROR":
        return BoardRefusal(
            Cause.SETTINGS,
            f"The {board} needs other settings ({error}); see --serial-port, --mac, --ip, --file "
            "and --master.",
        )
    if settings.key in _RADIO:
        return _radio(error, settings, surroundings)
    if error.code == "SYNC_TIMEOUT_ERROR":
        return _timeout(settings)
    return BoardRefusal(
        Cause.OTHER,
        f"The {board} does not answer ({error}); check that it is on, and its --serial-port, --mac "
        "or --ip.",
    )


def explain_silence(settings: BoardSettings, seconds: float) -> BoardRefusal:
    """Return the cause of a connected board that sends nothing."""
    hint = "It may be out of reach or its battery empty"
    if settings.key in ("crown", "notion_1", "notion_2"):
        hint = "Switch on OSC in the headset's settings, and use one network for both"
    elif settings.key in _SERIAL:
        hint = "Check its power switch, battery and distance to the dongle"
    return BoardRefusal(
        Cause.SILENT,
        f"The board '{settings.board}' is connected but sends nothing ({seconds:.1f} s). {hint}.",
    )


def explain_read(error: BoardError, settings: BoardSettings) -> BoardRefusal:
    """Return the cause of a failed read."""
    return BoardRefusal(
        Cause.READ, f"The connection to the board '{settings.board}' broke ({error})."
    )


def _timeout(settings: BoardSettings) -> BoardRefusal:
    return BoardRefusal(
        Cause.TIMEOUT,
        f"The board '{settings.board}' did not answer within {settings.timeout_s} s; move it "
        "closer, switch it off and on, and try again.",
    )


def _radio(error: BoardError, settings: BoardSettings, surroundings: Surroundings) -> BoardRefusal:
    seen = surroundings.bluetooth()
    by_state = {
        Bluetooth.ABSENT: Cause.NO_BLUETOOTH,
        Bluetooth.OFF: Cause.BLUETOOTH_OFF,
        Bluetooth.DENIED: Cause.BLUETOOTH_DENIED,
    }
    if seen.state in by_state:
        return BoardRefusal(by_state[seen.state], seen.note)
    address, name = settings.mac_address, settings.serial_number
    if not (address or name):
        name = MAY_MATCH.get(settings.key, "")
    wanted = settings.serial_number or settings.mac_address or f"a {settings.board}"
    if seen.state is Bluetooth.ON and not same_device(seen.devices, address, name):
        return BoardRefusal(
            Cause.NOT_SEEN,
            f"Bluetooth works, but {wanted} is not seen: it is off, out of reach, or held by "
            "another program or a phone. Switch it on, close its app on the phone (or switch "
            "Bluetooth off there), and try again.",
        )
    if error.code == "SYNC_TIMEOUT_ERROR":
        return _timeout(settings)
    return BoardRefusal(
        Cause.REFUSED,
        f"The headset {wanted} is in reach but refuses the connection ({error}); switch it off and "
        f"on, and check that it is a '{settings.board}'.",
    )


def _serial(error: BoardError, settings: BoardSettings, surroundings: Surroundings) -> BoardRefusal:
    path, ports = settings.serial_port, surroundings.ports()
    if not path:
        return BoardRefusal(
            Cause.SETTINGS,
            f"The board '{settings.board}' needs --serial-port; {_listed(ports)}.",
        )
    known = path in [port.path for port in ports]
    if error.code in ("UNABLE_TO_OPEN_PORT_ERROR", "SER_PORT_ERROR", "PORT_ALREADY_OPEN_ERROR"):
        if not known and surroundings.group(path) == "":
            return BoardRefusal(
                Cause.WRONG_PORT,
                f"There is no serial port {path}: plug the board's dongle in, or name another "
                f"port; {_listed(ports)}.",
            )
        if not surroundings.may_open(path):
            group = surroundings.group(path) or "dialout"
            return BoardRefusal(
                Cause.NO_PERMISSION,
                f"Your user may not open {path}: run 'sudo usermod -aG {group} $USER', log out and "
                "in again, and try again.",
            )
        return BoardRefusal(
            Cause.PORT_BUSY,
            f"The serial port {path} is in use by another program (such as the OpenBCI GUI); close "
            "it and try again.",
        )
    if error.code == "SYNC_TIMEOUT_ERROR":
        return _timeout(settings)
    if error.code == "INVALID_ARGUMENTS_ERROR":
        return BoardRefusal(
            Cause.SETTINGS, f"The board '{settings.board}' needs other settings ({error})."
        )
    others = tuple(port for port in ports if port.path != path)
    return BoardRefusal(
        Cause.NOT_READY,
        f"The port {path} opens but no '{settings.board}' answers ({error}): switch the board on "
        f"(OpenBCI: to PC), charge it, and check that this is its port; {_listed(others)}.",
    )


def _listed(ports: tuple[SerialPort, ...]) -> str:
    """Return the serial ports as a clause."""
    if not ports:
        return "no other serial port is found"
    return "found: " + ", ".join(
        f"{port.path} ({port.description})" if port.description not in ("", "n/a") else port.path
        for port in ports
    )
