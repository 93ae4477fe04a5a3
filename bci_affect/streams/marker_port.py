"""Port that receives markers as UDP datagrams, for programs that do not speak LSL.

A datagram is text, or a message or bundle of OSC (Open Sound Control).
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import build_header, decode_text
from bci_affect.streams.numeric_markers import column_texts
from bci_affect.streams.source import Marker
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

UDP_STREAM = "UDP markers"
"""Name of the stream of these markers in a recording."""
MAX_BYTES = 4096
"""Longest marker; longer datagrams are ignored."""
POLL_S = 0.2
MAX_MARKERS = 10_000
"""Most markers that wait for `take`; older ones are dropped (recordings have all)."""


class MarkerPort:
    """Receiver of markers: the text of each datagram, at the time of its arrival.

    The thread starts with `start`. Each datagram is one marker in UTF-8 or CP1252; white space
    around it is removed, and an empty one is ignored. An OSC message is a marker of its address and
    arguments, see `osc_texts`.

    Parameters
    ----------
    port : int
        UDP port; 0 for any free one.
    tap : callable
        Returns the `RawTap` that receives the markers, or None.
    clock : callable
        Returns the present time on the LSL clock.
    host : str
        Address to listen at; by default only this machine can send.

    Raises
    ------
    BciAffectError
        If the port cannot be used.
    """

    def __init__(
        self,
        port: int,
        tap: Callable[[], RawTap | None],
        clock: Callable[[], float],
        host: str = "127.0.0.1",
    ) -> None:
        self._tap = tap
        self._clock = clock
        self._announced_to: RawTap | None = None
        self._markers: deque[Marker] = deque(maxlen=MAX_MARKERS)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise BciAffectError(
                f"Markers cannot be received at UDP port {port} ({error}); choose another port "
                "with --markers-udp."
            ) from None
        self._socket.settimeout(POLL_S)
        self._header = build_header(
            UDP_STREAM, "Markers", ["marker"], fmt="string", source_id=f"udp-markers-{self.port}"
        )
        self._thread = threading.Thread(target=self._run, name="markers-udp", daemon=True)

    @property
    def port(self) -> int:
        """Port in use."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Start receiving."""
        self._thread.start()

    def take(self) -> list[Marker]:
        """Return the markers since the last call."""
        with self._lock:
            markers = list(self._markers)
            self._markers.clear()
        return markers

    def stop(self) -> None:
        """End; safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * POLL_S + 1.0)
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._socket.recv(MAX_BYTES + 1)
            except OSError:  # nothing within the timeout, or a sender that is gone
                continue
            time = self._clock()
            if len(data) > MAX_BYTES:
                logger.warning("A marker of more than %d bytes was ignored.", MAX_BYTES)
            elif is_osc(data):
                for text in osc_texts(data):
                    self._receive(text, time)
            elif text := decode_text(data).strip():
                self._receive(text, time)

    def _receive(self, text: str, time: float) -> None:
        tap = self._tap()
        if tap is not None:
            if tap is not self._announced_to:
                tap.open_stream(UDP_STREAM, self._header)
                self._announced_to = tap
            tap.texts(UDP_STREAM, [[text]], np.array([time]))
        with self._lock:
            self._markers.append(Marker(time, text, UDP_STREAM))


def is_osc(data: bytes) -> bool:
    """Return whether a datagram is OSC: a bundle, or an address that ends with a zero byte."""
    return data.startswith(b"#bundle\0") or (data.startswith(b"/") and b"\0" in data)


def osc_texts(data: bytes) -> list[str]:
    r"""Return the text of each message of an OSC packet; none of a damaged packet.

    A text is the address and the arguments, separated by tabs, so that labels may refer to each of
    them. Numbers have no needless digits; arguments that are neither text, number nor truth value
    are left out.

    Examples
    --------
    >>> osc_texts(b"/marker\0,s\0\0happy\0\0\0")
    ['/marker\thappy']
    >>> osc_texts(b"/marker\0,f\0\0\x40\xe0\0\0")
    ['/marker\t7']
    """
    from pythonosc.osc_packet import OscPacket

    try:
        messages = [timed.message for timed in OscPacket(data).messages]
    except Exception:  # of various kinds, as the library expects no damage
        logger.warning("A damaged OSC packet was ignored.")
        return []
    return ["\t".join([m.address, *filter(None, map(_argument, m.params))]) for m in messages]


def _argument(value: object) -> str:
    """Return an argument of OSC as text; "" for one that is left out."""
    if isinstance(value, str):
        return value.strip()
    return column_texts([value])[0] if isinstance(value, int | float) else ""
