"""Bridge from BrainFlow's boards to LSL, for headsets without an LSL program.

BrainFlow (extra ``headset``) supports OpenBCI, Muse, g.tec, Neurosity and others; its samples are
published with the electrodes' names, in microvolts, and stamped with their time of arrival.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import StreamHeader, build_header
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.outlet import RawOutlet

logger = logging.getLogger(__name__)

PULL_S = 0.01


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


class Bridge:
    """Publisher of one board on LSL.

    Raises
    ------
    BciAffectError
        If BrainFlow is missing, the board is unknown or does not answer.
    """

    def __init__(self, settings: BoardSettings) -> None:
        self._flow = _load()
        self._settings = settings
        self._id = self._board_id(settings.board)
        self._described = self._id  # board that defines the channels
        if settings.master:
            self._described = self._board_id(settings.master)
        self.header = self._describe()
        self._board: Any = None

    def run(self, stop: threading.Event, *, wait: bool = False) -> int:
        """Send until `stop` is set; return the number of samples sent."""
        shim, error_type = self._flow.BoardShim, self._flow.BrainFlowError
        outlet = RawOutlet(self.header, own=False)
        while wait and not outlet.has_consumers():
            if stop.wait(0.02):
                return 0
        board = shim(self._id, self._parameters())
        try:
            board.prepare_session()
            board.start_stream()
        except error_type as error:
            raise BciAffectError(
                f"The board '{self._settings.board}' does not answer ({error}); check that it is "
                "on, and its --serial-port or --mac."
            ) from None
        to_lsl = lsl.local_clock() - time.time()  # BrainFlow stamps with the system's clock
        sent = 0
        try:
            while not stop.wait(PULL_S):
                data = board.get_board_data()
                if data.shape[1]:
                    samples = np.ascontiguousarray(data[self._rows].T, np.float32)
                    outlet.push(samples, data[self._time_row] + to_lsl)
                    sent += len(samples)
        finally:
            try:
                board.stop_stream()
                board.release_session()
            except error_type as error:
                logger.warning("The board did not stop in order: %s", error)
        return sent

    def _board_id(self, name: str) -> int:
        ids = self._flow.BoardIds
        key = name.strip().upper().replace("-", "_").replace(" ", "_")
        for candidate in (key, f"{key}_BOARD"):
            if candidate in ids.__members__:
                return int(ids[candidate].value)
        known = ", ".join(n.removesuffix("_BOARD").lower() for n in sorted(ids.__members__))
        raise BciAffectError(f"BrainFlow knows no board '{name}'; it knows {known}.")

    def _describe(self) -> StreamHeader:
        shim = self._flow.BoardShim
        try:
            self._rows: list[int] = list(shim.get_eeg_channels(self._described))
            self._time_row = int(shim.get_timestamp_channel(self._described))
            rate_hz = float(shim.get_sampling_rate(self._described))
        except self._flow.BrainFlowError:
            raise BciAffectError(
                f"The board '{self._settings.board}' has no EEG channels of its own; name the "
                "board that made the recording with --master."
            ) from None
        labels: Sequence[str] = self._settings.labels or self._named()
        if len(labels) != len(self._rows):
            raise BciAffectError(
                f"The board has {len(self._rows)} EEG channels, but {len(labels)} names are given."
            )
        n = len(labels)
        name = self._settings.board.lower()
        return build_header(
            f"BrainFlow {name}",
            "EEG",
            labels,
            units=["microvolts"] * n,
            types=["EEG"] * n,
            rate_hz=rate_hz,
            source_id="brainflow-"
            + "-".join(
                part
                for part in (name, self._settings.serial_number, self._settings.mac_address)
                if part
            ),
            simulated=name.startswith("synthetic"),
        )

    def _named(self) -> list[str]:
        try:
            return list(self._flow.BoardShim.get_eeg_names(self._described))
        except self._flow.BrainFlowError:  # boards whose electrodes can sit anywhere
            return [""] * len(self._rows)

    def _parameters(self) -> Any:
        given = self._settings
        parameters = self._flow.BrainFlowInputParams()
        parameters.serial_port = given.serial_port
        parameters.mac_address = given.mac_address
        parameters.serial_number = given.serial_number
        parameters.ip_address = given.ip_address
        parameters.ip_port = given.ip_port
        parameters.file = given.file
        if given.master:
            parameters.master_board = self._described
        return parameters


def _load() -> Any:
    try:
        flow: Any = importlib.import_module("brainflow.board_shim")
    except ImportError as error:
        raise BciAffectError(
            f"Headsets through BrainFlow need the extra 'headset' (pip install "
            f"'bci_affect[headset]'): {error}."
        ) from None
    with _pkg_resources():
        flow.BoardShim.set_log_level(6)  # off: failures arrive as exceptions
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
