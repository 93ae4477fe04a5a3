"""Board: the interface that the bridge needs, and its implementation by BrainFlow."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError

DEFAULT, AUXILIARY, ANCILLARY = 0, 1, 2
"""Presets of BrainFlow: groups of channels of a board with a rate of their own."""

CONFIGURATION = {"muse_2": "p50", "muse_2_bled": "p50", "muse_s": "p61", "muse_s_bled": "p61"}
"""Commands that switch on the optical sensors (PPG) of boards that send EEG only by default."""

CONNECT_S = 10
"""Default time limit in seconds for a board to answer."""


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """Board and its connection parameters.

    Attributes
    ----------
    board : str
        BrainFlow's name, in any case and with or without ``_BOARD``: ``synthetic``, ``cyton``,
        ``muse_2``, ``playback_file``.
    serial_port, mac_address, serial_number, ip_address : str
        Connection parameters that the board needs.
    ip_port : int
        For boards on the network.
    file : str
        Recording of the playback board.
    master : str
        Board that made the recording.
    labels : tuple of str
        Electrode names that replace BrainFlow's.
    timeout_s : int
        Time limit for the board to answer.
    configuration : str
        Command sent to the board after the connection; the one of `CONFIGURATION` by default.

    Examples
    --------
    >>> BoardSettings("Muse-2 board").key
    'muse_2'
    """

    board: str
    serial_port: str = ""
    mac_address: str = ""
    serial_number: str = ""
    ip_address: str = ""
    ip_port: int = 0
    file: str = ""
    master: str = ""
    labels: tuple[str, ...] = ()
    timeout_s: int = CONNECT_S
    configuration: str = ""

    @property
    def key(self) -> str:
        """Name of the board in lower case, without ``_board``."""
        return board_key(self.board)


class BoardError(Exception):
    """Error of a board.

    Attributes
    ----------
    code : str
        Name of BrainFlow's exit code, such as ``BOARD_NOT_READY_ERROR``.
    """

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code} {text}".strip())
        self.code = code


class Board(Protocol):
    """Connection to a device, as the bridge uses it; every method raises `BoardError`.

    The calls come from one thread, in the order `prepare`, `start`, any number of `read`, `stop`,
    `read`, `release`. After `release` the object is dropped; a new connection is a new object.
    """

    def describe(self) -> dict[int, dict[str, Any]]:
        """Return BrainFlow's description of each preset; possible before `prepare`."""

    def prepare(self) -> None:
        """Connect to the device."""

    def rate_hz(self, preset: int) -> float:
        """Return the present rate of a preset; the device may differ from its description."""

    def start(self) -> None:
        """Let the device send."""

    def read(self, preset: int) -> NDArray[np.float64]:
        """Return and remove what has arrived, shape (n_rows, n); possible until `release`."""

    def stop(self) -> None:
        """Let the device stop sending."""

    def release(self) -> None:
        """Disconnect."""


class BrainFlowBoard:
    """`Board` through BrainFlow.

    Raises
    ------
    BciAffectError
        If BrainFlow is missing, or knows no such board.
    """

    def __init__(self, settings: BoardSettings) -> None:
        self._flow = load_brainflow()
        self._settings = settings
        self._id = self._board_id(settings.board)
        self._described = self._board_id(settings.master) if settings.master else self._id
        self._shim: Any = None

    def describe(self) -> dict[int, dict[str, Any]]:
        """Return BrainFlow's description of each preset."""
        shim = self._flow.BoardShim
        with self._errors():
            presets = [int(preset) for preset in shim.get_board_presets(self._described)]
            return {p: dict(shim.get_board_descr(self._described, p)) for p in sorted(presets)}

    def prepare(self) -> None:
        """Connect, and switch on the optical sensors."""
        with self._errors():
            self._shim = self._flow.BoardShim(self._id, self._parameters())
            self._shim.prepare_session()
        given = self._settings
        command = given.configuration or CONFIGURATION.get(given.key, "")
        if command:
            with self._errors():
                self._shim.config_board(command)

    def rate_hz(self, preset: int) -> float:
        """Return the present rate of a preset."""
        with self._errors():
            return float(self._shim.get_board_sampling_rate(preset))

    def start(self) -> None:
        """Let the device send."""
        with self._errors():
            self._shim.start_stream()

    def read(self, preset: int) -> NDArray[np.float64]:
        """Return and remove what has arrived."""
        with self._errors():
            data: NDArray[np.float64] = self._shim.get_board_data(preset=preset)
            return data

    def stop(self) -> None:
        """Let the device stop sending."""
        with self._errors():
            self._shim.stop_stream()

    def release(self) -> None:
        """Disconnect."""
        # BrainFlow's object must be gone before another one is made: its destructor releases the
        # session of the same device, whichever object opened it.
        shim, self._shim = self._shim, None
        if shim is not None:
            with self._errors():
                shim.release_session()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate BrainFlow's errors."""
        try:
            yield
        except self._flow.BrainFlowError as error:
            code = error.exit_code
            with suppress(ValueError):
                code = self._flow.BrainFlowExitCodes(code).name
            raise BoardError(str(code), str(error)) from None

    def _board_id(self, name: str) -> int:
        ids = self._flow.BoardIds.__members__
        for candidate in (board_key(name).upper(), f"{board_key(name).upper()}_BOARD"):
            if candidate in ids:
                return int(ids[candidate].value)
        raise BciAffectError(
            f"BrainFlow knows no board '{name}'; it knows {', '.join(board_names())}."
        )

    def _parameters(self) -> Any:
        given = self._settings
        parameters = self._flow.BrainFlowInputParams()
        parameters.serial_port = given.serial_port
        parameters.mac_address = given.mac_address
        parameters.serial_number = given.serial_number
        parameters.ip_address = given.ip_address
        parameters.ip_port = given.ip_port
        parameters.file = given.file
        parameters.timeout = given.timeout_s
        if given.master:
            parameters.master_board = self._described
        return parameters


def board_key(name: str) -> str:
    """Return a board's name in one spelling: lower case, without ``_board``."""
    key = name.strip().lower().replace("-", "_").replace(" ", "_")
    return key.removesuffix("_board")


def board_names() -> list[str]:
    """Return the names of all boards that BrainFlow supports."""
    ids = load_brainflow().BoardIds.__members__
    return sorted(board_key(name) for name in ids if name != "NO_BOARD")


def load_brainflow() -> Any:
    """Return BrainFlow's module.

    Raises
    ------
    BciAffectError
        If it is not installed, or its library does not load.
    """
    try:
        flow: Any = importlib.import_module("brainflow.board_shim")
    except ImportError as error:
        raise BciAffectError(
            f"Headsets through BrainFlow need the extra 'headset' (pip install "
            f"'bci_affect[headset]'): {error}."
        ) from None
    try:
        with _pkg_resources():
            flow.BoardShim.set_log_level(6)  # off: failures arrive as exceptions
    except OSError as error:
        raise BciAffectError(
            f"BrainFlow's library does not load on this machine ({error}); it supports Windows, "
            "macOS and Linux on x86-64 and arm64."
        ) from None
    return flow


@contextmanager
def _pkg_resources() -> Iterator[None]:
    """Replace setuptools' `pkg_resources` while BrainFlow loads its library.

    BrainFlow requests one path from it; setuptools removed it in version 81.
    """
    if importlib.util.find_spec("pkg_resources") is not None:
        yield
        return
    stand_in: Any = types.ModuleType("pkg_resources")
    stand_in.resource_filename = lambda module, name: str(
        Path(str(sys.modules[module].__file__)).parent / name
    )
    sys.modules["pkg_resources"] = stand_in
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
